#pragma once

#include "tidemark/core/walk.hpp"

#include <iosfwd>
#include <string_view>

namespace tidemark {

namespace detail {
using write_function = void (*)(value_sink&, const void*);
}  // namespace detail

/// Prints what `write` tells of `value`, in one line, behind `name`; the one definition behind
/// every `<<` of described types.
std::ostream& print_written(std::ostream& out, std::string_view name, detail::write_function write,
                            const void* value);

/// Prints any value `walk` understands: "account.opened.v1{owner: "ada", at: …}". For people;
/// the form may change.
template <class T>
std::ostream& print(std::ostream& out, const T& value) {
    std::string_view name;
    if constexpr (stored<T>) name = stored_name<T>();
    return print_written(
        out, name,
        [](value_sink& sink, const void* erased) { walk(sink, *static_cast<const T*>(erased)); },
        &value);
}

/// Brought into the namespace of described types by their macros and found there by ADL. A type
/// that has its own `==` or `<<` keeps it.
namespace operators {

template <described T>
[[nodiscard]] constexpr bool operator==(const T& a, const T& b) {
    return detail::equal_fields(a, b);
}

template <class T>
    requires described<T> || described_enum<T>
std::ostream& operator<<(std::ostream& out, const T& value) {
    return print(out, value);
}

}  // namespace operators
}  // namespace tidemark
