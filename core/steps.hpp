#pragma once

#include "tidemark/core/effect.hpp"
#include "tidemark/core/types.hpp"

#include <concepts>
#include <iosfwd>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace tidemark {

/// A command of a saga, with what is needed to take it back.
struct send_step {
    send_effect send;
    /// Sent to the same target, once the answer of the send has armed it, if the saga fails.
    std::optional<any_message> undo{};
    /// Once its answer is success the saga only goes forward.
    bool is_pivot = false;
    /// How `step_context` names it; empty: not named.
    std::string name{};
    friend bool operator==(const send_step&, const send_step&) = default;
};

/// Outside work of a saga. Its outcome can stay unknown, which counts as happened.
struct request_step {
    request_effect request;
    /// Another request, carried out if the saga fails.
    std::optional<any_message> undo{};
    bool is_pivot = false;
    std::string name{};
    friend bool operator==(const request_step&, const request_step&) = default;
};

/// The saga has reached its goal.
struct complete_step {
    friend bool operator==(const complete_step&, const complete_step&) = default;
};

/// The saga cannot reach its goal: what was done is undone, last first.
struct fail_step {
    std::string reason;
    friend bool operator==(const fail_step&, const fail_step&) = default;
};

/// What a saga does next, as a value.
using step =
    std::variant<send_step, request_step, schedule_effect, cancel_effect, complete_step, fail_step>;

/// Ends the saga well.
[[nodiscard]] inline complete_step complete() { return {}; }
/// Ends the saga and takes back what it did.
[[nodiscard]] inline fail_step fail(std::string reason) { return {std::move(reason)}; }

std::ostream& operator<<(std::ostream& out, const send_step& s);
std::ostream& operator<<(std::ostream& out, const request_step& s);
std::ostream& operator<<(std::ostream& out, const complete_step& s);
std::ostream& operator<<(std::ostream& out, const fail_step& s);

/// A send of a saga that still knows its target's type.
template <class Target>
class step_to {
  public:
    explicit step_to(send_step value) : value_{std::move(value)} {}

    /// The command that takes this step back; accepted by the same target.
    template <class Command>
    [[nodiscard]] step_to undone_by(Command command) const {
        static_assert(detail::verify_sendable<Target, Command>());
        auto out = *this;
        out.value_.undo = any_message{std::move(command)};
        return out;
    }
    [[nodiscard]] step_to named(std::string name) const {
        auto out = *this;
        out.value_.name = std::move(name);
        return out;
    }
    /// Once this step has happened there is no way back.
    [[nodiscard]] step_to pivot() const {
        auto out = *this;
        out.value_.is_pivot = true;
        return out;
    }

    [[nodiscard]] const send_step& value() const { return value_; }
    friend bool operator==(const step_to&, const step_to&) = default;
    friend std::ostream& operator<<(std::ostream& out, const step_to& s) { return out << s.value_; }

  private:
    send_step value_;
};

/// A request of a saga; `Requests` lists the types of its value and of its undo.
template <class... Requests>
class step_asking<types<Requests...>> {
  public:
    explicit step_asking(request_step value) : value_{std::move(value)} {}

    /// The request that takes this one back.
    template <class Undo>
    [[nodiscard]] step_asking<types<Requests..., Undo>> undone_by(Undo undo) const {
        auto out = value_;
        out.undo = any_message{std::move(undo)};
        return step_asking<types<Requests..., Undo>>{std::move(out)};
    }
    [[nodiscard]] step_asking named(std::string name) const {
        auto out = *this;
        out.value_.name = std::move(name);
        return out;
    }
    [[nodiscard]] step_asking pivot() const {
        auto out = *this;
        out.value_.is_pivot = true;
        return out;
    }

    [[nodiscard]] const request_step& value() const { return value_; }
    friend bool operator==(const step_asking&, const step_asking&) = default;
    friend std::ostream& operator<<(std::ostream& out, const step_asking& s) {
        return out << s.value_;
    }

  private:
    request_step value_;
};

