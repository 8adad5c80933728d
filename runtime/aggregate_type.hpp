#pragma once

#include "tidemark/codec/json_codec.hpp"
#include "tidemark/codec/upcast.hpp"
#include "tidemark/core/aggregate.hpp"
#include "tidemark/core/thrown.hpp"
#include "tidemark/runtime/plan.hpp"
#include "tidemark/runtime/stream_type.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tidemark {

/// A state of type `State`.
template <class State>
struct typed_state final : any_state {
    State value{};
};

/// A command of `A`; keeps its stored form if it came from one, so that it is recognised by the
/// same bytes after an upcast.
template <class A>
class typed_command final : public any_command {
  public:
    using command = inbox_of<A>;

    explicit typed_command(command value) : value_{std::move(value)} {}
    typed_command(command value, encoded_message stored)
        : value_{std::move(value)}, stored_{std::move(stored)} {}

    [[nodiscard]] const command& value() const { return value_; }
    [[nodiscard]] encoded_message encode() const override {
        return stored_ ? *stored_ : tidemark::encode(value_);
    }

  private:
    command value_;
    std::optional<encoded_message> stored_;
};

namespace detail {

/// Stored names of a variant's alternatives.
template <class... Ms>
std::vector<std::string> names_of(const std::variant<Ms...>*) {
    return {std::string{stored_name<Ms>()}...};
}

/// The error of user code that threw, for a caller or an operator.
[[nodiscard]] error thrown_error(std::string_view function, std::string_view what);

}  // namespace detail

/// The machinery's view of an aggregate.
template <aggregate A>
class aggregate_type final : public stream_type {
  public:
    using state = typename A::state;
    using event = typename A::event;
    using command = typename A::command;

    [[nodiscard]] std::string_view category() const override { return A::category; }
    [[nodiscard]] std::string_view state_name() const override { return stored_name<state>(); }

    [[nodiscard]] std::unique_ptr<any_state> initial_state() const override {
        return std::make_unique<typed_state<state>>();
    }

    [[nodiscard]] result<void> evolve(any_state& into,
                                      const recorded_event& stored) const override {
        auto decoded = decode_current<event, A>(stored.message.name, stored.message.payload);
        if (!decoded) return with_location(decoded.error(), stored.stream, stored.version);
        try {
            tidemark::evolve<A>(value_of(into), *decoded);
            return {};
        } catch (...) {
            return detail::thrown_error("evolve", thrown_text());
        }
    }

    [[nodiscard]] boost::system::result<decided, decide_failure> decide(
        any_state& into, const any_command& given, const context& given_context) const override {
        auto& current = value_of(into);
        auto has_decided = false;
        try {
            const auto& typed = static_cast<const typed_command<A>&>(given);
            auto made = tidemark::decide<A>(current, typed.value(), given_context);
            has_decided = true;
            decided out;
            if (made.is_rejected()) {
                out.refused = refusal{std::string{made.refusal().code}, made.refusal().message};
                return out;
            }
            out.events.reserve(made.events().size());
            for (const auto& one : made.events()) {
                tidemark::evolve<A>(current, one);
                out.events.push_back(encode(one));
            }
            plan_effects(out, made.effects(), given_context.now);
            return out;
        } catch (...) {
            const auto* const function = has_decided ? "evolve" : "decide";
            return decide_failure{detail::thrown_error(function, thrown_text()), has_decided};
        }
    }

    [[nodiscard]] std::string encode_state(const any_state& from) const override {
        return encode(static_cast<const typed_state<state>&>(from).value).payload;
    }
    [[nodiscard]] result<std::unique_ptr<any_state>> decode_state(
        std::string_view payload) const override {
        auto decoded = decode<state>(payload);
        if (!decoded) return decoded.error();
        auto out = std::make_unique<typed_state<state>>();
        out->value = std::move(*decoded);
        return std::unique_ptr<any_state>{std::move(out)};
    }

    [[nodiscard]] result<std::unique_ptr<any_command>> decode_command(
        const encoded_message& message) const override {
        auto decoded = decode_current<command, A>(message.name, message.payload);
        if (!decoded) return decoded.error();
        return std::unique_ptr<any_command>{
            std::make_unique<typed_command<A>>(std::move(*decoded), message)};
    }

    [[nodiscard]] std::vector<std::string> command_names() const override {
        return detail::names_of(static_cast<const command*>(nullptr));
    }
    [[nodiscard]] std::vector<std::string> event_names() const override {
        return detail::names_of(static_cast<const event*>(nullptr));
    }

  private:
    static state& value_of(any_state& from) { return static_cast<typed_state<state>&>(from).value; }
};

template <aggregate A>
struct stream_type_of<A> {
    using type = aggregate_type<A>;
    [[nodiscard]] static std::unique_ptr<any_command> command_of(typename A::command given) {
        return std::make_unique<typed_command<A>>(std::move(given));
    }
};

}  // namespace tidemark
