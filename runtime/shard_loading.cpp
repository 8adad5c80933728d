// Reading streams and writing snapshots: the part of `shard_runtime` that waits for the store.
#include "tidemark/async/spawn.hpp"
#include "tidemark/observability/log.hpp"
#include "tidemark/runtime/shard_runtime.hpp"

#include <utility>

namespace tidemark {

namespace {

constexpr std::size_t snapshots_in_flight_max = 16;

error quarantine_error(const stream_id& stream, version at, const error& why) {
    return error{errc::quarantined, "stream " + stream.text() + " cannot be folded at version " +
                                        std::to_string(at.value()) + ": " + why.message() +
                                        "; mend the event's upcaster or `evolve`, then restart"};
}

}  // namespace

void shard_runtime::load(instance& who, bool with_snapshot) {
    spawn(sends_, on(), load_stream(who, with_snapshot));
}

awaitable<void> shard_runtime::load_stream(instance& who, bool with_snapshot) {
    auto loaded = co_await fold_stream(who, with_snapshot);
    if (!loaded) {
        log::warn("stream not loaded", {"stream", who.id().text()},
                  {"reason", loaded.error().message()});
    }
    who.on_loaded(std::move(loaded));
}

awaitable<result<loaded_stream>> shard_runtime::fold_stream(const instance& who,
                                                            bool with_snapshot) {
    const auto began = steady();
    const auto& type = who.type();
    loaded_stream out{type.initial_state(), {}, {}};
    if (with_snapshot) {
        auto seen = co_await read_snapshot(who, out);
        if (!seen) co_return seen.error();
    }
    std::uint64_t folded = 0;
    for (;;) {
        auto page = co_await events_.read(who.id(), out.version, options_.load_page);
        if (!page) co_return page.error();
        for (const auto& event : *page) {
            auto evolved = type.evolve(*out.state, event);
            if (!evolved) co_return quarantine_error(who.id(), event.version, evolved.error());
            out.version = event.version;
            out.head = event.id;
        }
        folded += page->size();
        if (!is_full_page(*page, options_.load_page)) break;
    }
    metrics_.loaded(type.category(), steady() - began, folded);
    co_return out;
}

/// A snapshot that cannot be read is ignored, never fatal: the events are the truth.
awaitable<result<void>> shard_runtime::read_snapshot(const instance& who, loaded_stream& into) {
    std::string name{who.type().state_name()};
    auto found = co_await events_.latest_snapshot(who.id(), std::move(name));
    if (!found) co_return found.error();
    if (!*found) co_return result<void>{};
    auto& kept = **found;
    auto decoded = who.type().decode_state(kept.payload);
    if (!decoded) {
        metrics_.snapshot("ignored");
        log::warn("snapshot ignored", {"stream", who.id().text()},
                  {"reason", decoded.error().message()});
        co_return result<void>{};
    }
    into.state = std::move(*decoded);
    into.version = kept.version;
    into.head = kept.head;
    metrics_.snapshot("loaded");
    co_return result<void>{};
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
