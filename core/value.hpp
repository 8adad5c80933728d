#pragma once

#include "tidemark/core/print.hpp"

#include <compare>
#include <concepts>
#include <iosfwd>
#include <type_traits>
#include <utility>

namespace tidemark {

namespace detail {
[[noreturn]] void throw_overflow(const char* operation);
}  // namespace detail

/// A value with a type of its own (money, a quantity, a code): compares, adds and subtracts only
/// with itself and is stored as its representation. Integer arithmetic is checked and throws
/// std::overflow_error: in `decide` and `evolve` that means that nothing is stored.
template <class Value, class Rep>
class strong {
  public:
    using rep = Rep;

    constexpr strong() = default;
    explicit constexpr strong(Rep value) : value_{std::move(value)} {}

    [[nodiscard]] constexpr const Rep& value() const { return value_; }

    friend constexpr auto operator<=>(const strong&, const strong&) = default;

    friend constexpr Value operator+(const Value& a, const Value& b)
        requires std::is_arithmetic_v<Rep>
    {
        return Value{added(a.value(), b.value())};
    }
    friend constexpr Value operator-(const Value& a, const Value& b)
        requires std::is_arithmetic_v<Rep>
    {
        return Value{subtracted(a.value(), b.value())};
    }
    friend constexpr Value operator-(const Value& a)
        requires std::is_arithmetic_v<Rep>
    {
        return Value{subtracted(Rep{}, a.value())};
    }
    /// So many times the value.
    friend constexpr Value operator*(const Value& a, Rep times)
        requires std::is_arithmetic_v<Rep>
    {
        return Value{multiplied(a.value(), times)};
    }
    friend constexpr Value& operator+=(Value& a, const Value& b)
        requires std::is_arithmetic_v<Rep>
    {
        return a = a + b;
    }
    friend constexpr Value& operator-=(Value& a, const Value& b)
        requires std::is_arithmetic_v<Rep>
    {
        return a = a - b;
    }
    friend std::ostream& operator<<(std::ostream& out, const Value& value) {
        return print(out, value.value());
    }

  private:
    static constexpr Rep added(Rep a, Rep b) {
        if constexpr (std::is_integral_v<Rep>) {
            Rep sum{};
            if (__builtin_add_overflow(a, b, &sum)) detail::throw_overflow("addition");
            return sum;
        } else {
            return a + b;
        }
    }
    static constexpr Rep subtracted(Rep a, Rep b) {
        if constexpr (std::is_integral_v<Rep>) {
            Rep difference{};
            if (__builtin_sub_overflow(a, b, &difference)) detail::throw_overflow("subtraction");
            return difference;
        } else {
            return a - b;
        }
    }
    static constexpr Rep multiplied(Rep a, Rep b) {
        if constexpr (std::is_integral_v<Rep>) {
            Rep product{};
            if (__builtin_mul_overflow(a, b, &product)) detail::throw_overflow("multiplication");
            return product;
        } else {
            return a * b;
        }
    }

    Rep value_{};
};

}  // namespace tidemark

/// Defines the strong value `Type` over `Rep`:
/// `TIDEMARK_VALUE(money, std::int64_t)` at namespace scope or inside a class.
#define TIDEMARK_VALUE(Type, Rep)                             \
    class Type final : public ::tidemark::strong<Type, Rep> { \
      public:                                                 \
        using ::tidemark::strong<Type, Rep>::strong;          \
    };
