#include "tidemark/runtime/projection_controls.hpp"

#include "tidemark/codec/json_codec.hpp"

#include <functional>
#include <optional>
#include <utility>

namespace tidemark {

/// As it is stored.
struct projection_note {
    std::string action;
    std::string projection;
    std::string actor;
    std::string reason;
    instant at{};
};
TIDEMARK_STRUCT(projection_note, action, projection, actor, reason, at)

namespace {

/// Operators who speak at the same moment take turns: more than a few are a mistake.
constexpr int attempts_max = 20;

std::string control_key(const std::string& projection) { return "control/" + projection; }

/// Keys sort as the numbers do.
std::string note_key(std::uint64_t number) {
    const auto text = std::to_string(number);
    return "note/" + std::string(20 - text.size(), '0') + text;
}

result<projection_note> read_note(const document& from) {
    auto note = decode<projection_note>(from.body);
    if (note) return note;
    return error{errc::corrupt, "document " + from.key + " of " +
                                    std::string{projection_controls::collection} +
                                    " cannot be read: " + note.error().message()};
}

}  // namespace

awaitable<result<projection_control>> projection_controls::load(std::string projection) {
    std::string from{collection};
    auto found = co_await models_.find_document(std::move(from), control_key(projection));
    if (!found) co_return found.error();
    if (!*found) co_return projection_control{};
    auto note = read_note(**found);
    if (!note) co_return note.error();
    projection_control out;
    out.is_paused = note->action == "pause";
    out.who.actor = std::move(note->actor);
    out.who.reason = std::move(note->reason);
    out.at = note->at;
    co_return out;
}

awaitable<result<void>> projection_controls::set(std::string projection, bool is_paused,
                                                 audit_entry who) {
    projection_audit entry{std::move(who), is_paused ? "pause" : "resume", std::move(projection),
                           clock_.now()};
    co_return co_await write(std::move(entry));
}

awaitable<result<void>> projection_controls::note_rebuild(std::string projection, audit_entry who) {
    projection_audit entry{std::move(who), "rebuild", std::move(projection), clock_.now()};
    co_return co_await write(std::move(entry));
}

/// The checkpoint of the collection counts the notes: two at once cannot take the same number.
awaitable<result<void>> projection_controls::write(projection_audit entry) {
    const auto body = encode_json(projection_note{entry.action, entry.projection, entry.who.actor,
                                                  entry.who.reason, entry.at});
    if (!body) co_return body.error();
    std::string in{collection};
    for (int attempt = 1;; ++attempt) {
        auto from = co_await models_.load_checkpoint(in);
        if (!from) co_return from.error();
        const auto number = from->position.value() + 1;
        auto change = [&](read_model& model) {
            model.put({note_key(number), *body, {{"projection", entry.projection}}});
            if (entry.action != "rebuild") model.put({control_key(entry.projection), *body, {}});
        };
        std::function<void(read_model&)> changing = std::ref(change);
        const checkpoint to{position{number}, from->incarnation};
        auto written = co_await models_.update(in, *from, to, std::move(changing));
        const auto is_late = !written && written.error().code() == errc::stale;
        if (!is_late || attempt == attempts_max) co_return written;
    }
}

awaitable<result<std::vector<projection_audit>>> projection_controls::history(std::size_t limit) {
    document_query newest;
    newest.limit = limit;
    newest.descending = true;
    std::string from{collection};
    auto page = co_await models_.query(std::move(from), newest);
    if (!page) co_return page.error();
    std::vector<projection_audit> out;
    for (const auto& one : *page) {
        // Notes stand behind the controls, so they come first.
        if (!one.key.starts_with("note/")) break;
        auto note = read_note(one);
        if (!note) co_return note.error();
        projection_audit entry;
        entry.who.actor = std::move(note->actor);
        entry.who.reason = std::move(note->reason);
        entry.action = std::move(note->action);
        entry.projection = std::move(note->projection);
        entry.at = note->at;
        out.push_back(std::move(entry));
    }
    co_return out;
}

}  // namespace tidemark
