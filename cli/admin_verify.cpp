#include "tidemark/cli/admin_page.hpp"
#include "tidemark/cli/json_out.hpp"

#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>

namespace tidemark::cli {
namespace {

constexpr std::size_t page = 500;
constexpr std::size_t problems_max = 100;

/// What has been read of the log. Memory grows with the number of streams, not of events.
struct progress {
    std::unordered_map<stream_id, std::uint64_t> heads;
    position last;
    std::uint64_t events = 0;
    std::size_t found = 0;
    array_writer problems;

    void problem(const std::string& text) {
        if (++found <= problems_max) problems.add_text(text);
    }

    void look_at(const recorded_event& e) {
        ++events;
        auto& head = heads[e.stream];
        const auto at =
            "stream " + e.stream.text() + ", version " + std::to_string(e.version.value());
        if (e.version.value() != head + 1) {
            problem(at + ": follows version " + std::to_string(head));
        }
        if (!(last < e.position)) problem(at + ": its position does not grow");
        head = e.version.value();
        last = e.position;
    }
};

/// Versions are contiguous in every stream, positions grow, and no read model is ahead of the log.
awaitable<http::response> verify(admin_ref from, http::request) {
    progress seen;
    for (;;) {
        auto read = co_await from->events().read_all(seen.last, page);
        if (!read) co_return failed(read.error());
        for (const auto& e : read->events) seen.look_at(e);
        if (read->events.size() < page) break;
    }
    auto status = co_await from->events().status();
    if (!status) co_return failed(status.error());
    auto models = co_await from->events().list_models();
    if (!models) co_return failed(models.error());
    for (const auto& model : *models) {
        if (model.position > status->last_position) {
            seen.problem("projection " + model.name + " is at position " +
                         std::to_string(model.position.value()) + ", behind the log's end " +
                         std::to_string(status->last_position.value()));
        }
    }
    co_return http::json(200, object_writer{}
                                  .boolean("ok", seen.found == 0)
                                  .number("checked_events", seen.events)
                                  .number("checked_streams", seen.heads.size())
                                  .trusted("problems", seen.problems.end())
                                  .end());
}

}  // namespace

void add_verify_route(http::router& routes, const admin_ref& from) {
    add(routes, http::method::get, "/admin/v1/verify", from, verify);
}

}  // namespace tidemark::cli
