#include "tidemark/eventstore/subscription.hpp"

#include <algorithm>
#include <utility>

namespace tidemark {

subscription::subscription(event_store& store, execution& time, subscription_options options)
    : store_{store}, time_{time}, options_{std::move(options)} {
    options_.batch_max = std::max<std::size_t>(options_.batch_max, 1);
    // Before the first read: a commit between a read and the wait after it is not missed.
    token_ = store_.on_commit(woken_.notifier());
}

awaitable<result<event_page>> subscription::next() {
    while (!is_closed_) {
        auto page = co_await read();
        if (!page) co_return page;
        if (page->seen > options_.from) {
            options_.from = page->seen;
            backoff_ = {};
            co_return page;
        }
        const auto pause = co_await choose_pause(page->horizon);
        co_await woken_.wait_for(time_, pause);
    }
    co_return error{errc::shutting_down, "the subscription is closed"};
}

void subscription::close() {
    is_closed_ = true;
    woken_.notify();
}

awaitable<result<event_page>> subscription::read() {
    if (options_.category.empty()) return store_.read_all(options_.from, options_.batch_max);
    return store_.read_category(options_.category, options_.from, options_.batch_max);
}

awaitable<duration> subscription::choose_pause(position horizon) {
    const auto status = co_await store_.status();
    if (status && status->last_position <= horizon) {
        backoff_ = {};
        co_return options_.idle_poll;
    }
    backoff_ = std::clamp(backoff_ * 2, options_.poll_min, options_.poll_max);
    co_return backoff_;
}

}  // namespace tidemark
