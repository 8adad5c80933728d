#include "tidemark/cli/admin_page.hpp"
#include "tidemark/cli/json_out.hpp"
#include "tidemark/observability/log.hpp"
#include "tidemark/sagas/saga_stream.hpp"
#include "tidemark/sagas/saga_view.hpp"

#include <optional>
#include <utility>

namespace tidemark::cli {
namespace {

/// What keeps a saga from being resumed at all; nothing if it may be asked.
std::optional<error> refuse_stream(const admin_state& from, const std::string& text,
                                   const std::optional<stream_id>& id) {
    if (!id) {
        return error{errc::not_found,
                     "there is no saga \"" + text + "\"; GET /admin/v1/sagas lists them"};
    }
    if (!from.is_running()) {
        return error{errc::unavailable, "saga " + text +
                                            " can be resumed only by a running process; start it "
                                            "and ask again"};
    }
    const auto* const type = from.app().type_of(id->category());
    if (type == nullptr) {
        return error{errc::not_found,
                     "no store of category \"" + std::string{id->category()} +
                         "\" is registered in this process; ask the one that runs this saga"};
    }
    if (!type->wants_answers()) {
        return error{errc::invalid_argument,
                     "\"" + text +
                         "\" is an aggregate, not a saga; GET /admin/v1/sagas lists "
                         "those that can be resumed"};
    }
    return std::nullopt;
}

/// Steps that the saga would go on with: those whose undo was refused, and what is under way beside
/// them (sent again; or with `skip` taken for done).
std::string waiting_steps(const saga_view& saga, bool is_skip) {
    array_writer out;
    for (const auto& s : saga.steps) {
        const auto is_waiting = s.state == step_state::undo_refused ||
                                s.state == (is_skip ? step_state::undo_sent : step_state::settling);
        if (!is_waiting) continue;
        out.add(object_writer{}
                    .number("index", s.index)
                    .text("name", s.name)
                    .text("state", tidemark_enum_text(s.state))
                    .text_or_null("undo", s.undo.value_or(""))
                    .text("target", s.target)
                    .end());
    }
    return out.end();
}

http::response told(const operator_change& wanted, const saga_view& before,
                    std::optional<receipt> done) {
    object_writer out;
    out.boolean("resumed", done.has_value())
        .text("stream", before.stream.text())
        .text("state", tidemark_enum_text(before.state))
        .trusted("would_resume", waiting_steps(before, wanted.is_skip));
    if (done) out.number("version", done->version.value());
    return http::json(200, out.end());
}

/// The saga keeps who and why in an event of its own; the log has the same in one line.
awaitable<http::response> resume(admin_ref from, http::request r) {
    const auto asked = parse_change(r, true, skip_member::allowed);
    if (const auto* no = std::get_if<http::problem>(&asked)) co_return http::refuse(*no);
    const auto& wanted = std::get<operator_change>(asked);
    const auto id = stream_id::parse(r.parameter("stream"));
    const auto refused = refuse_stream(*from, r.parameter("stream"), id);
    if (refused) co_return failed(*refused);
    const auto before = co_await view_saga(from->events(), *id);
    if (!before) co_return failed(before.error());
    if (wanted.is_dry_run) co_return told(wanted, *before, std::nullopt);

    const saga_resume how{wanted.who.actor, wanted.who.reason, wanted.is_skip};
    auto command = resume_command(how);
    // Still the business transaction that the saga was begun in.
    trace_context trace;
    trace.correlation = before->correlation;
    trace.traceparent = r.traceparent;
    call traced;
    traced.tracing(trace);
    const auto done =
        co_await execute_command(from->app(), *id, std::move(command), std::move(traced));
    if (done.is_error()) co_return failed(done.error());
    if (done.is_refused()) {
        const auto& no = done.rejection();
        co_return http::refuse(http::rejection_problem(no.code, no.message));
    }
    trace.causation = done.command();
    log::info("saga resumed by an operator", {"saga", id->text()}, {"actor", how.actor},
              {"reason", how.reason}, {"skip", how.skip},
              {"version", done.receipt().version.value()}, log::fields(trace));
    co_return told(wanted, *before, done.receipt());
}

}  // namespace

void add_saga_resume_route(http::router& routes, const admin_ref& from) {
    add(routes, http::method::post, "/admin/v1/sagas/{stream}/resume", from, resume);
}

}  // namespace tidemark::cli
