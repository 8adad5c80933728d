#include "tidemark/runtime/effect_runner.hpp"

#include "tidemark/async/spawn.hpp"
#include "tidemark/observability/log.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace tidemark {

namespace {

/// Times a bookkeeping call (complete, retry_later, park) is repeated while the store is away; then
/// the lease runs out and somebody claims the effect again.
constexpr int bookkeeping_attempts_max = 6;
constexpr duration bookkeeping_pause = std::chrono::milliseconds{100};

}  // namespace

effect_runner::effect_runner(shard_runtime& shard, command_router& router)
    : shard_{shard}, router_{router}, renewal_{shard.world().make_timer(shard.index())} {}

void effect_runner::start() {
    is_started_ = true;
    shard_.listen(*this);
    spawn(gate_, shard_.on(), poll());
    spawn(gate_, shard_.on(), renew());
}

void effect_runner::stop_claiming() {
    is_stopping_ = true;
    wake_.notify();
    if (running_.empty()) renewal_->cancel();
}

awaitable<void> effect_runner::stop() { co_await gate_.close(); }

bool effect_runner::has_room() const {
    return !is_stopping_ && running_.size() < shard_.options().effect_concurrency;
}

void effect_runner::claimed(std::vector<held_effect> effects) {
    for (auto& held : effects) start_effect(std::move(held));
}

void effect_runner::may_become_due(instant due) {
    if (due <= shard_.world().clock().now()) expects_more_ = true;
    if (due >= next_due_) return;
    next_due_ = due;
    wake_.notify();
}

void effect_runner::look_again() {
    // Of a runtime that was only wired nobody closes the gate.
    if (!is_started_) return;
    // Inside the gate: the runner must not go while this waits for its turn.
    boost::asio::post(shard_.on(), [this, inside = gate_.try_enter()] {
        if (inside) may_become_due(instant{});
    });
}

void effect_runner::start_effect(held_effect held) {
    const auto id = held.work.effect.id;
    if (!running_.emplace(id, held.work.token).second) return;
    shard_.metrics().effects_in_flight(1);
    if (!spawn(gate_, shard_.on(), run(std::move(held)))) {
        running_.erase(id);
        shard_.metrics().effects_in_flight(-1);
    }
}

awaitable<void> effect_runner::poll() {
    while (!is_stopping_) {
        co_await claim_due();
        co_await pause_until_due();
    }
}

awaitable<void> effect_runner::claim_due() {
    if (!has_room()) {
        expects_more_ = true;
        co_return;
    }
    next_due_ = instant::max();
    effect_log::claim_request wanted;
    wanted.owner = shard_.owner();
    wanted.lease = shard_.options().lease;
    wanted.limit =
        std::min<std::size_t>(shard_.options().effect_concurrency - running_.size(), 256);
    auto page = co_await shard_.events().claim(std::move(wanted));
    if (!page) {
        log::warn("effects not claimed", {"reason", page.error().message()});
        co_return;
    }
    if (page->next_due) next_due_ = std::min(next_due_, *page->next_due);
    if (page->claimed.empty() && running_.empty()) expects_more_ = false;
    if (!page->claimed.empty()) expects_more_ = true;
    for (auto& work : page->claimed) {
        const auto* type = router_.type_of(work.source.category());
        start_effect({std::move(work), type});
    }
}

awaitable<void> effect_runner::pause_until_due() {
    const auto latest = shard_.steady() + shard_.options().effect_poll;
    while (!is_stopping_) {
        // At the bound there is nothing to do until something ends, and that wakes.
        const auto left = latest - shard_.steady();
        const auto is_due_first = has_room() && next_due_ != instant::max();
        const auto span =
            is_due_first ? std::min(next_due_ - shard_.world().clock().now(), left) : left;
        const auto pause = std::max(span, duration{1});
        const bool is_woken = co_await wake_.wait_for(shard_.world(), pause);
        // A timer that was set for later moves the time and is no reason to look.
        if (!is_woken || next_due_ <= shard_.world().clock().now()) co_return;
    }
}

awaitable<void> effect_runner::renew() {
    while (!is_stopping_ || !running_.empty()) {
        const auto passed = co_await renewal_->wait(shard_.options().lease / 3);
        if (!passed || running_.empty()) continue;
        std::vector<effect_claim> held;
        held.reserve(running_.size());
        for (const auto& [id, token] : running_) held.push_back({id, token});
        auto lost =
            co_await shard_.events().renew(shard_.owner(), std::move(held), shard_.options().lease);
        if (!lost) log::warn("leases not renewed", {"reason", lost.error().message()});
    }
}

