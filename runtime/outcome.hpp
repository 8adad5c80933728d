#pragma once

#include "tidemark/core/error.hpp"
#include "tidemark/core/ids.hpp"
#include "tidemark/core/version.hpp"

#include <string>
#include <variant>

namespace tidemark {

/// Proof that a command was committed.
struct receipt {
    /// Head of the stream after the command.
    tidemark::version version;
    /// Reads that wait for this position see the command's events.
    tidemark::position position;
    friend bool operator==(const receipt&, const receipt&) = default;
};

/// The domain said no.
struct refusal {
    /// Stable code ("insufficient_funds").
    std::string code;
    /// A sentence for people; may be empty.
    std::string message;
    friend bool operator==(const refusal&, const refusal&) = default;
};

/// What became of a command. Nothing is thrown: a receipt, a refusal or an error.
class [[nodiscard]] outcome {
  public:
    outcome(message_id command, tidemark::receipt committed)
        : command_{command}, value_{committed} {}
    outcome(message_id command, refusal refused) : command_{command}, value_{std::move(refused)} {}
    outcome(message_id command, tidemark::error failed)
        : command_{command}, value_{std::move(failed)} {}

    /// Committed.
    [[nodiscard]] explicit operator bool() const { return is_committed(); }
    [[nodiscard]] bool is_committed() const {
        return std::holds_alternative<tidemark::receipt>(value_);
    }
    [[nodiscard]] bool is_refused() const { return std::holds_alternative<refusal>(value_); }
    [[nodiscard]] bool is_error() const { return std::holds_alternative<tidemark::error>(value_); }

    /// Precondition: `is_committed()`.
    [[nodiscard]] const tidemark::receipt& receipt() const {
        return std::get<tidemark::receipt>(value_);
    }
    /// Precondition: `is_refused()`.
    [[nodiscard]] const refusal& rejection() const { return std::get<refusal>(value_); }
    /// Precondition: `is_error()`.
    [[nodiscard]] const tidemark::error& error() const { return std::get<tidemark::error>(value_); }
    /// Code of the refusal or message of the error; empty when committed.
    [[nodiscard]] std::string reason() const;

    /// Id of the command: what it caused names it. It can be asked about under its key, which is
    /// this id for a command that was `known_as` it.
    [[nodiscard]] message_id command() const { return command_; }
    /// This is the answer given to an earlier use of the same command id.
    [[nodiscard]] bool is_repeated() const { return repeated_; }
    void mark_repeated() { repeated_ = true; }

  private:
    message_id command_;
    std::variant<tidemark::receipt, refusal, tidemark::error> value_;
    bool repeated_ = false;
};

}  // namespace tidemark
