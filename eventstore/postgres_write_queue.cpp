#include "tidemark/eventstore/postgres_write_queue.hpp"

#include "tidemark/async/clock.hpp"
#include "tidemark/eventstore/limits.hpp"
#include "tidemark/eventstore/postgres_batch.hpp"

#include <algorithm>
#include <functional>
#include <thread>
#include <utility>

namespace tidemark {
namespace {

/// How long a writer that has just answered looks for work before it sleeps: about what it costs
/// to put it to sleep and to wake it.
constexpr auto look_for = std::chrono::microseconds{50};
/// Those that were answered together are waited for until one is this late, and never longer than
/// the second: a statement of its own costs the server more.
constexpr auto company_gap = std::chrono::microseconds{20};
constexpr auto company_at_most = std::chrono::microseconds{100};
/// So few are not worth a second statement beside the first.
constexpr std::size_t share_min = 16;

/// Of one statement, so that there is room beside what belongs to the writer.
std::size_t most_of(const postgres_options& options) {
    return std::max<std::size_t>(options.batch_requests_max, 2);
}

duration now() { return real_clock{}.steady(); }

std::size_t hash_of(const postgres_queued& one) {
    return std::hash<std::string>{}(one.request().stream.text());
}

}  // namespace

postgres_ticket::postgres_ticket(append_batch asked, std::unique_ptr<resumption<outcomes>> caller)
    : batch{std::move(asked)},
      caller_{std::move(caller)},
      told_(batch->size(), append_outcome{error{}}),
      missing_{batch->size()} {}

void postgres_ticket::tell(std::size_t place, append_outcome outcome) {
    told_[place] = std::move(outcome);
    if (missing_.fetch_sub(1) == 1) caller_->resume(std::move(told_));
}

postgres_write_queue::postgres_write_queue(const postgres_options& options, std::size_t writers)
    : options_{options} {
    for (std::size_t i = 0; i < writers; ++i) lanes_.push_back(std::make_unique<lane>());
}

bool postgres_write_queue::push(const std::shared_ptr<postgres_ticket>& caller,
                                const std::vector<std::size_t>& places) {
    const std::scoped_lock lock{mutex_};
    const auto waiting = waiting_.load(std::memory_order_relaxed);
    if (waiting > 0 && waiting + places.size() > options_.writes_queued_max) return false;
    for (const auto place : places) add({caller, place});
    return true;
}

void postgres_write_queue::add(postgres_queued added) {
    auto& stream = streams_[hash_of(added)];
    waiting_.fetch_add(1, std::memory_order_relaxed);
    if (stream.owner != nullptr && stream.unbound == 0) {
        ++stream.bound;
        stream.owner->queue.push_back(std::move(added));
        if (stream.owner->is_asleep) stream.owner->wake.notify_one();
        return;
    }
    ++stream.unbound;
    unbound_.push_back(std::move(added));
    wake_one();
}

void postgres_write_queue::wake_one() {
    const auto is_looking = [](const auto& one) { return !one->is_asleep && !one->is_busy; };
    if (unbound_.size() < share_min && std::ranges::any_of(lanes_, is_looking)) return;
    const auto asleep =
        std::ranges::find_if(lanes_, [](const auto& one) { return one->is_asleep; });
    if (asleep == lanes_.end()) return;
    (*asleep)->is_asleep = false;
    (*asleep)->wake.notify_one();
}

bool postgres_write_queue::has_work(const lane& own) const {
    return !own.queue.empty() || !unbound_.empty();
}

bool postgres_write_queue::take(std::size_t writer, postgres_batch& batch,
                                std::vector<postgres_queued>& taken) {
    auto& own = *lanes_[writer];
    std::unique_lock lock{mutex_};
    own.is_busy = false;
    while (taken.empty()) {
        if (own.company > 0 && !has_work(own)) look_out(own, lock);
        if (!has_work(own)) {
            if (is_stopping_) return false;
            own.company = 0;
            own.is_asleep = true;
            own.wake.wait(lock);
            own.is_asleep = false;
            continue;
        }
        if (own.company > 1) wait_for_company(own, lock);
        fill(own, batch, taken);
    }
    own.is_busy = true;
    own.company = taken.size();
    waiting_.fetch_sub(taken.size(), std::memory_order_relaxed);
    if (!unbound_.empty()) wake_one();
    return true;
}

void postgres_write_queue::look_out(lane& own, std::unique_lock<std::mutex>& lock) {
    const auto until = now() + look_for;
    while (!has_work(own) && !is_stopping_ && now() < until) {
        const auto before = waiting_.load(std::memory_order_relaxed);
        lock.unlock();
        while (waiting_.load(std::memory_order_relaxed) == before && now() < until) {
            std::this_thread::yield();
        }
        lock.lock();
    }
}

void postgres_write_queue::wait_for_company(lane& own, std::unique_lock<std::mutex>& lock) {
    const auto expected = own.company;
    const auto begun = now();
    auto grown_at = begun;
    auto seen = own.queue.size() + unbound_.size();
    while (seen < expected && !is_stopping_) {
        lock.unlock();
        std::this_thread::yield();
        lock.lock();
        const auto at = now();
        const auto found = own.queue.size() + unbound_.size();
        if (found > seen) grown_at = at;
        if (at - grown_at > company_gap || at - begun > company_at_most) return;
        seen = found;
    }
}

std::size_t postgres_write_queue::share_of(const lane& own) const {
    const auto is_free = [&](const auto& one) { return one.get() == &own || !one->is_busy; };
    const auto free = static_cast<std::size_t>(std::ranges::count_if(lanes_, is_free));
    const auto even = (unbound_.size() + free - 1) / free;
    const auto bound = own.queue.size();
    const auto share = std::min(std::max(even, share_min), unbound_.size());
    // What belongs to this writer must not keep everything else out.
    const auto most = most_of(options_);
    return std::min(share, bound < most / 2 ? most - bound : most / 2);
}

void postgres_write_queue::fill(lane& own, postgres_batch& batch,
                                std::vector<postgres_queued>& taken) {
    std::size_t bytes = 0;
    const auto accept = [&](std::deque<postgres_queued>& from) {
        const auto& request = from.front().request();
        bytes += bytes_of(request);
        if (bytes > options_.batch_bytes_max && !taken.empty()) return false;
        if (!batch.try_add(request)) return false;
        taken.push_back(std::move(from.front()));
        from.pop_front();
        return true;
    };
    const auto share = unbound_.empty() ? 0 : share_of(own);
    const auto most = most_of(options_);
    while (!own.queue.empty() && taken.size() + share < most) {
        if (!accept(own.queue)) return;
    }
    for (std::size_t i = 0; i < share && !unbound_.empty(); ++i) {
        auto& stream = streams_[hash_of(unbound_.front())];
        if (stream.owner != nullptr && stream.owner != &own) {
            // Behind what its owner has of it, in the order in which it came.
            auto& owner = *stream.owner;
            owner.queue.push_back(std::move(unbound_.front()));
            unbound_.pop_front();
            if (owner.is_asleep) owner.wake.notify_one();
        } else {
            if (taken.size() >= most || !accept(unbound_)) return;
            stream.owner = &own;
        }
        ++stream.bound;
        --stream.unbound;
    }
}

void postgres_write_queue::release(const std::vector<postgres_queued>& taken) {
    const std::scoped_lock lock{mutex_};
    for (const auto& one : taken) {
        const auto found = streams_.find(hash_of(one));
        auto& stream = found->second;
        if (--stream.bound > 0) continue;
        stream.owner = nullptr;
        if (stream.unbound == 0) streams_.erase(found);
    }
}

void postgres_write_queue::stop() {
    {
        const std::scoped_lock lock{mutex_};
        is_stopping_ = true;
    }
    stopping_.notify_all();
    for (const auto& own : lanes_) own->wake.notify_one();
}

bool postgres_write_queue::pause(duration at_most) {
    std::unique_lock lock{mutex_};
    return !stopping_.wait_for(lock, at_most, [this] { return is_stopping_.load(); });
}

}  // namespace tidemark
