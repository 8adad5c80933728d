#include "tidemark/eventstore/sqlite_readers.hpp"

#include <algorithm>
#include <utility>

namespace tidemark {

sqlite_readers::sqlite_readers(const sqlite_options& options) : options_{options} {
    const auto count = std::max<std::size_t>(options.readers, 1);
    for (std::size_t i = 0; i < count; ++i) {
        tables_.push_back(std::make_unique<sqlite_reads>(options.path, options.vfs));
    }
    for (const auto& tables : tables_) {
        threads_.emplace_back([this, &reads = *tables] { loop(reads); });
    }
}

sqlite_readers::~sqlite_readers() {
    {
        const std::scoped_lock lock{mutex_};
        is_stopping_ = true;
    }
    wake_.notify_all();
    for (auto& thread : threads_) thread.join();
}

void sqlite_readers::push(std::unique_ptr<sqlite_query> query) {
    {
        const std::scoped_lock lock{mutex_};
        if (queue_.size() < options_.reads_queued_max) queue_.push_back(std::move(query));
    }
    if (!query) {
        wake_.notify_one();
        return;
    }
    query->fail({errc::overloaded, "SQLite file '" + options_.path +
                                       "': " + std::to_string(options_.reads_queued_max) +
                                       " queries wait for a reader already; try again later"});
}

void sqlite_readers::loop(sqlite_reads& tables) {
    while (const auto query = take()) {
        try {
            query->run(tables);
        } catch (const sqlite_failure& failed) {
            query->fail(failed.as_error(options_.path));
        }
    }
}

std::unique_ptr<sqlite_query> sqlite_readers::take() {
    std::unique_lock lock{mutex_};
    wake_.wait(lock, [this] { return is_stopping_ || !queue_.empty(); });
    if (queue_.empty()) return nullptr;
    auto next = std::move(queue_.front());
    queue_.pop_front();
    return next;
}

}  // namespace tidemark
