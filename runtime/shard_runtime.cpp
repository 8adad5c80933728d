#include "tidemark/runtime/shard_runtime.hpp"

#include "tidemark/async/spawn.hpp"
#include "tidemark/core/assert.hpp"
#include "tidemark/observability/log.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace tidemark {

namespace {

/// How often the deadlines of waiting commands are looked at; a late answer is late by this much.
constexpr duration sweep_interval = std::chrono::milliseconds{50};
constexpr duration resend_first = std::chrono::milliseconds{5};
constexpr duration resend_cap = std::chrono::seconds{1};

}  // namespace

shard_runtime::shard_runtime(execution& ex, storage& events, const runtime_options& options,
                             const runtime_metrics& catalog, runtime_totals& totals,
                             std::size_t index)
    : execution_{ex},
      events_{events},
      options_{options},
      metrics_{catalog, totals, std::string{events.kind()}},
      index_{index},
      owner_{options.owner + "/" + std::to_string(index)},
      bytes_max_{std::max<std::size_t>(options.cache_bytes / ex.shard_count(), 1)},
      sweeper_{ex.make_timer(index)} {}

shard_runtime::~shard_runtime() = default;

void shard_runtime::submit(const stream_type& type, const snapshot_policy& snapshots,
                           const stream_id& id, envelope_ptr envelope) {
    if (gate_.is_closed()) {
        const auto command = envelope->id;
        reply(*envelope, command_result{outcome{command, error{errc::shutting_down,
                                                               "the process is draining; send the "
                                                               "command again after its restart"}},
                                        {},
                                        false});
        return;
    }
    auto& place = instances_[id];
    if (!place.live) {
        place.live = std::make_unique<instance>(*this, type, snapshots, id);
        place.place = busy_.insert(busy_.end(), place.live.get());
    } else if (place.is_idle) {
        busy_.splice(busy_.end(), idle_, place.place);
        place.is_idle = false;
    }
    if (envelope->deadline != no_deadline) watch_deadlines();
    place.live->submit(std::move(envelope));
}

void shard_runtime::shut() {
    gate_.shut();
    sweeper_->cancel();
}

awaitable<void> shard_runtime::close() {
    co_await gate_.close();
    co_await sends_.close();
}

void shard_runtime::abandon() {
    for (auto& [id, place] : instances_) place.live->abandon();
}

std::vector<shard_runtime::quarantined_stream> shard_runtime::quarantined() const {
    std::vector<quarantined_stream> out;
    for (const auto& [id, place] : instances_) {
        if (!place.live->quarantine().empty()) out.push_back({id, place.live->quarantine()});
    }
    return out;
}

bool shard_runtime::forget(const stream_id& id) {
    const auto found = instances_.find(id);
    if (found == instances_.end() || !found->second.is_idle) return false;
    idle_.erase(found->second.place);
    bytes_ -= std::min(bytes_, found->second.live->bytes());
    instances_.erase(found);
    return true;
}

void shard_runtime::idle(instance& who) {
    auto& place = instances_.at(who.id());
    if (place.is_idle) return;
    idle_.splice(idle_.end(), busy_, place.place);
    place.is_idle = true;
    if (bytes_ > bytes_max_) {
        // Later, so that the caller is not evicted under its own feet.
        boost::asio::post(on(), [this, holder = gate_.try_enter()] {
            if (holder) evict();
        });
    }
}

void shard_runtime::add_waiting(
    std::map<std::string, std::size_t, std::less<>>& by_category) const {
    for (const auto* live : busy_) {
        by_category[std::string{live->type().category()}] += live->waiting();
    }
}

void shard_runtime::evict() {
    auto next = idle_.begin();
    while (bytes_ > bytes_max_ && next != idle_.end()) {
        auto* oldest = *next++;
        // A quarantined stream stays, so that operators see it until it is mended.
        if (oldest->quarantine().empty()) forget(oldest->id());
    }
}

void shard_runtime::resized(std::ptrdiff_t bytes) {
    bytes_ = static_cast<std::size_t>(
        std::max<std::ptrdiff_t>(0, static_cast<std::ptrdiff_t>(bytes_) + bytes));
}

void shard_runtime::reply(command_envelope& envelope, command_result told) {
    if (!envelope.reply) return;
    auto handler = std::move(envelope.reply);
    // Never inside this call: the caller may come back at once and find an instance half-way.
    boost::asio::post(envelope.home,
                      [handler = std::move(handler), told = std::move(told)]() mutable {
                          std::move(handler)(std::move(told));
                      });
}

