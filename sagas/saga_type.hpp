#pragma once

#include "tidemark/codec/json_codec.hpp"
#include "tidemark/codec/upcast.hpp"
#include "tidemark/core/saga.hpp"
#include "tidemark/core/thrown.hpp"
#include "tidemark/runtime/aggregate_type.hpp"
#include "tidemark/sagas/saga_stream.hpp"

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace tidemark {

namespace detail {

/// `Input` is an event of one of the targets: its stored name is theirs.
template <class Input, class... Targets>
consteval bool is_event_of(types<Targets...>) {
    const auto among = []<class T>(std::type_identity<T>) {
        if constexpr (requires { typename T::event; }) {
            return one_of<Input, typename T::event>;
        } else {
            return false;
        }
    };
    return (among(std::type_identity<Targets>{}) || ...);
}

}  // namespace detail

/// What the author of `S` wrote, without its types.
template <saga S>
class saga_code_of final : public saga_code {
  public:
    using state = typename S::state;
    using input = typename S::input;

    [[nodiscard]] std::string_view category() const override { return S::category; }
    [[nodiscard]] std::string_view state_name() const override { return stored_name<state>(); }
    [[nodiscard]] std::vector<std::string> input_names() const override {
        return names(types_of<input>{});
    }

    [[nodiscard]] bool knows(std::string_view name) const override {
        return tidemark::knows<input, S>(name);
    }
    [[nodiscard]] result<bool> begins(const saga_message& given) const override {
        auto decoded = decode_current<input, S>(given.name, given.payload);
        if (!decoded) return decoded.error();
        return decoded->index() == 0;
    }

    [[nodiscard]] std::unique_ptr<any_state> initial_state() const override {
        return std::make_unique<typed_state<state>>();
    }
    [[nodiscard]] result<std::vector<step>> react(any_state& into, const saga_message& given,
                                                  const step_context& context) const override {
        auto decoded = decode_current<input, S>(given.name, given.payload);
        if (!decoded) return decoded.error();
        const char* at = "react";
        try {
            auto made = tidemark::react<S>(value_of(into), *decoded, context);
            at = "evolve";
            tidemark::evolve<S>(value_of(into), *decoded);
            return std::move(made).all();
        } catch (...) {
            return detail::thrown_error(at, thrown_text());
        }
    }
    [[nodiscard]] result<void> evolve(any_state& into, const saga_message& given) const override {
        auto decoded = decode_current<input, S>(given.name, given.payload);
        if (!decoded) return decoded.error();
        try {
            tidemark::evolve<S>(value_of(into), *decoded);
            return {};
        } catch (...) {
            return detail::thrown_error("evolve", thrown_text());
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

  private:
    template <class... Inputs>
    static std::vector<std::string> names(types<Inputs...>) {
        std::vector<std::string> out;
        const auto add = [&]<class I>(std::type_identity<I>) {
            if (!detail::is_event_of<I>(targets_of<S>{})) out.emplace_back(stored_name<I>());
        };
        (add(std::type_identity<Inputs>{}), ...);
        return out;
    }
    static state& value_of(any_state& from) { return static_cast<typed_state<state>&>(from).value; }
};

/// The machinery's view of a saga.
template <saga S>
class saga_type final : public saga_stream {
  public:
    saga_type() : saga_stream{std::make_unique<saga_code_of<S>>()} {}
};

/// Makes `runtime.store<S>()`, `execute<S::begin>(…)` and `send(saga_id, S::begin{…})` work.
template <saga S>
struct stream_type_of<S> {
    using type = saga_type<S>;
    [[nodiscard]] static std::unique_ptr<any_command> command_of(typename S::input given) {
        return input_command(encode(given), given.index() == 0);
    }
};

}  // namespace tidemark
