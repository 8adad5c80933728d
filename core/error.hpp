#pragma once

#include <boost/system/result.hpp>
#include <iosfwd>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace tidemark {

/// Why the machinery failed. A domain refusal is not an error: see `rejection`.
enum class errc {
    /// Another writer moved the stream; decide again on the new state.
    conflict = 1,
    /// A bounded queue was full; nothing was started.
    overloaded,
    /// The caller's deadline ended before the work was sent; nothing was stored.
    timed_out,
    /// The append was sent and its outcome is not known; ask by command id, never assume.
    unknown_outcome,
    /// The store or the bus cannot be reached now.
    unavailable,
    /// The lease, timer or effect this work belonged to is gone or was replaced.
    stale,
    /// The command id was used before with another payload.
    key_reused,
    /// No message of this stored name is registered.
    unknown_message,
    /// The payload does not fit the message.
    malformed_payload,
    /// A stored message is not one that this program can read: its name is unknown, or its payload
    /// does not fit the type of that name.
    undecodable,
    /// The stream cannot be folded and is set aside until it is mended.
    quarantined,
    /// The process is draining and takes no new work.
    shutting_down,
    /// An argument is outside its documented range.
    invalid_argument,
    /// The thing asked for does not exist.
    not_found,
    /// The operating system refused an operation.
    io_error,
    /// The storage is full; nothing was stored.
    disk_full,
    /// The storage holds bytes that are not ours or are damaged.
    corrupt,
    /// The schema is newer, older or edited.
    schema_mismatch,
    /// Another process serves this file.
    locked,
    /// User code (`decide`, `evolve`, a projection, a performer) threw.
    user_code_threw,
    /// A message is larger than its limit.
    too_large,
    /// A setting is unknown, of the wrong type or out of range.
    bad_setting,
    /// The log is not the one the checkpoint was taken from.
    foreign_log,
};

[[nodiscard]] std::string_view to_string(errc code);
[[nodiscard]] const std::error_category& error_category();
[[nodiscard]] std::error_code make_error_code(errc code);

/// Trying the same call again later can succeed: overloaded, unavailable, timed_out, disk_full,
/// shutting_down, unknown_outcome (with the same ids). A conflict is not retryable as it stands: it
/// must be decided again.
[[nodiscard]] bool is_retryable(errc code);

/// A failure of the machinery: what kind, and a sentence that names the value, where it came from
/// and the remedy.
class error {
  public:
    /// No failure; what `result::error()` of a success gives.
    error() = default;
    error(errc code, std::string message) : code_{code}, message_{std::move(message)} {}

    [[nodiscard]] errc code() const { return code_; }
    [[nodiscard]] const std::string& message() const { return message_; }
    [[nodiscard]] bool is_retryable() const { return tidemark::is_retryable(code_); }

    friend bool operator==(const error&, const error&) = default;
    friend std::ostream& operator<<(std::ostream& out, const error& e);

  private:
    errc code_{};
    std::string message_;
};

/// `result::value()` on an error throws `std::system_error` with the message.
[[noreturn]] void throw_exception_from_error(const error& e, const boost::source_location& where);

template <class T>
using result = boost::system::result<T, error>;

}  // namespace tidemark

template <>
struct std::is_error_code_enum<tidemark::errc> : std::true_type {};
