#pragma once

#include "tidemark/codec/json_reader.hpp"

#include <span>
#include <string_view>

namespace tidemark {

/// A member of a described type, for `read_members`.
struct json_member {
    std::string_view name;
    /// Reads the member of the object at `owner`.
    bool (*read)(json_reader& in, void* owner);
    /// Its absence is a mistake.
    bool is_required = true;
};

/// Reads an object into the described type at `owner`; at most 64 members. Members come in any
/// order, each at most once. An absent member that is not required keeps its default.
[[nodiscard]] bool read_members(json_reader& in, std::span<const json_member> members, void* owner);

}  // namespace tidemark
