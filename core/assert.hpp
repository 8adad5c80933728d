#pragma once

#include <string_view>

namespace tidemark {

/// Prints the broken assumption and where it was made to standard error, then aborts.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line,
                                   std::string_view message = {});

}  // namespace tidemark

/// An assumption that only a programmer can break. Checked in every build; an optional second
/// argument is a sentence that says what was assumed.
#define TIDEMARK_ASSERT(condition, ...)                                        \
    do {                                                                       \
        if (!(condition)) [[unlikely]] {                                       \
            ::tidemark::assertion_failed(#condition, __FILE__,                 \
                                         __LINE__ __VA_OPT__(, ) __VA_ARGS__); \
        }                                                                      \
    } while (false)