template <class Target>
template <class Command>
step_to<Target> sent<Target>::undone_by(Command command) const {
    return step_to<Target>{send_step{value_}}.undone_by(std::move(command));
}
template <class Target>
step_to<Target> sent<Target>::named(std::string name) const {
    return step_to<Target>{send_step{value_}}.named(std::move(name));
}
template <class Target>
step_to<Target> sent<Target>::pivot() const {
    return step_to<Target>{send_step{value_}}.pivot();
}
template <class Request>
template <class Undo>
step_asking<types<Request, Undo>> requested<Request>::undone_by(Undo undo) const {
    return step_asking<types<Request>>{request_step{value_}}.undone_by(std::move(undo));
}
template <class Request>
step_asking<types<Request>> requested<Request>::named(std::string name) const {
    return step_asking<types<Request>>{request_step{value_}}.named(std::move(name));
}
template <class Request>
step_asking<types<Request>> requested<Request>::pivot() const {
    return step_asking<types<Request>>{request_step{value_}}.pivot();
}

// Never defined: the first line of the error a wrong step gives.
template <class Saga, class Part>
struct not_a_step_of;
template <class Saga, class Target>
struct not_a_target_of;
template <class Saga, class Request>
struct not_a_request_of;

namespace detail {

template <class S, class Target>
consteval bool verify_target() {
    if constexpr (one_of<Target, targets_of<S>>) {
        return true;
    } else {
        return sizeof(not_a_target_of<S, Target>) > 0;
    }
}
template <class S, class Request>
consteval bool verify_request() {
    if constexpr (one_of<Request, requests_of<S>>) {
        return true;
    } else {
        return sizeof(not_a_request_of<S, Request>) > 0;
    }
}

// Verifies one part of a saga's steps and gives the step it means.
template <class S, class Part>
struct step_part {
    static_assert(sizeof(not_a_step_of<S, Part>) > 0);
};
template <class S, class Part>
    requires one_of<Part, step>
struct step_part<S, Part> {
    static step make(Part part) { return part; }
};
template <class S>
struct step_part<S, step> {
    static step make(step part) { return part; }
};
template <class S, class Target>
struct step_part<S, sent<Target>> {
    static_assert(verify_target<S, Target>());
    static step make(sent<Target> part) { return send_step{part.value()}; }
};
template <class S, class Target>
struct step_part<S, step_to<Target>> {
    static_assert(verify_target<S, Target>());
    static step make(step_to<Target> part) { return part.value(); }
};
template <class S, class Request>
struct step_part<S, requested<Request>> {
    static_assert(verify_request<S, Request>());
    static step make(requested<Request> part) { return request_step{part.value()}; }
};
template <class S, class... Requests>
struct step_part<S, step_asking<types<Requests...>>> {
    static_assert((verify_request<S, Requests>() && ...));
    static step make(step_asking<types<Requests...>> part) { return part.value(); }
};
template <class S, class Command>
struct step_part<S, scheduled<Command>> {
    static_assert(verify_sendable<S, Command>());
    static step make(scheduled<Command> part) { return std::move(part.value); }
};

void write_steps(value_sink& sink, const std::vector<step>& all);
std::ostream& print_steps(std::ostream& out, const std::vector<step>& all);

}  // namespace detail

/// What the saga `S` does next: `return {send(…).undone_by(…), schedule(…)};` No steps: it waits.
template <class S>
class [[nodiscard]] steps {
  public:
    steps() = default;
    template <class Part>
        requires(!std::same_as<std::remove_cvref_t<Part>, steps>)
    steps(Part&& part) {  // NOLINT(google-explicit-constructor)
        add(std::forward<Part>(part));
    }
    template <class First, class Second, class... Rest>
    steps(First&& first, Second&& second, Rest&&... rest) {
        add(std::forward<First>(first));
        add(std::forward<Second>(second));
        (add(std::forward<Rest>(rest)), ...);
    }

    /// Adds one step: a send, request, schedule, cancel, `complete()` or `fail(reason)`.
    template <class Part>
    steps& add(Part&& part) {
        using plain = std::remove_cvref_t<Part>;
        all_.push_back(detail::step_part<S, plain>::make(std::forward<Part>(part)));
        return *this;
    }

    [[nodiscard]] const std::vector<step>& all() const& { return all_; }
    [[nodiscard]] std::vector<step> all() && { return std::move(all_); }
    [[nodiscard]] bool is_empty() const { return all_.empty(); }

    friend bool operator==(const steps& a, const steps& b) { return a.all_ == b.all_; }
    friend std::ostream& operator<<(std::ostream& out, const steps& s) {
        return detail::print_steps(out, s.all_);
    }

  private:
    std::vector<step> all_;
};

}  // namespace tidemark
