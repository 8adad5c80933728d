#pragma once

#include "tidemark/http/router.hpp"
#include "tidemark/runtime/runtime.hpp"
#include "tidemark/runtime/settings.hpp"

#include <functional>
#include <string>

namespace tidemark::cli {

/// What the admin API speaks of. The referenced objects outlive the router.
struct admin_source {
    runtime& app;
    /// Of this program; null: `/admin/v1/config` has no items.
    const settings* values = nullptr;
    std::string version;
    /// "development", "production", or "offline": a file that no process serves, seen by the
    /// command line through the same routes. Offline nothing runs: projections cannot be rebuilt.
    std::string mode = "development";
    /// What an operator types to reach it, for remedies that are commands.
    std::string program = "tidemark";
    /// Where its listeners really are; null: nowhere. Called while requests are answered.
    std::function<std::string()> api_url;
    std::function<std::string()> admin_url;
};

/// Adds every route under `/admin/v1`. Lists are paged: at most 500 items a page.
void add_admin_routes(http::router& routes, const admin_source& from);

/// A recorded event as the admin API writes it.
[[nodiscard]] std::string to_json(const recorded_event& event);

}  // namespace tidemark::cli
