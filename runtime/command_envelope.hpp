#pragma once

#include "tidemark/async/executor.hpp"
#include "tidemark/eventstore/append.hpp"
#include "tidemark/runtime/outcome.hpp"
#include "tidemark/runtime/stream_type.hpp"

#include <boost/asio/any_completion_handler.hpp>

#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tidemark {

/// What a command's sender hears: its outcome, and for the effect runner which events it caused.
struct command_result {
    tidemark::outcome outcome;
    /// The answer as stored, when there is one (committed or refused).
    std::optional<answer> told;
    /// The effect, timer or lease the command belonged to is gone: it took no effect.
    bool is_stale = false;
};

/// Steady time that never comes.
inline constexpr duration no_deadline{std::numeric_limits<duration::rep>::max()};

/// A command with everything that must be committed with it. Owned by the mailbox of its stream
/// until it is answered.
struct command_envelope {
    std::unique_ptr<any_command> command;
    message_id id;
    /// Key under which the answer is stored; empty scope: the command cannot come again.
    std::string scope;
    std::string key;
    std::optional<version> expected;
    /// Steady time after which it is not started.
    duration deadline = no_deadline;
    trace_context trace;
    std::vector<completion> completes;
    std::vector<timer_fire> fires;
    std::vector<consumption> consumed;
    std::vector<message_id> closes;
    /// Called exactly once, posted to `home`, unless the runtime is destroyed.
    boost::asio::any_completion_handler<void(command_result)> reply;
    executor home;
};

/// On the heap: it is large and changes hands often between its caller and its mailbox.
using envelope_ptr = std::unique_ptr<command_envelope>;

/// Hash of stored name and payload, for recognising a key reused with another command: the first 64
/// bits of the name-based UUID of both.
[[nodiscard]] std::uint64_t payload_hash(const encoded_message& message);

}  // namespace tidemark
