#include "tidemark/eventstore/event_store.hpp"

namespace tidemark {

awaitable<result<answer_sweep>> event_store::prune_answers(answer_place, duration, std::size_t) {
    co_return answer_sweep{};
}

std::optional<message_id> effect_of_answer(std::string_view id) {
    constexpr std::string_view brought_back = "answer:";
    if (id.starts_with(brought_back)) id.remove_prefix(brought_back.size());
    return message_id::parse(id);
}

}  // namespace tidemark
