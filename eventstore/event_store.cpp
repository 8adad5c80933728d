#include "tidemark/eventstore/event_store.hpp"

#include "tidemark/core/assert.hpp"

namespace tidemark {

void page_fill::add(std::size_t payload_bytes) {
    TIDEMARK_ASSERT(!is_full(), "a full page of events takes no more");
    --room_;
    bytes_ += payload_bytes;
}

bool is_full_page(std::span<const recorded_event> events, std::size_t limit) {
    page_fill fill{limit};
    for (const auto& event : events) {
        if (fill.is_full()) return true;
        fill.add(event.message.payload.size());
    }
    return fill.is_full();
}

awaitable<result<answer_sweep>> event_store::prune_answers(answer_place, duration, std::size_t) {
    co_return answer_sweep{};
}

std::optional<message_id> effect_of_answer(std::string_view id) {
    constexpr std::string_view brought_back = "answer:";
    if (id.starts_with(brought_back)) id.remove_prefix(brought_back.size());
    return message_id::parse(id);
}

}  // namespace tidemark
