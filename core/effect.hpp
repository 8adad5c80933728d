#pragma once

#include "tidemark/core/any_message.hpp"
#include "tidemark/core/ids.hpp"
#include "tidemark/core/request_options.hpp"
#include "tidemark/core/types.hpp"
#include "tidemark/core/version.hpp"

#include <concepts>
#include <cstddef>
#include <iosfwd>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace tidemark {

class effect;

/// A command to another aggregate or saga: at least once, deduplicated by its command id.
struct send_effect {
    stream_id target;
    any_message command;
    friend bool operator==(const send_effect&, const send_effect&) = default;
};

/// A durable timer to oneself. The same name replaces it; it never fires before it is due by the
/// clock of the store. A time that has passed is due at once.
struct schedule_effect {
    std::string name;
    std::variant<duration, instant> when;
    any_message command;
    friend bool operator==(const schedule_effect&, const schedule_effect&) = default;
};

/// Ends the timer of this name; one that has not fired never takes effect. Without such a timer it
/// does nothing.
struct cancel_effect {
    std::string name;
    friend bool operator==(const cancel_effect&, const cancel_effect&) = default;
};

/// Outside work, done by the performer registered for the value; its answer comes back as a
/// command.
struct request_effect {
    any_message value;
    request_options options;
    friend bool operator==(const request_effect&, const request_effect&) = default;
};

/// Each effect starts after the whole subtree before it has ended.
struct sequence_effect {
    std::vector<effect> effects;
    friend bool operator==(const sequence_effect& a, const sequence_effect& b);
};

/// Effects without an order among them: what the top level of a decision is, too.
struct parallel_effect {
    std::vector<effect> effects;
    friend bool operator==(const parallel_effect& a, const parallel_effect& b);
};

/// Work for the runtime, as a value: comparable and printable, never a closure.
class effect {
  public:
    using variant = std::variant<send_effect, schedule_effect, cancel_effect, request_effect,
                                 sequence_effect, parallel_effect>;

    template <class Kind>
        requires one_of<Kind, variant>
    effect(Kind value)  // NOLINT(google-explicit-constructor)
        : value_{std::in_place_type<Kind>, std::move(value)} {}

    [[nodiscard]] const variant& value() const { return value_; }
    /// The effect if it is of this kind, otherwise null.
    template <class Kind>
    [[nodiscard]] const Kind* get_if() const {
        return std::get_if<Kind>(&value_);
    }

    /// Tells the effect to the sink, for logs, tests and consoles.
    void write(value_sink& sink) const;

    friend bool operator==(const effect& a, const effect& b);
    friend std::ostream& operator<<(std::ostream& out, const effect& value);

  private:
    variant value_;
};

namespace detail {
// The fields alone, for whoever tells more of the same effect.
void write_fields(value_sink& sink, const send_effect& e);
void write_fields(value_sink& sink, const request_effect& e);
/// Tells a message under its stored name.
void write_named(value_sink& sink, std::string_view key, const any_message& message);
}  // namespace detail

std::ostream& operator<<(std::ostream& out, const send_effect& value);
std::ostream& operator<<(std::ostream& out, const schedule_effect& value);
std::ostream& operator<<(std::ostream& out, const cancel_effect& value);
std::ostream& operator<<(std::ostream& out, const request_effect& value);

// Never defined: the first line of the error a wrong argument gives.
template <class Target, class Command>
struct not_a_command_of;

template <class Target>
class step_to;
template <class Request>
class step_asking;

/// A `send` that still knows its target's type: an effect in a decision, a step in a saga.
template <class Target>
class sent {
  public:
    explicit sent(send_effect value) : value_{std::move(value)} {}

    operator effect() const { return value_; }  // NOLINT(google-explicit-constructor)
    [[nodiscard]] const send_effect& value() const { return value_; }

    // Only saga steps are undone, named or decisive: these yield another type, which a decision
    // does not accept. Defined in steps.hpp.
    template <class Command>
    [[nodiscard]] step_to<Target> undone_by(Command command) const;
    [[nodiscard]] step_to<Target> named(std::string name) const;
    [[nodiscard]] step_to<Target> pivot() const;

    friend bool operator==(const sent&, const sent&) = default;
    friend std::ostream& operator<<(std::ostream& out, const sent& s) { return out << s.value_; }

  private:
    send_effect value_;
};

/// A `schedule` that still knows the type of its command.
template <class Command>
struct scheduled {
    schedule_effect value;

    operator effect() const { return value; }  // NOLINT(google-explicit-constructor)
    friend bool operator==(const scheduled&, const scheduled&) = default;
    friend std::ostream& operator<<(std::ostream& out, const scheduled& s) {
        return out << s.value;
    }
};

