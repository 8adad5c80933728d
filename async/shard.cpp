#include "tidemark/async/shard.hpp"

#include "tidemark/core/assert.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <thread>

namespace tidemark {
namespace {

/// An io_context whose handlers can be destroyed before itself.
class context_of_shard : public boost::asio::io_context {
  public:
    context_of_shard() : io_context{1} {}
    ~context_of_shard() = default;
    void discard() { shutdown(); }
};

}  // namespace

struct shard::state {
    context_of_shard context;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> open{
        context.get_executor()};
    std::thread thread{[this] { context.run(); }};
};

std::size_t shard_of(const stream_id& stream, std::size_t shard_count) {
    // FNV-1a, then the finaliser of SplitMix64: the low bits of FNV alone are weak.
    std::uint64_t hash = 0xcbf29ce484222325ULL;
    for (const char c : stream.text()) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    }
    hash = (hash ^ (hash >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    hash = (hash ^ (hash >> 27U)) * 0x94d049bb133111ebULL;
    hash ^= hash >> 31U;
    return shard_count == 0 ? 0 : static_cast<std::size_t>(hash % shard_count);
}

shard::shard() : state_{std::make_unique<state>()} {}

shard::~shard() {
    stop();
    discard();
}

executor shard::home() const { return state_->context.get_executor(); }

bool shard::is_here() const { return std::this_thread::get_id() == state_->thread.get_id(); }

void shard::assert_here() const {
    TIDEMARK_ASSERT(is_here(), "what belongs to a shard is touched on its thread only");
}

void shard::stop() {
    if (!state_->thread.joinable()) return;
    TIDEMARK_ASSERT(!is_here(), "a shard cannot stop itself");
    state_->context.stop();
    state_->thread.join();
}

void shard::discard() { state_->context.discard(); }

}  // namespace tidemark
