// Reading streams and writing snapshots: the part of `shard_runtime` that waits for the store.
#include "tidemark/async/spawn.hpp"
#include "tidemark/observability/log.hpp"
#include "tidemark/runtime/shard_runtime.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace tidemark {

namespace {

constexpr std::size_t snapshots_in_flight_max = 16;

/// Events of the first page: no more than say whether there can be a snapshot.
std::size_t first_page(const snapshot_policy& snapshots, std::size_t page) {
    return snapshots.every > 0 ? std::min<std::size_t>(page, snapshots.every) : page;
}

/// Whether these events weigh as much as those that a snapshot is taken behind; 0: never.
bool is_beyond(const std::vector<recorded_event>& events, std::uint64_t bytes) {
    std::uint64_t sum = 0;
    for (const auto& event : events) sum += event.message.payload.size();
    return bytes > 0 && sum >= bytes;
}

error quarantine_error(const stream_id& stream, version at, const error& why) {
    return error{errc::quarantined, "stream " + stream.text() + " cannot be folded at version " +
                                        std::to_string(at.value()) + ": " + why.message() +
                                        "; mend the event's upcaster or `evolve`, then restart"};
}

}  // namespace

void shard_runtime::load(instance& who) { spawn(sends_, on(), load_stream(who)); }

awaitable<void> shard_runtime::load_stream(instance& who) {
    auto loaded = co_await fold_stream(who);
    if (!loaded) {
        log::warn("stream not loaded", {"stream", who.id().text()},
                  {"reason", loaded.error().message()});
    }
    who.on_loaded(std::move(loaded));
}

/// A stream of fewer events than a snapshot is taken at has none: most streams are read in one
/// statement. So the first page says whether a snapshot is asked for, and is read in vain if there
/// is one.
awaitable<result<loaded_stream>> shard_runtime::fold_stream(const instance& who) {
    const auto began = steady();
    const auto& type = who.type();
    loaded_stream out{type.initial_state(), {}, {}, 0};
    std::uint64_t folded = 0;
    auto limit = first_page(who.snapshots(), options_.load_page);
    auto may_be_saved = who.snapshots().is_any();
    for (;;) {
        auto page = co_await events_.read(who.id(), out.version, limit);
        if (!page) co_return page.error();
        const auto is_last = !is_full_page(*page, limit);
        limit = options_.load_page;
        if (std::exchange(may_be_saved, false) &&
            (!is_last || is_beyond(*page, who.snapshots().bytes))) {
            auto is_found = co_await read_snapshot(who, out);
            if (!is_found) co_return is_found.error();
            if (*is_found) continue;
        }
        for (const auto& event : *page) {
            auto evolved = type.evolve(*out.state, event);
            if (!evolved) co_return quarantine_error(who.id(), event.version, evolved.error());
            out.version = event.version;
            out.head = event.id;
            out.bytes_folded += event.message.payload.size();
        }
        folded += page->size();
        if (is_last) break;
    }
    metrics_.loaded(type.category(), steady() - began, folded);
    co_return out;
}

/// Whether one was taken. A snapshot that cannot be read is ignored, never fatal: the events are
/// the truth.
awaitable<result<bool>> shard_runtime::read_snapshot(const instance& who, loaded_stream& into) {
    std::string name{who.type().state_name()};
    auto found = co_await events_.latest_snapshot(who.id(), std::move(name));
    if (!found) co_return found.error();
    if (!*found) co_return false;
    auto& kept = **found;
    auto decoded = who.type().decode_state(kept.payload);
    if (!decoded) {
        metrics_.snapshot("ignored");
        log::warn("snapshot ignored", {"stream", who.id().text()},
                  {"reason", decoded.error().message()});
        co_return false;
    }
    into.state = std::move(*decoded);
    into.version = kept.version;
    into.head = kept.head;
    metrics_.snapshot("loaded");
    co_return true;
}

void shard_runtime::save(snapshot taken) {
    if (snapshots_in_flight_ >= snapshots_in_flight_max) {
        metrics_.snapshot("skipped");  // the next one will do
        return;
    }
    ++snapshots_in_flight_;
    if (!spawn(sends_, on(), save_snapshot(std::move(taken)))) --snapshots_in_flight_;
}

awaitable<void> shard_runtime::save_snapshot(snapshot taken) {
    const auto stream = taken.stream;
    auto saved = co_await events_.save_snapshot(std::move(taken));
    --snapshots_in_flight_;
    metrics_.snapshot(saved ? "saved" : "failed");
    if (!saved) {
        log::warn("snapshot not saved", {"stream", stream.text()},
                  {"reason", saved.error().message()});
    }
}

}  // namespace tidemark
