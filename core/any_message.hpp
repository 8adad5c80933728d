#pragma once

#include "tidemark/core/message.hpp"

#include <concepts>
#include <iosfwd>
#include <memory>
#include <string_view>
#include <utility>
#include <variant>

namespace tidemark {

namespace detail {

// What any_message can do with a message whose type it does not know.
struct message_operations {
    std::string_view name;
    bool (*equal)(const void*, const void*);
    void (*write)(value_sink&, const void*);
};

template <class M>
inline constexpr message_operations operations_of{
    stored_name<M>(),
    [](const void* a, const void* b) {
        return *static_cast<const M*>(a) == *static_cast<const M*>(b);
    },
    [](value_sink& sink, const void* value) { walk(sink, *static_cast<const M*>(value)); }};

}  // namespace detail

/// Any message, immutable; copies share it. A moved-from one may only be assigned or destroyed.
class any_message {
  public:
    // Not constrained to messages: a function body inside a class stands before its macros.
    template <class M>
        requires(!std::same_as<M, any_message> && !detail::is_a<M, std::variant>)
    explicit any_message(M value)
        : value_{std::make_shared<const M>(std::move(value))},
          operations_{&detail::operations_of<M>} {}
    /// The alternative the variant holds.
    template <class... M>
    explicit any_message(const std::variant<M...>& value)
        : any_message{std::visit([](const auto& held) { return any_message{held}; }, value)} {}

    /// The stored name.
    [[nodiscard]] std::string_view name() const { return operations_->name; }
    /// Tells the fields to the sink, without the name.
    void write(value_sink& sink) const { operations_->write(sink, value_.get()); }
    /// The message if it is an `M`, otherwise null; valid as long as this object.
    template <message M>
    [[nodiscard]] const M* get_if() const {
        if (operations_ != &detail::operations_of<M>) return nullptr;
        return static_cast<const M*>(value_.get());
    }

    friend bool operator==(const any_message& a, const any_message& b) {
        return a.operations_ == b.operations_ &&
               (a.value_ == b.value_ || a.operations_->equal(a.value_.get(), b.value_.get()));
    }
    friend std::ostream& operator<<(std::ostream& out, const any_message& message);

  private:
    std::shared_ptr<const void> value_;
    const detail::message_operations* operations_;
};

}  // namespace tidemark
