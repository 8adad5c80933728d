#include "tidemark/runtime/runtime.hpp"

#include "tidemark/observability/log.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <stdexcept>

namespace tidemark {

namespace {

using use_awaitable = boost::asio::use_awaitable_t<executor>;

error no_such_category(const stream_id& stream) {
    return error{errc::not_found, "no store of category \"" + std::string{stream.category()} +
                                      "\" is registered (stream " + stream.text() + ")"};
}

}  // namespace

error detail::thrown_error(std::string_view function, std::string_view what) {
    return error{errc::user_code_threw,
                 std::string{function} + " threw: " + std::string{what} + "; nothing was stored"};
}

runtime::runtime(execution& ex, storage& events, event_bus& bus, runtime_options options,
                 metrics_registry* registry)
    : execution_{ex},
      events_{events},
      bus_{bus},
      options_{std::move(options)},
      pruner_{ex, ex.shard_count() - 1, events, options_.answer_retention} {
    if (registry != nullptr) metrics_ = runtime_metrics{*registry};
    if (options_.owner.empty()) options_.owner = ex.fresh_id().to_string();
    for (std::size_t i = 0; i < ex.shard_count(); ++i) {
        shards_.push_back(
            std::make_unique<shard_runtime>(ex, events, options_, metrics_, totals_, i));
        runners_.push_back(std::make_unique<effect_runner>(*shards_.back(), *this));
    }
}

/// Callers that still wait are unwound before anything they refer to goes away.
runtime::~runtime() { abandon(); }

void runtime::abandon() {
    for (auto& shard : shards_) shard->abandon();
}

void runtime::add_store(std::unique_ptr<stream_type> type, store_options options) {
    const std::string category{type->category()};
    auto names = type->event_names();
    for (const auto& name : type->command_names()) names.push_back(name);
    for (const auto& name : names) {
        if (name.starts_with("tidemark.")) continue;
        const auto [known, is_fresh] = names_.emplace(name, category);
        if (!is_fresh && known->second != category && !type->wants_answers()) {
            throw std::logic_error{"stored name \"" + name + "\" is used by categories \"" +
                                   known->second + "\" and \"" + category + "\""};
        }
    }
    const snapshot_policy snapshots{
        .every = options.snapshot_every.value_or(options_.snapshots.every),
        .bytes = options.snapshot_bytes.value_or(options_.snapshots.bytes)};
    const auto [place, is_fresh] =
        stores_.emplace(category, registered{std::move(type), snapshots});
    if (!is_fresh) throw std::logic_error{"category \"" + category + "\" is registered twice"};
}

void runtime::add_projection(std::unique_ptr<projection_type> type, projection_options options) {
    const auto shard = projections_.size() % execution_.shard_count();
    projections_.push_back(std::make_unique<projection_runner>(execution_, shard, events_,
                                                               std::move(type), options, metrics_));
}

void runtime::add_performer(std::string request, erased_performer performer) {
    const auto [place, is_fresh] = performers_.emplace(std::move(request), std::move(performer));
    if (!is_fresh) {
        throw std::logic_error{"request \"" + place->first + "\" has two performers"};
    }
}

void runtime::relay(relay_options options) {
    if (options.owner.empty()) options.owner = options_.owner;
    if (options.cloud_events_source.empty()) {
        options.cloud_events_source = options_.cloud_events_source;
    }
    options.lease = events_.is_shared() ? options_.lease : duration{0};
    options.on_reported = [took = metrics_.bus_publish_duration, topic = options.topic,
                           told = std::move(options.on_reported)](delivery how, duration span) {
        const std::chrono::duration<double> seconds = span;
        took.with({topic, to_string(how)}).observe(seconds.count());
        if (told) told(how, span);
    };
    relays_.push_back(
        std::make_unique<tidemark::relay>(execution_, events_, events_, bus_, std::move(options)));
}

void runtime::add_consumer(consumer_options options) {
    if (consumer(options.name) != nullptr) {
        throw std::logic_error{"two consumers are called \"" + options.name + "\""};
    }
    for (const auto& one : projections_) {
        if (one->name() != options.name) continue;
        throw std::logic_error{"\"" + options.name + "\" is a projection and a consumer"};
    }
    consumers_.push_back(
        std::make_unique<bus_consumer>(execution_, events_, bus_, std::move(options), metrics_));
}

void runtime::serve(command_server_options options) {
    for (const auto& one : servers_) {
        if (one->options().topic != options.topic) continue;
        throw std::logic_error{"commands of topic \"" + options.topic + "\" are served twice"};
    }
    servers_.push_back(std::make_unique<command_server>(execution_, *this, events_, bus_,
                                                        std::move(options), metrics_));
}

bus_caller& runtime::call_over(bus_caller_options options) {
    if (caller(options.topic) != nullptr) {
        throw std::logic_error{"topic \"" + options.topic + "\" is asked over twice"};
    }
    callers_.push_back(
        std::make_unique<bus_caller>(execution_, bus_, std::move(options), metrics_));
    return *callers_.back();
}

void runtime::start() {
    is_started_ = true;
    for (auto& runner : runners_) runner->start();
    for (auto& projection : projections_) projection->start();
    for (auto& relay : relays_) relay->start();
    for (auto& consumer : consumers_) consumer->start();
    for (auto& caller : callers_) caller->start();
    for (auto& server : servers_) server->start();
    if (options_.answer_retention > duration{0}) pruner_.start();
}

const stream_type* runtime::type_of(std::string_view category) const {
    const auto found = stores_.find(category);
    return found == stores_.end() ? nullptr : found->second.type.get();
}

const erased_performer* runtime::performer_of(std::string_view name) const {
    const auto found = performers_.find(name);
    return found == performers_.end() ? nullptr : &found->second;
}

std::size_t runtime::shard_of(const stream_id& stream) const {
    // FNV-1a: the same on every platform, so that simulations repeat.
    std::uint64_t hash = 14695981039346656037ULL;
    for (const char c : stream.text()) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    }
    return static_cast<std::size_t>((hash ^ hash >> 32U) % shards_.size());
}

