#include "tidemark/runtime/command_envelope.hpp"

namespace tidemark {

std::uint64_t payload_hash(const encoded_message& message) {
    const auto digest = message_id::derive({message.name, message.payload});
    std::uint64_t out = 0;
    for (std::size_t i = 0; i < sizeof(out); ++i) out = out << 8U | digest.value()[i];
    return out;
}

std::string outcome::reason() const {
    if (is_refused()) return rejection().code;
    if (is_error()) return error().message();
    return {};
}

result<std::unique_ptr<any_command>> stream_type::answer_command(
    const claimed_effect& sent, const answer&, const std::vector<recorded_event>&) const {
    return error{errc::invalid_argument, "category " + std::string{category()} +
                                             " takes no answers (effect " +
                                             sent.effect.id.to_string() + ")"};
}

}  // namespace tidemark
