#include "tidemark/eventstore/stored_lists.hpp"

#include <charconv>
#include <optional>
#include <utility>

namespace tidemark {
namespace {

void append_text(std::string& out, std::string_view text) {
    out.append(std::to_string(text.size())).append(1, ':').append(text);
}

std::optional<std::string> take_text(std::string_view& stored) {
    std::size_t size = 0;
    const auto parsed = std::from_chars(stored.data(), stored.data() + stored.size(), size);
    const auto begin = static_cast<std::size_t>(parsed.ptr - stored.data()) + 1;
    if (parsed.ec != std::errc{} || begin + size > stored.size()) return std::nullopt;
    std::string text{stored.substr(begin, size)};
    stored.remove_prefix(begin + size);
    return text;
}

}  // namespace

std::string join_indices(const std::vector<std::uint32_t>& indices) {
    std::string text;
    for (const auto index : indices) {
        if (!text.empty()) text += ',';
        text += std::to_string(index);
    }
    return text;
}

std::vector<std::uint32_t> split_indices(std::string_view text) {
    std::vector<std::uint32_t> indices;
    const auto* next = text.data();
    const auto* end = text.data() + text.size();
    while (next < end) {
        std::uint32_t index = 0;
        const auto parsed = std::from_chars(next, end, index);
        if (parsed.ec != std::errc{}) break;
        indices.push_back(index);
        next = parsed.ptr + 1;
    }
    return indices;
}

std::string join_indexes(const std::map<std::string, std::string>& indexes) {
    std::string stored;
    for (const auto& [name, value] : indexes) {
        append_text(stored, name);
        append_text(stored, value);
    }
    return stored;
}

std::map<std::string, std::string> split_indexes(std::string_view stored) {
    std::map<std::string, std::string> indexes;
    while (!stored.empty()) {
        auto name = take_text(stored);
        auto value = take_text(stored);
        if (!name || !value) break;
        indexes.insert_or_assign(std::move(*name), std::move(*value));
    }
    return indexes;
}

}  // namespace tidemark
