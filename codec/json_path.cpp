#include "tidemark/codec/json_path.hpp"

#include "tidemark/codec/json_text.hpp"

#include <algorithm>
#include <vector>

namespace tidemark {
namespace {

/// One open array or object on the way to the value.
struct open_container {
    bool is_object = false;
    std::size_t index = 0;
    std::string_view name;
    bool has_name = false;
};

/// Offset behind the closing quote of the string that starts at `at`, or `end`.
std::size_t behind_string(std::string_view text, std::size_t at, std::size_t end) {
    for (++at; at < end; ++at) {
        if (text[at] == '\\') {
            ++at;
        } else if (text[at] == '"') {
            return at + 1;
        }
    }
    return end;
}

bool is_identifier(std::string_view name) {
    const auto is_word = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_';
    };
    return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, is_word);
}

}  // namespace

void append_json_path(std::string& path, std::string_view name) {
    if (is_identifier(name)) {
        path += '.';
        path += name;
        return;
    }
    path += "[\"";
    path += json_text::excerpt(name, 64);
    path += "\"]";
}

std::string json_path(std::string_view text, std::size_t offset) {
    std::vector<open_container> open;
    const auto end = std::min(offset, text.size());
    for (std::size_t at = 0; at < end;) {
        const auto c = text[at];
        if (c == '"') {
            const auto next = behind_string(text, at, end);
            if (!open.empty() && open.back().is_object && !open.back().has_name) {
                open.back().name = text.substr(at + 1, next - at - 2);
                open.back().has_name = true;
            }
            at = next;
            continue;
        }
        if (c == '{' || c == '[') {
            open.push_back({.is_object = c == '{'});
        } else if ((c == '}' || c == ']') && !open.empty()) {
            open.pop_back();
        } else if (c == ',' && !open.empty()) {
            ++open.back().index;
            open.back().has_name = false;
        }
        ++at;
    }
    std::string path = "$";
    for (const auto& container : open) {
        if (!container.is_object) {
            path += '[' + std::to_string(container.index) + ']';
        } else if (container.has_name) {
            append_json_path(path, container.name);
        }
    }
    return path;
}

}  // namespace tidemark
