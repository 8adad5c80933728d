#pragma once

#include "tidemark/cli/admin_routes.hpp"
#include "tidemark/http/request.hpp"
#include "tidemark/http/response.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark::cli {

/// How fast a total grows, seen by whoever asks: the growth between two askings that are at least
/// a second apart. Thread-safe.
class rate_meter {
  public:
    [[nodiscard]] double per_second(std::uint64_t total, duration steady);

  private:
    std::mutex mutex_;
    std::optional<duration> since_;
    std::uint64_t total_ = 0;
    double rate_ = 0;
};

/// Shared by the actions; kept alive by the coroutines that run.
struct admin_state {
    explicit admin_state(const admin_source& from)
        : source{from}, began{from.app.world().clock().steady()} {}
    [[nodiscard]] runtime& app() const { return source.app; }
    [[nodiscard]] storage& events() const { return source.app.events(); }
    [[nodiscard]] bool is_running() const { return source.mode != "offline"; }

    admin_source source;
    duration began;
    mutable rate_meter events_rate;
    mutable rate_meter commands_rate;
    /// A verification runs; a second one beside it is refused.
    mutable std::atomic<bool> is_verifying{false};
};
using admin_ref = std::shared_ptr<const admin_state>;

inline constexpr std::uint64_t page_default = 100;
inline constexpr std::uint64_t page_max = 500;

/// A whole number of the query; `fallback` if it is not there, `invalid_argument` naming it if it
/// is not a number.
[[nodiscard]] result<std::uint64_t> query_number(const http::request& from, std::string_view name,
                                                 std::uint64_t fallback);
[[nodiscard]] std::string query_text(const http::request& from, std::string_view name);
/// `limit` of the query, 1 to 500.
[[nodiscard]] result<std::size_t> query_limit(const http::request& from);

/// {"items":[…],"next":"…"|null}.
[[nodiscard]] http::response list(std::string items, std::string_view next);
[[nodiscard]] http::response failed(const error& why);

/// Adds a route whose action is `run(state, request)`, an ordinary coroutine function.
using admin_action = awaitable<http::response> (*)(admin_ref, http::request);
void add(http::router& to, http::method m, const char* pattern, const admin_ref& from,
         admin_action run);

/// What the body of a change says.
struct operator_change {
    audit_entry who;
    bool is_dry_run = false;
    /// Sagas: the step was undone by other means; go on behind it.
    bool is_skip = false;
};
/// Whether the body may also say `skip`.
enum class skip_member : std::uint8_t { unknown, allowed };
/// The change a body asks for, or why it is refused. Demands the header `Tidemark-Admin: 1`, which
/// a browser does not send to another origin without asking there first: it keeps out forms of
/// other sites.
[[nodiscard]] std::variant<operator_change, http::problem> parse_change(
    const http::request& r, bool needs_reason, skip_member skip = skip_member::unknown);

/// The projections as a JSON array, and the relays.
[[nodiscard]] awaitable<result<std::string>> projections_json(admin_ref from);

/// The relays as a JSON array; `end` is the log's last position.
[[nodiscard]] std::string relays_json(const admin_state& from, position end);

/// How many sagas of each kind stand where.
struct saga_page {
    /// A JSON array.
    std::string items;
    std::uint64_t stuck = 0;
};
[[nodiscard]] awaitable<result<saga_page>> ask_sagas(admin_ref from);

/// What operators ordered of the consumers, at most `limit` each.
[[nodiscard]] awaitable<result<std::vector<audit_record>>> consumers_audit(admin_ref from,
                                                                           std::size_t limit);

// One file a noun.
void add_overview_route(http::router& routes, const admin_ref& from);
void add_stream_routes(http::router& routes, const admin_ref& from);
void add_live_route(http::router& routes, const admin_ref& from);
void add_dead_letter_routes(http::router& routes, const admin_ref& from);
void add_projection_routes(http::router& routes, const admin_ref& from);
void add_consumer_routes(http::router& routes, const admin_ref& from);
void add_saga_routes(http::router& routes, const admin_ref& from);
void add_saga_resume_route(http::router& routes, const admin_ref& from);
void add_snapshot_routes(http::router& routes, const admin_ref& from);
void add_verify_route(http::router& routes, const admin_ref& from);

}  // namespace tidemark::cli
