#include "tidemark/observability/log.hpp"

#include <poll.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <utility>

namespace tidemark::log {
namespace {

/// Every module's level and the sink. Constructed on first use and never destroyed, so that static
/// objects may log while the process ends.
struct registry {
    struct module {
        std::string name;
        std::atomic<std::uint8_t> level{static_cast<std::uint8_t>(level::info)};
        bool is_set = false;
    };
    static constexpr std::size_t modules_max = 64;

    std::mutex mutex;
    std::array<module, modules_max> modules;
    std::size_t modules_used = 0;
    std::atomic<std::uint8_t> default_level{static_cast<std::uint8_t>(level::info)};
    std::shared_ptr<sink> target;
    bool has_target = false;

    /// The module's slot, made if there is room; null if all are taken. Needs the mutex.
    module* find(std::string_view name) {
        for (auto i = std::size_t{0}; i < modules_used; ++i) {
            if (modules[i].name == name) return &modules[i];
        }
        if (modules_used == modules_max) return nullptr;
        auto& slot = modules[modules_used++];
        slot.name = name;
        slot.level.store(default_level.load());
        return &slot;
    }
};

registry& the_registry() {
    static auto* const instance = new registry;
    return *instance;
}

/// Writes whole lines to a descriptor without ever waiting longer than `stall_max` for its reader.
class bounded_descriptor_sink final : public spdlog::sinks::base_sink<std::mutex> {
  public:
    using dropped_line = std::function<std::string(std::uint64_t)>;

    bounded_descriptor_sink(int descriptor, std::chrono::milliseconds stall_max,
                            dropped_line describe)
        : descriptor_{descriptor}, stall_max_{stall_max}, describe_{std::move(describe)} {}

  protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        if (dropped_ != 0) {
            const auto text = describe_(dropped_);
            auto notice = message;
            notice.payload = text;
            if (!put(notice)) {
                ++dropped_;
                return;
            }
            dropped_ = 0;
        }
        if (!put(message)) ++dropped_;
    }
    void flush_() override {}

  private:
    bool put(const spdlog::details::log_msg& message) {
        spdlog::memory_buf_t line;
        // A line that stalled half-way is ended before the next one begins.
        if (is_torn_) line.push_back('\n');
        formatter_->format(message, line);
        const char* at = line.data();
        auto left = line.size();
        while (left != 0) {
            if (!is_writable()) {
                is_stalled_ = true;
                is_torn_ = is_torn_ || at != line.data();
                return false;
            }
            // A pipe that polls writable takes PIPE_BUF bytes without blocking, not more.
            const auto count = ::write(descriptor_, at, left < PIPE_BUF ? left : PIPE_BUF);
            if (count < 0) {
                if (errno == EINTR) continue;
                is_torn_ = is_torn_ || at != line.data();
                return false;
            }
            at += count;
            left -= static_cast<std::size_t>(count);
        }
        is_stalled_ = false;
        is_torn_ = false;
        return true;
    }

    bool is_writable() const {
        pollfd wait{descriptor_, POLLOUT, 0};
        const auto timeout = is_stalled_ ? 0 : static_cast<int>(stall_max_.count());
        const auto ready = ::poll(&wait, 1, timeout);
        return ready > 0 && (wait.revents & (POLLOUT | POLLERR | POLLHUP)) != 0;
    }

    int descriptor_;
    std::chrono::milliseconds stall_max_;
    dropped_line describe_;
    std::uint64_t dropped_ = 0;
    bool is_stalled_ = false;  // the last line found no reader: do not wait for it again
    bool is_torn_ = false;     // a line went out in part
};

class standard_sink final : public sink {
  public:
    explicit standard_sink(const options& settings)
        : is_human_{settings.format == format::human ||
                    (settings.format == format::automatic && ::isatty(settings.descriptor) != 0)},
          is_coloured_{::isatty(settings.descriptor) != 0 && std::getenv("NO_COLOR") == nullptr},
          logger_{"tidemark", std::make_shared<bounded_descriptor_sink>(
                                  settings.descriptor, settings.stall_max,
                                  [this](std::uint64_t count) { return dropped(count); })} {
        const auto* pattern = is_human_ ? "%H:%M:%S.%e %v" : "{\"ts\":\"%Y-%m-%dT%H:%M:%S.%fZ\",%v";
        const auto zone =
            is_human_ ? spdlog::pattern_time_type::local : spdlog::pattern_time_type::utc;
        logger_.set_formatter(std::make_unique<spdlog::pattern_formatter>(pattern, zone, "\n"));
        logger_.set_level(spdlog::level::trace);
        logger_.set_error_handler([](const std::string&) {});
    }

