#pragma once

#include "tidemark/async/backoff.hpp"
#include "tidemark/core/error.hpp"
#include "tidemark/core/ids.hpp"
#include "tidemark/core/message.hpp"
#include "tidemark/core/version.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace tidemark {

/// How an effect is carried out, as stored with its row (`new_effect::options`).
struct effect_options {
    /// Attempts in all, the first included. At least 1.
    std::uint32_t attempts = 5;
    duration first = std::chrono::seconds{1};
    double factor = 2;
    duration cap = std::chrono::seconds{32};
    /// One attempt's time.
    duration timeout = std::chrono::seconds{30};
    /// The saga step that sent it.
    std::string step;
    /// Settle effects: the send that is settled.
    message_id settles;
    friend bool operator==(const effect_options&, const effect_options&) = default;

    [[nodiscard]] backoff_policy backoff() const {
        return {first, static_cast<std::uint32_t>(factor), cap};
    }
};
TIDEMARK_STRUCT(effect_options, attempts, first, factor, cap, timeout, step, settles)

[[nodiscard]] std::string encode_options(const effect_options& options);
/// Empty text is the defaults.
[[nodiscard]] result<effect_options> decode_effect_options(std::string_view text);

/// The key under which an effect is stored and shown to the outside on every attempt. It names the
/// command, not the version: decisions without events share a version.
[[nodiscard]] message_id effect_key(const stream_id& stream, message_id command, version decided_on,
                                    std::uint32_t index);

/// The generation of a timer that a command sets, which is the id of the command it fires as.
[[nodiscard]] message_id timer_generation(const stream_id& stream, std::string_view name,
                                          message_id command);

/// Reason of the refusal that settling leaves under the id of an undecided send.
inline constexpr std::string_view settled_reason = "tidemark.settled";

}  // namespace tidemark
