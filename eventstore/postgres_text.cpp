#include "tidemark/eventstore/postgres_text.hpp"

#include "tidemark/codec/json_text.hpp"

#include <algorithm>

namespace tidemark {

std::string storable_text(std::string_view text) {
    std::string kept;
    kept.reserve(text.size());
    while (!text.empty()) {
        const auto length = text[0] == '\0' ? 0 : json_text::utf8_length(text);
        if (length == 0) {
            kept += '?';
        } else {
            kept.append(text.substr(0, length));
        }
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return kept;
}

}  // namespace tidemark
