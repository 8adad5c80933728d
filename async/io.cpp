#include "tidemark/async/io.hpp"

#include "tidemark/core/assert.hpp"

#include <algorithm>
#include <thread>

namespace tidemark {
namespace {

std::size_t count_of(const io_options& options) {
    if (options.shards != 0) return options.shards;
    return std::max<std::size_t>(std::thread::hardware_concurrency(), 1);
}

}  // namespace

io::io(io_options options)
    : blocking_{{.threads = options.blocking_threads, .queue_max = options.blocking_queue_max}} {
    for (auto left = count_of(options); left > 0; --left) {
        shards_.push_back(std::make_unique<tidemark::shard>());
    }
}

io::~io() {
    stop();
    // Unwinding a coroutine on one shard may release another's: again until every queue is empty,
    // which three rounds reach for chains over two hops; the rest goes with the shards.
    for (auto round = 0; round < 3; ++round) {
        for (auto& each : shards_) each->discard();
    }
}

void io::stop() {
    blocking_.stop();
    for (auto& each : shards_) each->stop();
}

executor io::shard(std::size_t index) {
    TIDEMARK_ASSERT(index < shards_.size(), "a shard index is below shard_count()");
    return shards_[index]->home();
}

std::unique_ptr<timer> io::make_timer(std::size_t index) { return make_timer(shard(index)); }

std::unique_ptr<timer> io::make_timer(const executor& ex) { return make_real_timer(ex); }

std::size_t io::shard_of(const stream_id& stream) const {
    return tidemark::shard_of(stream, shards_.size());
}

bool io::is_on(std::size_t index) const { return shards_.at(index)->is_here(); }

}  // namespace tidemark
