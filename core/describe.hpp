#pragma once

#include "tidemark/core/fields.hpp"
#include "tidemark/core/print.hpp"

/// Describes a plain struct that is part of messages or states: `TIDEMARK_STRUCT(order::line, sku,
/// quantity)`. Stands in the namespace of the type, after it (after the outermost class). Lists
/// every field in order of declaration, at most 52; a forgotten, repeated or reordered field does
/// not compile. Gives `==` and `<<`.
#define TIDEMARK_STRUCT(Type, ...)                                                 \
    BOOST_DESCRIBE_STRUCT(Type, (), (__VA_ARGS__))                                 \
    static_assert(::tidemark::detail::verify_fields<Type>());                      \
    using ::tidemark::operators::operator==; /* NOLINT(misc-unused-using-decls) */ \
    using ::tidemark::operators::operator<<; /* NOLINT(misc-unused-using-decls) */

/// Describes an enumeration: `TIDEMARK_ENUM(order::status, open, paid)`. Stored by the enumerator's
/// name. A forgotten enumerator is a warning of the compiler (-Wswitch).
#define TIDEMARK_ENUM(Type, ...)                                                     \
    BOOST_DESCRIBE_ENUM(Type, __VA_ARGS__)                                           \
    [[maybe_unused]] constexpr ::std::string_view tidemark_enum_text(Type value) {   \
        switch (value) {                                                             \
            BOOST_DESCRIBE_PP_FOR_EACH(TIDEMARK_DETAIL_ENUM_CASE, Type, __VA_ARGS__) \
        }                                                                            \
        return {};                                                                   \
    }                                                                                \
    using ::tidemark::operators::operator<<; /* NOLINT(misc-unused-using-decls) */

#define TIDEMARK_DETAIL_ENUM_CASE(Type, enumerator) \
    case Type::enumerator:                          \
        return #enumerator;
