#include "tidemark/cli/admin_page.hpp"
#include "tidemark/cli/json_out.hpp"
#include "tidemark/cli/open_store.hpp"
#include "tidemark/cli/replay_comparison.hpp"
#include "tidemark/eventstore/sqlite_event_store.hpp"
#include "tidemark/runtime/projection_controls.hpp"

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
    std::uint64_t documents = 0;
    std::uint64_t projections_count = 0;
    std::uint64_t found = 0;
    array_writer projections;
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

bool is_stopping(const admin_state& from) { return from.is_running() && from.app().is_draining(); }

/// The pages of the file are sound. What stands behind a damaged one cannot be trusted.
awaitable<result<void>> look_at_file(admin_ref from, progress& seen) {
    auto* const file = as_sqlite(from->events());
    if (file == nullptr) co_return result<void>{};
    auto sound = co_await file->verify();
    if (sound || sound.error().code() != errc::corrupt) co_return sound;
    seen.problem(sound.error().message());
    co_return result<void>{};
}

/// Versions are contiguous in every stream, and positions grow.
awaitable<result<void>> read_log(admin_ref from, progress& seen) {
    for (;;) {
        if (is_stopping(*from)) {
            co_return error{errc::shutting_down, "the process is draining; ask another one"};
        }
        auto read = co_await from->events().read_all(seen.last, page);
        if (!read) co_return read.error();
        for (const auto& e : read->events) seen.look_at(e);
        if (!is_full_page(read->events, page)) co_return result<void>{};
    }
}

/// No read model is ahead of the log.
awaitable<result<void>> look_at_models(admin_ref from, progress& seen) {
    auto models = co_await from->events().list_models();
    if (!models) co_return models.error();
    auto status = co_await from->events().status();
    if (!status) co_return status.error();
    for (const auto& model : *models) {
        // Its checkpoint counts what operators said.
        if (model.name == projection_controls::collection) continue;
        if (model.position > status->last_position) {
            seen.problem("projection " + model.name + " is at position " +
                         std::to_string(model.position.value()) + ", behind the log's end " +
                         std::to_string(status->last_position.value()));
        }
    }
    co_return result<void>{};
}

/// What a projection has written is what a replay of the log writes.
awaitable<result<void>> replay_projection(admin_ref from, runtime::registered_projection which,
                                          progress& seen) {
    const auto name = std::string{which.type->name()};
    auto scratch = scratch_storage::open(from->app().world().clock(), name);
    if (!scratch) co_return scratch.error();
    const auto unobserved = which.type->unobserved();
    const replay_comparison::source source{from->events(), (*scratch)->events(),
                                           unobserved ? *unobserved : *which.type, which.options,
                                           [from] { return is_stopping(*from); }};
    replay_comparison comparison{source};
    auto compared = co_await comparison.run();
    if (!compared && compared.error().code() == errc::shutting_down) co_return compared.error();
    if (!compared) {
        seen.problem("projection " + name +
                     " could not be compared with a replay: " + compared.error().message());
    }
    const auto report = compared ? *compared : replay_report{name, {}, 0, 0, {}};
    for (const auto& text : report.problems) seen.problem(text);
    seen.found += report.differences - report.problems.size();
    ++seen.projections_count;
    seen.documents += report.documents;
    seen.projections.add(object_writer{}
                             .text("name", name)
                             .number("position", report.position.value())
                             .number("documents", report.documents)
                             .number("differences", report.differences)
                             .boolean("ok", compared.has_value() && report.differences == 0)
                             .end());
    co_return result<void>{};
}

awaitable<result<void>> look_at_everything(admin_ref from, progress& seen) {
    auto opened = co_await look_at_file(from, seen);
    if (!opened || seen.found != 0) co_return opened;
    auto read = co_await read_log(from, seen);
    if (!read) co_return read;
    auto looked = co_await look_at_models(from, seen);
    if (!looked) co_return looked;
    for (const auto& which : from->app().registered_projections()) {
        // Only documents can be compared; tables of one's own are left out, and said to be.
        if (which.options.into != nullptr) {
            seen.projections.add(object_writer{}
                                     .text("name", which.type->name())
                                     .text("not_compared", which.options.into->kind())
                                     .end());
            continue;
        }
        auto replayed = co_await replay_projection(from, which, seen);
        if (!replayed) co_return replayed;
    }
    co_return looked;
}

/// Lets the next verification in when this one ends, however it ends.
class turn {
  public:
    explicit turn(admin_ref of) : of_{std::move(of)} {}
    turn(const turn&) = delete;
    turn& operator=(const turn&) = delete;
    ~turn() { of_->is_verifying = false; }

  private:
    admin_ref of_;
};

awaitable<http::response> verify(admin_ref from, http::request) {
    if (from->is_verifying.exchange(true)) {
        const error busy{errc::overloaded, "a verification is under way; ask again when it ended"};
        co_return failed(busy);
    }
    const turn mine{from};
    progress seen;
    const auto looked = co_await look_at_everything(from, seen);
    if (!looked) co_return failed(looked.error());
    co_return http::json(200, object_writer{}
                                  .boolean("ok", seen.found == 0)
                                  .number("checked_events", seen.events)
                                  .number("checked_streams", seen.heads.size())
                                  .number("checked_projections", seen.projections_count)
                                  .number("checked_documents", seen.documents)
                                  .number("found", seen.found)
                                  .trusted("projections", seen.projections.end())
                                  .trusted("problems", seen.problems.end())
                                  .end());
}

}  // namespace

void add_verify_route(http::router& routes, const admin_ref& from) {
    add(routes, http::method::get, "/admin/v1/verify", from, verify);
}

}  // namespace tidemark::cli
