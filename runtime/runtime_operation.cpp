// Draining, and what operators see: the part of `runtime` beside its main path.
#include "tidemark/observability/log.hpp"
#include "tidemark/runtime/runtime.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace tidemark {

namespace {

constexpr duration drain_poll = std::chrono::milliseconds{5};

awaitable<void> carry_out(std::function<void()> work) {
    work();
    co_return;
}

}  // namespace

std::vector<const stream_type*> runtime::types() const {
    std::vector<const stream_type*> out;
    for (const auto& [category, one] : stores_) out.push_back(one.type.get());
    return out;
}

std::vector<projection_status> runtime::projections() const {
    std::vector<projection_status> out;
    for (const auto& one : projections_) out.push_back(one->status());
    return out;
}

std::vector<runtime::registered_projection> runtime::registered_projections() const {
    std::vector<registered_projection> out;
    for (const auto& one : projections_) out.push_back({&one->type(), one->options()});
    return out;
}

result<void> runtime::rebuild(std::string_view projection) {
    for (auto& one : projections_) {
        if (one->name() != projection) continue;
        one->rebuild();
        return {};
    }
    return error{errc::not_found,
                 "no projection \"" + std::string{projection} + "\" is registered"};
}

awaitable<result<void>> runtime::set_paused(std::string projection, bool is_paused,
                                            audit_entry who) {
    projection_runner* running = nullptr;
    for (auto& one : projections_) {
        if (one->name() == projection) running = one.get();
    }
    if (running == nullptr) {
        auto models = co_await events_.list_models();
        if (!models) co_return models.error();
        const auto is_kept = std::ranges::any_of(
            *models, [&](const auto& model) { return model.name == projection; });
        if (!is_kept) {
            co_return error{errc::not_found,
                            "no projection \"" + projection + "\" is registered or kept"};
        }
    }
    projection_controls controls{events_, execution_.clock()};
    auto done = co_await controls.set(std::move(projection), is_paused, std::move(who));
    if (done && running != nullptr) running->look_at_control();
    co_return done;
}

std::vector<relay_status> runtime::relays() const {
    std::vector<relay_status> out;
    for (const auto& one : relays_) out.push_back(one->status());
    return out;
}

std::vector<consumer_status> runtime::consumers() const {
    std::vector<consumer_status> out;
    for (const auto& one : consumers_) out.push_back(one->status());
    return out;
}

std::vector<command_server_status> runtime::servers() const {
    std::vector<command_server_status> out;
    for (const auto& one : servers_) out.push_back(one->status());
    return out;
}

std::vector<bus_caller_status> runtime::callers() const {
    std::vector<bus_caller_status> out;
    for (const auto& one : callers_) out.push_back(one->status());
    return out;
}

bus_caller* runtime::caller(std::string_view topic) const {
    for (const auto& one : callers_) {
        if (one->options().topic == topic) return one.get();
    }
    return nullptr;
}

bus_consumer* runtime::consumer(std::string_view name) const {
    for (const auto& one : consumers_) {
        if (one->options().name == name) return one.get();
    }
    return nullptr;
}

awaitable<void> runtime::on_shard(std::size_t index, std::function<void()> work) {
    // A coroutine of the shard's own: `co_await post(shard)` would come back here before it goes
    // on.
    auto there = carry_out(std::move(work));
    const boost::asio::use_awaitable_t<executor> token;
    co_await boost::asio::co_spawn(execution_.shard(index), std::move(there), token);
}

awaitable<runtime::live_streams> runtime::live() {
    auto out = std::make_shared<live_streams>();
    for (const auto& [category, one] : stores_) out->waiting.emplace(category, 0);
    for (std::size_t i = 0; i < shards_.size(); ++i) {
        auto look = [shard = shards_[i].get(), out] {
            out->count += shard->live();
            out->bytes += shard->bytes();
            for (auto& one : shard->quarantined()) out->quarantined.push_back(std::move(one));
            shard->add_waiting(out->waiting);
        };
        std::function<void()> looking = std::move(look);
        co_await on_shard(i, std::move(looking));
    }
    co_return *out;
}

void runtime::wake_effects() {
    for (auto& runner : runners_) runner->look_again();
}

awaitable<void> runtime::wait_until_idle(duration until, drained& out) {
    const executor home = co_await boost::asio::this_coro::executor;
    const auto waiter = execution_.make_timer(home);
    for (;;) {
        struct left {
            std::atomic<std::uint64_t> commands{0};
            std::atomic<std::uint64_t> effects{0};
        };
        auto busy = std::make_shared<left>();
        for (std::size_t i = 0; i < shards_.size(); ++i) {
            auto look = [shard = shards_[i].get(), runner = runners_[i].get(), busy] {
                busy->commands += shard->unfinished();
                busy->effects += runner->running();
            };
            std::function<void()> looking = std::move(look);
            co_await on_shard(i, std::move(looking));
        }
        for (const auto& server : servers_) busy->commands += server->in_flight();
        out.unfinished_commands = busy->commands;
        out.unfinished_effects = busy->effects;
        out.unfinished = out.unfinished_commands + out.unfinished_effects;
        if (out.unfinished == 0 || execution_.clock().steady() >= until) co_return;
        co_await waiter->wait(drain_poll);
    }
}

awaitable<void> runtime::close_shards() {
    for (std::size_t i = 0; i < shards_.size(); ++i) {
        auto shut = [shard = shards_[i].get()] { shard->shut(); };
        std::function<void()> shutting = std::move(shut);
        co_await on_shard(i, std::move(shutting));
        co_await runners_[i]->stop();
        co_await shards_[i]->close();
    }
}

/// Callers' commands already taken and the effects they lead to end; only new ones are refused.
awaitable<runtime::drained> runtime::drain() {
    const auto began = execution_.clock().steady();
    drained out;
    is_draining_ = true;
    out.effects = static_cast<std::uint64_t>(std::max<std::int64_t>(0, totals_.effects_in_flight));
    for (auto& server : servers_) {
        server->stop_taking();
        out.commands += server->in_flight();
    }
    for (std::size_t i = 0; i < shards_.size(); ++i) {
        auto hush = [shard = shards_[i].get(), runner = runners_[i].get(), &out] {
            out.commands += shard->unfinished();
            runner->stop_claiming();
        };
        std::function<void()> hushing = std::move(hush);
        co_await on_shard(i, std::move(hushing));
    }
    co_await wait_until_idle(began + options_.drain, out);
    out.is_complete = out.unfinished == 0;
    if (out.is_complete) {
        for (auto& server : servers_) co_await server->stop();
        co_await close_shards();
    }
    for (auto& caller : callers_) co_await caller->stop();
    co_await pruner_.stop();
    for (auto& consumer : consumers_) co_await consumer->stop();
    for (auto& relay : relays_) co_await relay->stop();
    for (auto& projection : projections_) co_await projection->stop();
    out.took = execution_.clock().steady() - began;
    co_return out;
}

}  // namespace tidemark
