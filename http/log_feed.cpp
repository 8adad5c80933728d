#include "tidemark/http/log_feed.hpp"

#include "tidemark/eventstore/subscription.hpp"

#include <utility>

namespace tidemark::http {
namespace {

constexpr std::size_t page_max = 200;

}  // namespace

awaitable<void> feed_log(event_stream& to, event_store& from, execution& time, position after,
                         told_as tell) {
    subscription_options options;
    options.from = after;
    options.batch_max = page_max;
    subscription log{from, time, std::move(options)};
    while (to.is_open()) {
        const auto page = co_await log.next();
        if (!page) break;
        for (const auto& event : page->events) {
            auto told = tell(event);
            if (!told) continue;
            const auto is_taken = co_await to.push(std::move(*told));
            if (!is_taken) co_return;
        }
    }
    to.finish();
}

}  // namespace tidemark::http
