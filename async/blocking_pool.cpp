#include "tidemark/async/blocking_pool.hpp"

#include <algorithm>
#include <string>

namespace tidemark {

blocking_pool::blocking_pool(blocking_options options) : options_{options} {
    const auto count = std::max<std::size_t>(options_.threads, 1);
    for (std::size_t i = 0; i < count; ++i) threads_.emplace_back([this] { serve(); });
}

blocking_pool::~blocking_pool() { stop(); }

void blocking_pool::stop() {
    {
        const std::scoped_lock lock{mutex_};
        stopping_ = true;
    }
    arrived_.notify_all();
    for (auto& thread : threads_) {
        if (thread.joinable()) thread.join();
    }
}

std::optional<error> blocking_pool::start(std::function<void()> work) {
    {
        const std::scoped_lock lock{mutex_};
        if (stopping_) {
            return error{errc::shutting_down, "the blocking pool has stopped and takes no work"};
        }
        if (queue_.size() >= options_.queue_max) {
            return error{errc::overloaded,
                         "all " + std::to_string(threads_.size()) +
                             " blocking threads are busy and " + std::to_string(queue_.size()) +
                             " calls wait (queue_max); try again later or add blocking threads"};
        }
        queue_.push_back(std::move(work));
    }
    arrived_.notify_one();
    return std::nullopt;
}

void blocking_pool::serve() {
    for (;;) {
        std::function<void()> work;
        {
            std::unique_lock lock{mutex_};
            arrived_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
            if (queue_.empty()) return;
            work = std::move(queue_.front());
            queue_.pop_front();
        }
        work();
    }
}

}  // namespace tidemark
