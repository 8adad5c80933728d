#include "tidemark/eventstore/postgres_calls.hpp"

#include "tidemark/async/backoff.hpp"
#include "tidemark/async/clock.hpp"

#include <algorithm>

namespace tidemark {
namespace {

constexpr backoff_policy repeating{.first = std::chrono::milliseconds{2},
                                   .factor = 2,
                                   .cap = std::chrono::milliseconds{200},
                                   .spread = backoff_policy::jitter::full};

constexpr duration looks_apart_min = std::chrono::milliseconds{1};

bool is_worth_repeating(const postgres_failure& failed, const postgres_call& call) {
    switch (failed.verdict()) {
        case postgres_verdict::repeat:
        case postgres_verdict::unsent:
        case postgres_verdict::read_only:
            return call.is_repeatable;
        case postgres_verdict::unknown:
            return call.is_repeatable && call.purpose == postgres_failure::purpose::read;
        case postgres_verdict::duplicate:
        case postgres_verdict::full:
        case postgres_verdict::busy:
        case postgres_verdict::permanent:
            break;
    }
    return false;
}

}  // namespace

postgres_calls::postgres_calls(const postgres_options& options,
                               postgres_pool::prepare_function prepare)
    : options_{options}, pool_{options, std::move(prepare)} {
    const auto count = std::max<std::size_t>(options.connections_max, 1);
    for (std::size_t i = 0; i < count; ++i) threads_.emplace_back([this] { loop(); });
    watch_ = std::thread{[this] { expire(); }};
}

postgres_calls::~postgres_calls() {
    {
        const std::scoped_lock lock{mutex_};
        is_stopping_ = true;
        for (auto* wake : resting_) wake->notify_one();
        resting_.clear();
    }
    pool_.stop();
    stopped_.notify_all();
    for (auto& thread : threads_) thread.join();
    watch_.join();
}

void postgres_calls::push(std::unique_ptr<postgres_call> call) {
    call->until = real_clock{}.steady() + options_.acquire_timeout;
    {
        const std::scoped_lock lock{mutex_};
        if (queue_.size() < options_.calls_queued_max) {
            queue_.push_back(std::move(call));
            if (!resting_.empty()) {
                resting_.back()->notify_one();
                resting_.pop_back();
            }
        }
    }
    if (!call) return;
    call->fail({errc::overloaded, "PostgreSQL at " + pool_.place() + ": " +
                                      std::to_string(options_.calls_queued_max) +
                                      " calls wait for a connection already; try again later"});
}

void postgres_calls::loop() {
    std::condition_variable wake;
    while (const auto call = take(wake)) carry_out(*call);
}

std::unique_ptr<postgres_call> postgres_calls::take(std::condition_variable& wake) {
    std::unique_lock lock{mutex_};
    while (queue_.empty() && !is_stopping_) {
        // Woken for nothing it may still stand in the list, but never twice.
        if (std::ranges::find(resting_, &wake) == resting_.end()) resting_.push_back(&wake);
        wake.wait(lock);
    }
    std::erase(resting_, &wake);
    if (queue_.empty()) return nullptr;
    auto next = std::move(queue_.front());
    queue_.pop_front();
    queued_ += real_clock{}.steady() - (next->until - options_.acquire_timeout);
    return next;
}

/// Looks now and then, so that a call costs no wake-up more; a tenth of its time late at most.
void postgres_calls::expire() {
    const auto pause = std::max<duration>(options_.acquire_timeout / 10, looks_apart_min);
    std::unique_lock lock{mutex_};
    while (!stopped_.wait_for(lock, pause, [this] { return is_stopping_; })) {
        while (!queue_.empty() && queue_.front()->until <= real_clock{}.steady()) {
            const auto late = std::move(queue_.front());
            queue_.pop_front();
            queued_ += options_.acquire_timeout;
            lock.unlock();
            late->fail(pool_.too_late());
            lock.lock();
        }
    }
}

postgres_pool::counts postgres_calls::count() const {
    auto counts = pool_.count();
    const std::scoped_lock lock{mutex_};
    counts.waiting += queue_.size();
    counts.waited += queued_;
    return counts;
}

void postgres_calls::carry_out(postgres_call& call) {
    for (std::uint32_t attempts = 1;; ++attempts) {
        auto held = pool_.acquire(call.until);
        if (!held) return call.fail(held.error());
        const auto failed = attempt(call, std::move(*held));
        if (!failed) return;
        if (!pause(call, attempts)) {
            return call.fail(failed->as_error(pool_.place(), call.purpose));
        }
    }
}

std::optional<postgres_failure> postgres_calls::attempt(postgres_call& call,
                                                        postgres_pool::lease held) {
    try {
        call.run(*held);
    } catch (const postgres_failure& failed) {
        if (failed.verdict() == postgres_verdict::read_only) held.spend();
        if (is_worth_repeating(failed, call)) return failed;
        call.fail(failed.as_error(pool_.place(), call.purpose));
        return std::nullopt;
    }
    // Given back first: who hears the answer may ask again at once.
    {
        const auto done = std::move(held);
    }
    call.finish();
    return std::nullopt;
}

bool postgres_calls::pause(const postgres_call& call, std::uint32_t attempts) {
    const auto delay = backoff(repeating, attempts, real_random{}.next());
    std::unique_lock lock{mutex_};
    stopped_.wait_for(lock, delay, [this] { return is_stopping_; });
    return !is_stopping_ && real_clock{}.steady() < call.until;
}

}  // namespace tidemark
