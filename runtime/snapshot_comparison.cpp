#include "tidemark/runtime/snapshot_comparison.hpp"

#include "tidemark/codec/json_view.hpp"

#include <memory>
#include <optional>
#include <utility>

namespace tidemark {
namespace {

using verdict = snapshot_comparison::verdict;

constexpr std::size_t shown_bytes_max = 200;

std::string shown(const std::optional<std::string>& value) {
    if (!value) return "(absent)";
    if (value->size() <= shown_bytes_max) return *value;
    return value->substr(0, shown_bytes_max) + "…";
}

/// The state at one version, and the event that made it.
struct replayed_state {
    std::unique_ptr<any_state> state;
    tidemark::version version;
    message_id head;
    /// Why the fold stopped before; empty: it did not.
    std::string broken;
};

awaitable<result<replayed_state>> replay(event_store& events, const stream_type& type,
                                         stream_id stream, version until, std::size_t page) {
    replayed_state out{type.initial_state(), {}, {}, {}};
    while (out.version < until) {
        auto read = co_await events.read(stream, out.version, page);
        if (!read) co_return read.error();
        for (const auto& event : *read) {
            if (event.version > until) break;
            const auto evolved = type.evolve(*out.state, event);
            if (!evolved) {
                out.broken = "version " + std::to_string(event.version.value()) +
                             " cannot be folded: " + evolved.error().message();
                co_return out;
            }
            out.version = event.version;
            out.head = event.id;
        }
        if (!is_full_page(*read, page)) break;
    }
    co_return out;
}

/// Where the stored state differs from the replayed one; empty: nowhere.
std::string find_difference(const snapshot& kept, const std::string& stored,
                            const replayed_state& replayed, const std::string& expected) {
    if (!replayed.broken.empty()) return replayed.broken;
    if (replayed.version != kept.version) {
        return "version: " + std::to_string(kept.version.value()) + " -> the stream ends at " +
               std::to_string(replayed.version.value());
    }
    if (replayed.head != kept.head) {
        return "head: " + kept.head.to_string() + " -> " + replayed.head.to_string();
    }
    const auto changes = diff_json(stored, expected);
    if (!changes) return "$: " + changes.error().message();
    if (changes->empty()) return {};
    const auto& first = changes->front();
    return first.path + ": " + shown(first.before) + " -> " + shown(first.after);
}

}  // namespace

awaitable<result<snapshot_comparison>> compare_snapshot(event_store& events,
                                                        const stream_type* type,
                                                        snapshot_summary which, std::size_t page) {
    snapshot_comparison out{which.stream, which.name, which.version, verdict::ignored, {}};
    if (type == nullptr) {
        out.reason =
            "no store of category \"" + std::string{which.stream.category()} + "\" is registered";
        co_return out;
    }
    if (which.name != type->state_name()) {
        out.reason =
            "of another schema: this program's is \"" + std::string{type->state_name()} + "\"";
        co_return out;
    }
    auto found = co_await events.latest_snapshot(which.stream, which.name);
    if (!found) co_return found.error();
    if (!*found) {
        co_return error{errc::not_found,
                        "stream " + which.stream.text() + " has no snapshot " + which.name};
    }
    const auto& kept = **found;
    out.version = kept.version;
    // Decoded and encoded again, as a load does it: members left out have their defaults.
    const auto decoded = type->decode_state(kept.payload);
    if (!decoded) {
        out.reason = "not readable: " + decoded.error().message();
        co_return out;
    }
    auto replayed = co_await replay(events, *type, which.stream, kept.version, page);
    if (!replayed) co_return replayed.error();
    out.reason = find_difference(kept, type->encode_state(**decoded), *replayed,
                                 type->encode_state(*replayed->state));
    out.outcome = out.reason.empty() ? verdict::equal : verdict::differs;
    co_return out;
}

}  // namespace tidemark