/// A `request` that still knows the type of its value.
template <class Request>
class requested {
  public:
    explicit requested(request_effect value) : value_{std::move(value)} {}

    operator effect() const { return value_; }  // NOLINT(google-explicit-constructor)
    [[nodiscard]] const request_effect& value() const { return value_; }

    // As of `sent`; the undo of a request is another request. Defined in steps.hpp.
    template <class Undo>
    [[nodiscard]] step_asking<types<Request, Undo>> undone_by(Undo undo) const;
    [[nodiscard]] step_asking<types<Request>> named(std::string name) const;
    [[nodiscard]] step_asking<types<Request>> pivot() const;

    friend bool operator==(const requested&, const requested&) = default;
    friend std::ostream& operator<<(std::ostream& out, const requested& r) {
        return out << r.value_;
    }

  private:
    request_effect value_;
};

namespace detail {

template <class Target, class Command>
consteval bool verify_sendable() {
    if constexpr (one_of<Command, inbox_of<Target>> || std::same_as<Command, inbox_of<Target>>) {
        return true;
    } else {
        return sizeof(not_a_command_of<Target, Command>) > 0;
    }
}

}  // namespace detail

/// Sends a command to an aggregate, or an input to a saga. Anything else does not compile
/// (`not_a_command_of<account, order::place>`).
template <class Target, class Command>
[[nodiscard]] sent<Target> send(const id<Target>& target, Command command) {
    static_assert(detail::verify_sendable<Target, Command>());
    return sent<Target>{send_effect{target.stream(), any_message{std::move(command)}}};
}

/// Sets a timer that sends `command` to oneself after a while.
template <class Command>
[[nodiscard]] scheduled<Command> schedule(std::string name, duration after, Command command) {
    return {schedule_effect{std::move(name), after, any_message{std::move(command)}}};
}
/// Sets a timer that sends `command` to oneself at a point in time.
template <class Command>
[[nodiscard]] scheduled<Command> schedule(std::string name, instant at, Command command) {
    return {schedule_effect{std::move(name), at, any_message{std::move(command)}}};
}

/// Ends a timer of oneself.
[[nodiscard]] inline cancel_effect cancel(std::string name) { return {std::move(name)}; }

/// Asks the outside world; the performer's answer comes back as a command.
template <class Request>
[[nodiscard]] requested<Request> request(Request value, request_options options = {}) {
    return requested<Request>{request_effect{any_message{std::move(value)}, std::move(options)}};
}

/// Effects one after the other: `sequence{request(a{}), parallel{request(b{}), request(c{})}}`.
template <class... Parts>
class sequence {
  public:
    sequence(Parts... parts) {  // NOLINT(google-explicit-constructor)
        static_assert((std::convertible_to<Parts, effect> && ...),
                      "a sequence takes effects: send, schedule, cancel, request, or groups");
        value_.effects.reserve(sizeof...(Parts));
        (value_.effects.push_back(std::move(parts)), ...);
    }
    operator effect() const { return value_; }  // NOLINT(google-explicit-constructor)

  private:
    sequence_effect value_;
};

/// Effects without an order among them, as one part of a sequence.
template <class... Parts>
class parallel {
  public:
    parallel(Parts... parts) {  // NOLINT(google-explicit-constructor)
        static_assert((std::convertible_to<Parts, effect> && ...),
                      "a parallel takes effects: send, schedule, cancel, request, or groups");
        value_.effects.reserve(sizeof...(Parts));
        (value_.effects.push_back(std::move(parts)), ...);
    }
    operator effect() const { return value_; }  // NOLINT(google-explicit-constructor)

  private:
    parallel_effect value_;
};

/// One piece of work of a decision and what it waits for.
struct effect_leaf {
    /// Place in the pre-order of all effects of the decision, groups counted too. The effect's key
    /// derives from it: it depends on nothing but the decision.
    std::size_t index = 0;
    /// Index of the top-level effect it belongs to.
    std::size_t root = 0;
    /// Inside a `sequence`, at any depth.
    bool is_ordered = false;
    /// Never a sequence or a parallel.
    effect what;
    /// Indices of the leaves that must have ended before; they waited for their own in turn.
    std::vector<std::size_t> after;

    friend bool operator==(const effect_leaf&, const effect_leaf&) = default;
};

/// The work in a decision's effects, in pre-order. Empty groups yield nothing and delay nothing.
[[nodiscard]] std::vector<effect_leaf> flatten(const std::vector<effect>& effects);

}  // namespace tidemark