    void write(const record& line) noexcept override {
        try {
            logger_.log(spdlog::level::info, spdlog::string_view_t{text(line)});
        } catch (...) {
            // Out of memory while formatting: the line is lost, the caller is not.
            return;
        }
    }

  private:
    std::string text(const record& line) const {
        if (is_human_) return to_human(line, is_coloured_);
        return to_json(line).substr(1);  // the brace stands before the time, in the pattern
    }
    std::string dropped(std::uint64_t count) const {
        const std::array<field, 1> fields{field{"count", count}};
        return text({level::warn, "log", "lines dropped: nobody read them", fields});
    }

    bool is_human_;
    bool is_coloured_;
    spdlog::logger logger_;
};

/// "relay=debug,http=warn" as pairs; throws on anything else.
std::vector<std::pair<std::string_view, level>> parse_modules(std::string_view text) {
    std::vector<std::pair<std::string_view, level>> out;
    while (!text.empty()) {
        const auto part = text.substr(0, text.find(','));
        text.remove_prefix(std::min(text.size(), part.size() + 1));
        const auto equals = part.find('=');
        const auto value =
            equals == std::string_view::npos ? std::nullopt : parse_level(part.substr(equals + 1));
        if (!value || equals == 0) {
            throw std::invalid_argument("log level \"" + std::string{part} +
                                        "\" must read module=level, level one of trace, debug, "
                                        "info, warn, error, critical, off");
        }
        out.emplace_back(part.substr(0, equals), *value);
    }
    return out;
}

}  // namespace

std::shared_ptr<sink> make_standard_sink(const options& settings) {
    return std::make_shared<standard_sink>(settings);
}

void configure(const options& settings) {
    const auto modules = parse_modules(settings.modules);
    set_default_level(settings.level);
    for (const auto& [name, value] : modules) set_level(name, value);
    exchange_sink(make_standard_sink(settings));
}

std::shared_ptr<sink> exchange_sink(std::shared_ptr<sink> next) {
    auto& all = the_registry();
    const std::lock_guard lock{all.mutex};
    all.has_target = true;
    return std::exchange(all.target, std::move(next));
}

void set_level(std::string_view module, level value) {
    auto& all = the_registry();
    const std::lock_guard lock{all.mutex};
    auto* const slot = all.find(module);
    if (slot == nullptr) return;
    slot->is_set = true;
    slot->level.store(static_cast<std::uint8_t>(value));
}

void set_default_level(level value) {
    auto& all = the_registry();
    const std::lock_guard lock{all.mutex};
    all.default_level.store(static_cast<std::uint8_t>(value));
    for (auto i = std::size_t{0}; i < all.modules_used; ++i) {
        if (!all.modules[i].is_set) all.modules[i].level.store(static_cast<std::uint8_t>(value));
    }
}

source::source(std::string_view module) : module_{module} {
    auto& all = the_registry();
    const std::lock_guard lock{all.mutex};
    const auto* const slot = all.find(module);
    level_ = slot != nullptr ? &slot->level : &all.default_level;
}

void source::write(level at, std::string_view message, std::span<const field> fields) const {
    auto& all = the_registry();
    std::shared_ptr<sink> target;
    {
        const std::lock_guard lock{all.mutex};
        if (!all.has_target) {
            all.target = make_standard_sink({.format = format::json, .descriptor = STDERR_FILENO});
            all.has_target = true;
        }
        target = all.target;
    }
    if (target) target->write({at, module_, message, fields});
}

const source& application() {
    static const source instance{"app"};
    return instance;
}

void memory_sink::write(const record& line) noexcept {
    try {
        auto text = to_json(line);
        const std::lock_guard lock{mutex_};
        if (lines_max_ == 0) return;
        if (lines_.size() == lines_max_) lines_.erase(lines_.begin());
        lines_.push_back(std::move(text));
    } catch (...) {
        // Out of memory: a test that misses its line says so.
        return;
    }
}

std::vector<std::string> memory_sink::lines() const {
    const std::lock_guard lock{mutex_};
    return lines_;
}

}  // namespace tidemark::log
