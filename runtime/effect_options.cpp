#include "tidemark/runtime/effect_options.hpp"

#include "tidemark/codec/json_codec.hpp"
#include "tidemark/core/planted.hpp"

namespace tidemark {

std::string encode_options(const effect_options& options) { return encode_json(options).value(); }

result<effect_options> decode_effect_options(std::string_view text) {
    if (text.empty()) return effect_options{};
    return decode<effect_options>(text);
}

message_id effect_key(const stream_id& stream, message_id command, version decided_on,
                      std::uint32_t index) {
    const auto leaf = std::to_string(index);
    if (planted::is(planted::bug::effect_key_from_version)) {
        return message_id::derive(
            {"effect", stream.text(), std::to_string(decided_on.value()), leaf});
    }
    return message_id::derive({"effect", stream.text(), command.to_string(), leaf});
}

message_id timer_generation(const stream_id& stream, std::string_view name, message_id command) {
    return message_id::derive({"timer", stream.text(), name, command.to_string()});
}

}  // namespace tidemark
