#pragma once

#include "tidemark/core/encoded.hpp"

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Structured logging: a message that is a constant, and fields. Writing is synchronous and bounded
/// (see `options::stall_max`); nothing a program decides may depend on a line.
namespace tidemark::log {

/// How much a line matters. A module prints its level and everything above it.
enum class level : std::uint8_t {
    /// Every step, for debugging one thing.
    trace,
    /// Decisions of the machinery.
    debug,
    /// What an operator wants to see in a healthy process.
    info,
    /// Something was wrong and the process coped.
    warn,
    /// Something failed and somebody should look.
    error,
    /// The process cannot go on.
    critical,
    /// Prints nothing.
    off,
};

[[nodiscard]] std::string_view to_string(level value);
/// The level of this name ("trace" … "critical", "off"); nothing for any other text.
[[nodiscard]] std::optional<level> parse_level(std::string_view text);

/// One key and its value. Holds views: it lives no longer than the call it is an argument of.
/// Keys are literals and differ within a line; "ts", "level", "module" and "message" are taken and
/// get a "field_" in front.
class field {
  public:
    /// What the value is. `none` marks an argument that was left out.
    enum class kind : std::uint8_t { none, text, integer, natural, real, boolean, trace };

    constexpr field() = default;
    constexpr field(std::string_view key, std::string_view value)
        : key_{key}, text_{value}, kind_{kind::text} {}
    template <std::same_as<bool> T>
    constexpr field(std::string_view key, T value)
        : key_{key}, natural_{value ? 1U : 0U}, kind_{kind::boolean} {}
    template <std::signed_integral T>
    constexpr field(std::string_view key, T value)
        : key_{key}, integer_{value}, kind_{kind::integer} {}
    template <std::unsigned_integral T>
        requires(!std::same_as<T, bool>)
    constexpr field(std::string_view key, T value)
        : key_{key}, natural_{value}, kind_{kind::natural} {}
    template <std::floating_point T>
    constexpr field(std::string_view key, T value)
        : key_{key}, real_{static_cast<double>(value)}, kind_{kind::real} {}
    /// Expands to "correlation", "causation" and, from the traceparent, "trace_id" and "span_id".
    explicit constexpr field(const trace_context& trace) : trace_{&trace}, kind_{kind::trace} {}

    [[nodiscard]] constexpr kind type() const { return kind_; }
    [[nodiscard]] constexpr std::string_view key() const { return key_; }
    [[nodiscard]] constexpr std::string_view text() const { return text_; }
    [[nodiscard]] constexpr std::int64_t integer() const { return integer_; }
    [[nodiscard]] constexpr std::uint64_t natural() const { return natural_; }
    [[nodiscard]] constexpr double real() const { return real_; }
    [[nodiscard]] constexpr bool boolean() const { return natural_ != 0; }
    [[nodiscard]] constexpr const trace_context& trace() const { return *trace_; }

  private:
    std::string_view key_;
    std::string_view text_;
    union {
        std::int64_t integer_ = 0;
        std::uint64_t natural_;
        double real_;
        const trace_context* trace_;
    };
    kind kind_ = kind::none;
};

/// An argument that was left out.
inline constexpr field no_field{};

/// Whose doing the line is about; pass it like any field.
[[nodiscard]] constexpr field fields(const trace_context& trace) { return field{trace}; }

/// A line on its way to a sink; views into the caller's arguments.
struct record {
    log::level level = level::info;
    std::string_view module;
    std::string_view message;
    std::span<const field> fields;
};

/// Where lines go. `write` may be called by several threads at once and must not throw, block
/// without bound, or log.
class sink {
  public:
    sink() = default;
    sink(const sink&) = delete;
    sink& operator=(const sink&) = delete;
    virtual ~sink() = default;
    virtual void write(const record& line) noexcept = 0;
};

/// The line as one JSON object without its time: {"level":…,"module":…,"message":…,fields…}.
/// Always valid JSON in UTF-8: bytes that are not UTF-8 become U+FFFD, a text of more than 4 KiB
/// is cut and ends in "…", a number that is not finite becomes a text.
[[nodiscard]] std::string to_json(const record& line);
/// The line for people, on one line, control characters escaped. No time either.
[[nodiscard]] std::string to_human(const record& line, bool colour);

/// Keeps the last lines as JSON (`to_json`), for tests and simulation. Beyond `lines_max` the
/// oldest goes.
class memory_sink final : public sink {
  public:
    explicit memory_sink(std::size_t lines_max = 1024) : lines_max_{lines_max} {}
    void write(const record& line) noexcept override;
    [[nodiscard]] std::vector<std::string> lines() const;

