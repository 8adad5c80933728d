#pragma once

#include "tidemark/core/describe.hpp"
#include "tidemark/core/stored_name.hpp"
#include "tidemark/core/value.hpp"

#include <cstddef>
#include <type_traits>
#include <utility>

/// Makes a plain struct a message: `TIDEMARK_MESSAGE(account::opened, "account.opened.v1", owner,
/// at)`. The stored name is written down and never changes once a message has been stored; a name
/// used twice in one namespace does not compile. Otherwise as TIDEMARK_STRUCT.
#define TIDEMARK_MESSAGE(Type, Name, ...) \
    TIDEMARK_DETAIL_STORED(Type, Name, true __VA_OPT__(, ) __VA_ARGS__)

/// Makes a plain struct the state of an aggregate or a saga, stored in snapshots under its name.
#define TIDEMARK_STATE(Type, Name, ...) \
    TIDEMARK_DETAIL_STORED(Type, Name, false __VA_OPT__(, ) __VA_ARGS__)

#define TIDEMARK_DETAIL_STORED(Type, Name, IsMessage, ...)                                         \
    static_assert(::tidemark::is_stored_name(Name),                                                \
                  "a stored name reads like \"account.opened.v1\"");                               \
    [[maybe_unused]] constexpr void stored_name_is_used_twice(::tidemark::stored_name_tag<Name>) { \
    }                                                                                              \
    [[maybe_unused]] constexpr ::tidemark::stored_name_entry tidemark_stored_name(const Type*) {   \
        return {Name, IsMessage};                                                                  \
    }                                                                                              \
    TIDEMARK_STRUCT(Type __VA_OPT__(, ) __VA_ARGS__)

namespace tidemark {

// Never defined: the first line of the error a wrong argument gives.
template <class Message, std::size_t Field, class Argument>
struct field_does_not_take;

namespace detail {

template <class Field>
struct one_field {
    Field value;
};

template <class Field, class Argument>
concept field_takes = std::is_convertible_v<Argument, Field> &&
                      requires { one_field<Field>{std::declval<Argument>()}; };

template <class M, std::size_t At, class Field, class Argument>
consteval void verify_argument() {
    if constexpr (!field_takes<Field, Argument>) {
        static_assert(sizeof(field_does_not_take<M, At, Argument>) > 0);
    }
}

template <class M, class... Arguments, class... D, std::size_t... I>
M make_message(boost::describe::detail::list<D...>*, std::index_sequence<I...>,
               Arguments&&... arguments) {
    (verify_argument<M, I, field_type<D>, Arguments>(), ...);
    return M{std::forward<Arguments>(arguments)...};
}

}  // namespace detail

/// Builds a message from one argument per field, in order. Unlike braces it refuses narrowing and a
/// wrong number of fields by name on every compiler (`field_does_not_take<account::open, 0, int>`,
/// `wrong_number_of_fields_for<account::open>`); a literal counts as a variable of its type.
template <described M, class... Arguments>
[[nodiscard]] M make_message(Arguments&&... arguments) {
    using fields = detail::field_list<M>;
    constexpr auto count = []<class... D>(boost::describe::detail::list<D...>*) {
        return sizeof...(D);
    }(static_cast<fields*>(nullptr));
    if constexpr (count != sizeof...(Arguments)) {
        static_assert(sizeof(wrong_number_of_fields_for<M>) > 0);
    } else {
        return detail::make_message<M>(static_cast<fields*>(nullptr),
                                       std::make_index_sequence<count>{},
                                       std::forward<Arguments>(arguments)...);
    }
}

}  // namespace tidemark