awaitable<command_result> runtime::deliver(stream_id to, envelope_ptr envelope) {
    auto begin = [this](auto handler, stream_id stream, envelope_ptr sent) {
        sent->home = boost::asio::get_associated_executor(handler);
        // Swapped in: Boost 1.81's move assignment of any_completion_handler calls itself for ever.
        boost::asio::any_completion_handler<void(command_result)> reply{std::move(handler)};
        sent->reply.swap(reply);
        const auto found = stores_.find(stream.category());
        auto& shard = *shards_[shard_of(stream)];
        if (found == stores_.end()) {
            const auto command = sent->id;
            shard.reply(*sent,
                        command_result{outcome{command, no_such_category(stream)}, {}, false});
            return;
        }
        const auto* known = &found->second;
        boost::asio::dispatch(shard.on(), [&shard, known, stream = std::move(stream),
                                           sent = std::move(sent)]() mutable {
            shard.submit(*known->type, known->snapshots, stream, std::move(sent));
        });
    };
    return boost::asio::async_initiate<const use_awaitable, void(command_result)>(
        std::move(begin), use_awaitable{}, std::move(to), std::move(envelope));
}

awaitable<outcome> runtime::call_stream(stream_id to, std::unique_ptr<any_command> command,
                                        call how) {
    // On the heap from the start: it would make this frame too large for Asio to keep.
    auto kept = std::make_unique<command_envelope>();
    auto& envelope = *kept;
    envelope.command = std::move(command);
    if (how.key().empty()) {
        envelope.id = execution_.fresh_id();
    } else {
        const auto derived = message_id::derive({"command", how.scope(), how.key()});
        envelope.id = how.id().is_none() ? derived : how.id();
        envelope.scope = how.scope();
        envelope.key = how.key();
    }
    envelope.expected = how.expected();
    envelope.trace = how.trace();
    if (envelope.trace.correlation.is_none()) envelope.trace.correlation = envelope.id;
    envelope.deadline = execution_.clock().steady() + how.span().value_or(options_.deadline);
    const auto id = envelope.id;
    if (!to.is_valid()) {
        co_return outcome{
            id, error{errc::invalid_argument, "\"" + to.text() +
                                                  "\" is no stream id: category-id, at most "
                                                  "255 bytes of printable UTF-8"}};
    }
    if (is_draining_) {
        co_return outcome{id, error{errc::shutting_down,
                                    "the process is draining and takes no new commands; send the "
                                    "command to another one, or here after its restart"}};
    }
    auto told = co_await deliver(std::move(to), std::move(kept));
    co_return std::move(told.outcome);
}

awaitable<outcome> execute_command(runtime& on, stream_id to, std::unique_ptr<any_command> command,
                                   call how) {
    return on.call_stream(std::move(to), std::move(command), std::move(how));
}

awaitable<result<std::optional<answer>>> runtime::find_answer(std::string scope, std::string id) {
    return events_.find_answer(std::move(scope), std::move(id));
}

awaitable<result<runtime::state_at>> runtime::state_of(stream_id stream,
                                                       std::optional<version> at) {
    const auto* type = type_of(stream.category());
    if (type == nullptr) co_return no_such_category(stream);
    auto state = type->initial_state();
    version folded;
    auto is_more = true;
    while (is_more) {
        auto page = co_await events_.read(stream, folded, options_.load_page);
        if (!page) co_return page.error();
        is_more = is_full_page(*page, options_.load_page);
        for (const auto& event : *page) {
            if (at && event.version > *at) {
                is_more = false;
                break;
            }
            auto evolved = type->evolve(*state, event);
            if (!evolved) co_return evolved.error();
            folded = event.version;
        }
    }
    if (folded == version{}) {
        co_return error{errc::not_found, "stream " + stream.text() + " has no events"};
    }
    if (at && folded < *at) {
        co_return error{errc::not_found, "stream " + stream.text() + " has no version " +
                                             std::to_string(at->value()) + "; its head is " +
                                             std::to_string(folded.value())};
    }
    state_at out{folded, std::string{type->state_name()}, type->encode_state(*state)};
    co_return out;
}

awaitable<result<bool>> runtime::wait_for(std::string projection, position at, duration span) {
    for (auto& one : projections_) {
        if (one->name() != projection) continue;
        co_return co_await one->wait_for(at, span);
    }
    co_return error{errc::not_found, "no projection \"" + projection + "\" is registered"};
}

}  // namespace tidemark