  private:
    mutable std::mutex mutex_;
    std::vector<std::string> lines_;
    std::size_t lines_max_;
};

/// How the standard sink prints.
enum class format : std::uint8_t {
    /// `human` on a terminal, `json` elsewhere.
    automatic,
    /// One JSON object a line.
    json,
    /// For people.
    human,
};

/// Options of the standard sink.
struct options {
    /// Level of every module that `modules` does not name.
    log::level level = level::info;
    /// Exceptions: "relay=debug,http=warn".
    std::string modules;
    log::format format = format::automatic;
    /// File descriptor the lines go to; not owned. 1 is stdout, 2 is stderr.
    int descriptor = 1;
    /// How long one line may wait for a reader that does not read. After that the line is dropped,
    /// and so is every later one, without waiting, until the reader reads again; the next line that
    /// goes out is preceded by the number of those dropped.
    std::chrono::milliseconds stall_max{100};
};

/// Sets the levels and installs the standard sink. Before the first call: JSON lines of level info
/// on stderr. Throws `std::invalid_argument` naming the part of `modules` that is wrong.
void configure(const options& settings);

/// The standard sink on its own, for tests.
[[nodiscard]] std::shared_ptr<sink> make_standard_sink(const options& settings);

/// Puts another sink in place and returns the one before; a null sink drops every line.
std::shared_ptr<sink> exchange_sink(std::shared_ptr<sink> next);

/// Levels of `module`; at most 64 modules are told apart, later ones share the default level.
void set_level(std::string_view module, level value);
void set_default_level(level value);

/// What a module logs through: made once, at namespace scope, of a literal. Costs one relaxed load
/// when its level is off.
class source {
  public:
    explicit source(std::string_view module);

    [[nodiscard]] bool prints(level at) const {
        return static_cast<std::uint8_t>(at) >= level_->load(std::memory_order_relaxed);
    }
    void write(level at, std::string_view message, std::span<const field> fields) const;

    void trace(std::string_view message, const field& a = no_field, const field& b = no_field,
               const field& c = no_field, const field& d = no_field, const field& e = no_field,
               const field& f = no_field, const field& g = no_field,
               const field& h = no_field) const {
        if (prints(level::trace)) put(level::trace, message, {a, b, c, d, e, f, g, h});
    }
    void debug(std::string_view message, const field& a = no_field, const field& b = no_field,
               const field& c = no_field, const field& d = no_field, const field& e = no_field,
               const field& f = no_field, const field& g = no_field,
               const field& h = no_field) const {
        if (prints(level::debug)) put(level::debug, message, {a, b, c, d, e, f, g, h});
    }
    void info(std::string_view message, const field& a = no_field, const field& b = no_field,
              const field& c = no_field, const field& d = no_field, const field& e = no_field,
              const field& f = no_field, const field& g = no_field,
              const field& h = no_field) const {
        if (prints(level::info)) put(level::info, message, {a, b, c, d, e, f, g, h});
    }
    void warn(std::string_view message, const field& a = no_field, const field& b = no_field,
              const field& c = no_field, const field& d = no_field, const field& e = no_field,
              const field& f = no_field, const field& g = no_field,
              const field& h = no_field) const {
        if (prints(level::warn)) put(level::warn, message, {a, b, c, d, e, f, g, h});
    }
    void error(std::string_view message, const field& a = no_field, const field& b = no_field,
               const field& c = no_field, const field& d = no_field, const field& e = no_field,
               const field& f = no_field, const field& g = no_field,
               const field& h = no_field) const {
        if (prints(level::error)) put(level::error, message, {a, b, c, d, e, f, g, h});
    }
    void critical(std::string_view message, const field& a = no_field, const field& b = no_field,
                  const field& c = no_field, const field& d = no_field, const field& e = no_field,
                  const field& f = no_field, const field& g = no_field,
                  const field& h = no_field) const {
        if (prints(level::critical)) put(level::critical, message, {a, b, c, d, e, f, g, h});
    }

  private:
    void put(level at, std::string_view message, std::initializer_list<field> fields) const {
        write(at, message, std::span<const field>{fields.begin(), fields.size()});
    }

    std::string_view module_;
    const std::atomic<std::uint8_t>* level_;
};

/// Lines of the application itself: module "app".
[[nodiscard]] const source& application();

inline void debug(std::string_view message, const field& a = no_field, const field& b = no_field,
                  const field& c = no_field, const field& d = no_field, const field& e = no_field,
                  const field& f = no_field, const field& g = no_field, const field& h = no_field) {
    application().debug(message, a, b, c, d, e, f, g, h);
}
inline void info(std::string_view message, const field& a = no_field, const field& b = no_field,
                 const field& c = no_field, const field& d = no_field, const field& e = no_field,
                 const field& f = no_field, const field& g = no_field, const field& h = no_field) {
    application().info(message, a, b, c, d, e, f, g, h);
}
inline void warn(std::string_view message, const field& a = no_field, const field& b = no_field,
                 const field& c = no_field, const field& d = no_field, const field& e = no_field,
                 const field& f = no_field, const field& g = no_field, const field& h = no_field) {
    application().warn(message, a, b, c, d, e, f, g, h);
}
inline void error(std::string_view message, const field& a = no_field, const field& b = no_field,
                  const field& c = no_field, const field& d = no_field, const field& e = no_field,
                  const field& f = no_field, const field& g = no_field, const field& h = no_field) {
    application().error(message, a, b, c, d, e, f, g, h);
}

}  // namespace tidemark::log
