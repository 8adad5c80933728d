#include "tidemark/eventbus/stream_order.hpp"

#include "tidemark/core/assert.hpp"

#include <algorithm>

namespace tidemark {
namespace {

std::string key_of(const message_id& log, const stream_id& stream) {
    const auto& bytes = log.value();
    return std::string{bytes.begin(), bytes.end()} + stream.text();
}

}  // namespace

stream_order::stream_order(std::size_t streams_max)
    : streams_max_{std::max<std::size_t>(streams_max, 1)} {}

stream_order::entry* stream_order::touch(const std::string& key) {
    const auto found = places_.find(key);
    if (found == places_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return &entries_.front();
}

stream_order::answer stream_order::check(const bus_origin& arrived) {
    const auto* known = touch(key_of(arrived.log, arrived.stream));
    if (known == nullptr) return {};
    if (arrived.version <= known->last) return {verdict::duplicate, known->last};
    const bool is_next = arrived.version == known->last.next();
    return {is_next ? verdict::apply : verdict::gap, known->last};
}

void stream_order::applied(const bus_origin& taken) {
    auto* known = touch(key_of(taken.log, taken.stream));
    TIDEMARK_ASSERT(known != nullptr && taken.version == known->last.next(),
                    "only the next version of a remembered stream is applied");
    known->last = taken.version;
}

void stream_order::remember(const message_id& log, const stream_id& stream, version last) {
    auto key = key_of(log, stream);
    if (auto* known = touch(key)) {
        known->last = std::max(known->last, last);
        return;
    }
    if (entries_.size() >= streams_max_) {
        places_.erase(entries_.back().key);
        entries_.pop_back();
    }
    entries_.push_front({key, last});
    places_.emplace(std::move(key), entries_.begin());
}

}  // namespace tidemark
