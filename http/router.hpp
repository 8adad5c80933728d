#pragma once

#include "tidemark/async/executor.hpp"
#include "tidemark/http/request.hpp"
#include "tidemark/http/response.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark::http {

/// What a route does. Runs on the server's executor, many at a time. What it throws becomes a 500
/// problem and the connection lives on.
using action = std::function<awaitable<response>(request)>;

/// A route as listed: for the API's inventory and for tests.
struct route {
    http::method method;
    /// "/api/v1/orders/{id}": a segment is text or `{name}`; the last may be `{name...}`, which
    /// takes the rest of the path, at least one character.
    std::string pattern;
};

/// What came of a request.
struct dispatched {
    response reply;
    /// Pattern of the route, for metrics: bounded in number, unlike paths. "unmatched" if none.
    std::string route;
    /// What an action threw or what its problem said for the log; empty if nothing failed.
    std::string failure;
};

/// Maps method and path to an action. Filled before the server starts, constant afterwards; the
/// server owns its copy.
///
/// Text segments win over parameters, and those over `{name...}`, from the left. A trailing slash
/// makes another path: "/orders/" is not "/orders". HEAD is answered by GET; OPTIONS by the router.
class router {
  public:
    /// Throws `std::invalid_argument` for a pattern that is not of the form above, a parameter
    /// named twice, or a route that is already there under any parameter names.
    router& add(method m, std::string pattern, action run);
    router& get(std::string pattern, action run) {
        return add(method::get, std::move(pattern), std::move(run));
    }
    router& post(std::string pattern, action run) {
        return add(method::post, std::move(pattern), std::move(run));
    }
    router& put(std::string pattern, action run) {
        return add(method::put, std::move(pattern), std::move(run));
    }
    router& patch(std::string pattern, action run) {
        return add(method::patch, std::move(pattern), std::move(run));
    }
    router& erase(std::string pattern, action run) {
        return add(method::erase, std::move(pattern), std::move(run));
    }

    /// Every route, in the order they were added.
    [[nodiscard]] std::vector<route> routes() const;

    /// Runs the action of the request's route. 404 and 405 (with `Allow`) are answers too; it
    /// throws nothing but the cancellation of its own coroutine. The router outlives the call.
    [[nodiscard]] awaitable<dispatched> dispatch(request r) const;

  private:
    struct segment {
        enum class kind { text, parameter, rest };
        kind kind;
        std::string text;
        friend auto operator<=>(const segment&, const segment&) = default;
    };
    struct entry {
        http::method method;
        std::string pattern;
        std::vector<segment> segments;
        action run;
    };
    struct found {
        const entry* route = nullptr;
        /// Methods of the path, comma-separated, when no route has the asked one.
        std::string allow;
    };

    [[nodiscard]] static std::vector<segment> parse_pattern(const std::string& pattern);
    [[nodiscard]] static bool is_same_shape(const entry& a, const entry& b);
    [[nodiscard]] static bool matches(const entry& e, std::string_view path, parameters* out);
    [[nodiscard]] found find(method m, std::string_view path) const;

    /// Sorted so that the first match is the best one.
    std::vector<entry> entries_;
    std::vector<route> listed_;
};

}  // namespace tidemark::http