void shard_runtime::append(append_request request, instance& who, std::uint64_t ticket) {
    gather(std::move(request), {&who, ticket});
}

void shard_runtime::gather(append_request request, sender from) {
    gathered_.push_back(std::move(request));
    senders_.push_back(from);
    post_flush();
}

/// Later, so that what this turn of the shard decides leaves in one batch.
void shard_runtime::post_flush() {
    if (gathered_.empty() || is_flush_posted_ || batches_ >= options_.batches_max) return;
    is_flush_posted_ = true;
    boost::asio::post(on(), [this] {
        is_flush_posted_ = false;
        flush();
    });
}

void shard_runtime::flush() {
    while (!gathered_.empty() && batches_ < options_.batches_max) {
        const auto count = std::min(gathered_.size(), options_.batch_appends_max);
        const auto last = gathered_.begin() + static_cast<std::ptrdiff_t>(count);
        auto batch = std::make_shared<const std::vector<append_request>>(
            std::make_move_iterator(gathered_.begin()), std::make_move_iterator(last));
        gathered_.erase(gathered_.begin(), last);
        const auto last_sender = senders_.begin() + static_cast<std::ptrdiff_t>(count);
        std::vector<sender> senders{senders_.begin(), last_sender};
        senders_.erase(senders_.begin(), last_sender);
        ++batches_;
        spawn_here(sends_, on(), send_batch(std::move(batch), std::move(senders)));
    }
}

awaitable<void> shard_runtime::send_batch(append_batch batch, std::vector<sender> senders) {
    const auto began = steady();
    auto outcomes = co_await events_.append(batch);
    const auto took = steady() - began;
    --batches_;
    TIDEMARK_ASSERT(outcomes.size() == senders.size());
    metrics_.append_took("committed", took);
    for (std::size_t i = 0; i < senders.size(); ++i) {
        senders[i].who->on_outcome(senders[i].ticket, std::move(outcomes[i]), (*batch)[i]);
    }
    post_flush();
}

void shard_runtime::append_again(append_request request, instance& who, std::uint64_t ticket,
                                 std::uint32_t resends) {
    const auto pause = std::min(resend_cap, resend_first * (1U << std::min(resends, 8U)));
    const sender from{&who, ticket};
    spawn(sends_, on(), send_later(std::move(request), from, pause));
}

awaitable<void> shard_runtime::send_later(append_request request, sender from, duration pause) {
    const auto waiter = execution_.make_timer(index_);
    co_await waiter->wait(pause);
    gather(std::move(request), from);
}

void shard_runtime::committed(const instance& who, const append_request& sent,
                              const append_committed& outcome) {
    metrics_.appended(who.type().category(), sent.events.size());
    if (listener_ == nullptr || (sent.effects.empty() && sent.timers_set.empty())) return;
    std::vector<held_effect> held;
    for (const auto& claim : outcome.claimed) {
        const auto found = std::find_if(sent.effects.begin(), sent.effects.end(),
                                        [&](auto& e) { return e.id == claim.effect; });
        if (found == sent.effects.end()) continue;
        held.push_back({claimed_effect{.effect = *found,
                                       .source = sent.stream,
                                       .source_version = outcome.version,
                                       .timer_name = {},
                                       .token = claim.token,
                                       .attempt = 1,
                                       .stored_at = outcome.recorded_at,
                                       .due = outcome.recorded_at},
                        &who.type()});
    }
    if (held.size() < sent.effects.size()) listener_->may_become_due(instant{});
    for (const auto& timer : sent.timers_set) listener_->may_become_due(timer.due);
    if (!held.empty()) listener_->claimed(std::move(held));
}

void shard_runtime::watch_deadlines() {
    if (is_sweeping_) return;
    is_sweeping_ = spawn(gate_, on(), sweep());
}

awaitable<void> shard_runtime::sweep() {
    while (!busy_.empty() && !gate_.is_closed()) {
        const auto passed = co_await sweeper_->wait(sweep_interval);
        if (!passed) break;
        const auto now = steady();
        for (auto next = busy_.begin(); next != busy_.end();) {
            (*next++)->expire(now);  // may move itself to the idle ones
        }
    }
    is_sweeping_ = false;
}

}  // namespace tidemark
