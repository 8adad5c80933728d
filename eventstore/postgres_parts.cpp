#include "tidemark/eventstore/postgres_parts.hpp"

#include "tidemark/async/clock.hpp"
#include "tidemark/eventstore/log_renewal.hpp"
#include "tidemark/eventstore/postgres_connect.hpp"
#include "tidemark/eventstore/postgres_event_reads.hpp"
#include "tidemark/eventstore/postgres_migrations.hpp"
#include "tidemark/eventstore/postgres_models.hpp"

#include <utility>

namespace tidemark {
namespace {

constexpr std::uint64_t streams_few = 50;
constexpr auto census_lasts = std::chrono::seconds{10};

/// How the session that listens is reached; nothing if only a pooler leads to the server: a pooler
/// in transaction mode loses what is sent to one session.
std::optional<postgres_options> listening_options(const postgres_options& options) {
    if (!options.is_pooled) return options;
    if (options.listen_url.empty()) return std::nullopt;
    auto direct = options;
    direct.url = options.listen_url;
    direct.is_pooled = false;
    return direct;
}

}  // namespace

std::uint64_t stream_census::count(postgres_connection& session) {
    const auto now = real_clock{}.steady();
    {
        const std::scoped_lock lock{mutex_};
        const auto is_fresh = counted_at_ && now - *counted_at_ < census_lasts;
        if (is_fresh && counted_ > streams_few) return counted_;
    }
    const auto counted = count_streams(session);
    const std::scoped_lock lock{mutex_};
    counted_ = counted;
    counted_at_ = now;
    return counted;
}

error refuse_write(const postgres_options& options) {
    return {errc::invalid_argument, "PostgreSQL at " + mask_postgres_url(options.url) +
                                        " is open for reading only; ask a process that serves it, "
                                        "or open it for writing"};
}

postgres_parts::postgres_parts(postgres_options chosen, const clock* clock_used)
    : options{std::move(chosen)}, time{clock_used} {}

postgres_parts::~postgres_parts() = default;

std::optional<instant> postgres_parts::now() const {
    if (time == nullptr) return std::nullopt;
    return time->now();
}

result<std::unique_ptr<postgres_parts>> postgres_parts::open(postgres_options options,
                                                             const clock* time) {
    std::unique_ptr<postgres_parts> parts{new postgres_parts{std::move(options), time}};
    try {
        if (auto fault = parts->start()) return std::move(*fault);
    } catch (const postgres_failure& failed) {
        return failed.as_error(mask_postgres_url(parts->options.url),
                               postgres_failure::purpose::read);
    }
    return parts;
}

std::optional<error> postgres_parts::check() {
    postgres_connection session{options};
    if (auto fault = find_server_fault(session, options)) return fault;
    if (options.migrates && !options.is_read_only) {
        const auto migrated = migrate_postgres(options, false);
        if (!migrated) return migrated.error();
    }
    if (auto fault = find_schema_fault(read_postgres_schema(session), session.place())) {
        return fault;
    }
    if (auto fault = find_log_fault(session)) return fault;
    if (!options.is_read_only) {
        if (auto fault = find_home_fault(session)) return fault;
    }
    incarnation = read_status(session).incarnation;
    return std::nullopt;
}

std::optional<error> postgres_parts::start() {
    if (auto fault = check()) return fault;
    calls = std::make_unique<postgres_calls>(options, prepare_reads);
    if (auto fault = calls->pool().warm_up()) return fault;
    if (options.is_read_only) return std::nullopt;
    if (auto listening = listening_options(options)) {
        notices = std::make_unique<postgres_notices>(*listening, [this] { wakes.notify(); });
    }
    clear_models(*this);
    writer = std::make_unique<postgres_writer>(options, time, [this] {
        wakes.notify();
        if (notices) notices->tell();
    });
    return std::nullopt;
}

}  // namespace tidemark