awaitable<void> effect_runner::run(held_effect held) {
    const auto began = shard_.steady();
    auto options = decode_effect_options(held.work.effect.options);
    attempt_end end{attempt_end::kind::hopeless, error{errc::malformed_payload, ""}};
    if (options) {
        auto attempted = co_await attempt(held, *options);
        end = std::move(attempted);
    } else {
        end.why = options.error();
    }
    const effect_options used = options ? *options : effect_options{};
    const bool is_retried =
        end.what == attempt_end::kind::failed && held.work.attempt < used.attempts;
    const bool is_parked = !is_retried && (end.what == attempt_end::kind::failed ||
                                           end.what == attempt_end::kind::hopeless);
    shard_.metrics().effect(held.work.effect.message.name,
                            is_parked    ? "parked"
                            : is_retried ? "retried"
                                         : "done",
                            shard_.steady() - began);
    co_await end_attempt(held, used, std::move(end));
    running_.erase(held.work.effect.id);
    shard_.metrics().effects_in_flight(-1);
    if (expects_more_) {
        next_due_ = instant{};
        wake_.notify();
    }
    if (is_stopping_ && running_.empty()) renewal_->cancel();
}

awaitable<void> effect_runner::end_attempt(const held_effect& held, const effect_options& options,
                                           attempt_end end) {
    using kind = attempt_end::kind;
    if (end.what == kind::done || end.what == kind::lost) co_return;
    const completion token{held.work.effect.id, held.work.token};
    for (int i = 0; i < bookkeeping_attempts_max; ++i) {
        bool is_kept = false;
        if (end.what == kind::to_complete) {
            std::vector<completion> ended{token};
            auto completed = co_await shard_.events().complete(std::move(ended));
            is_kept = completed.has_value();
        } else if (end.what == kind::not_begun) {
            std::vector<completion> freed{token};
            auto released = co_await shard_.events().release(std::move(freed));
            is_kept = released.has_value();
        } else {
            co_await try_again_or_park(held, options, end);
            is_kept = true;
        }
        if (is_kept) co_return;
        const auto waiter = shard_.world().make_timer(shard_.index());
        co_await waiter->wait(bookkeeping_pause * (1 << i));
    }
}

awaitable<void> effect_runner::try_again_or_park(const held_effect& held,
                                                 const effect_options& options,
                                                 const attempt_end& end) {
    const auto& effect = held.work.effect;
    const completion token{effect.id, held.work.token};
    const std::string code{to_string(end.why.code())};
    const bool is_last =
        end.what == attempt_end::kind::hopeless || held.work.attempt >= options.attempts;
    if (is_last) {
        log::error("effect parked as dead letter", {"effect", effect.id.to_string()},
                   {"source", held.work.source.text()}, {"name", effect.message.name},
                   {"attempt", held.work.attempt}, {"reason", end.why.message()},
                   log::fields(effect.trace));
        shard_.metrics().retry("effect", "exhausted");
        auto parked = co_await shard_.events().park(token, code, end.why.message());
        if (!parked) log::warn("effect not parked", {"reason", parked.error().message()});
        co_return;
    }
    const auto due = shard_.world().clock().now() + retry_delay(held, options);
    log::debug("effect retried", {"effect", effect.id.to_string()}, {"name", effect.message.name},
               {"attempt", held.work.attempt}, {"reason", end.why.message()},
               log::fields(effect.trace));
    shard_.metrics().retry("effect", "scheduled");
    auto kept = co_await shard_.events().retry_later(token, due, code, end.why.message());
    if (!kept) {
        log::warn("retry not stored", {"reason", kept.error().message()});
        co_return;
    }
    may_become_due(due);
}

/// Full jitter, seeded by effect and attempt, so that it replays.
duration effect_runner::retry_delay(const held_effect& held, const effect_options& options) const {
    std::uint64_t seed = held.work.attempt;
    for (const auto byte : held.work.effect.id.value()) seed = seed * 1099511628211ULL + byte;
    random_source random{seed};
    return backoff(options.backoff(), held.work.attempt, random.next());
}

}  // namespace tidemark
