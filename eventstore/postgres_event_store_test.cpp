/// What only several processes, or failures between us and the server, can do to the store.

#include "tidemark/eventstore/postgres_event_store.hpp"
#include "tidemark/eventstore/contract.hpp"
#include "tidemark/eventstore/postgres_connection.hpp"
#include "tidemark/eventstore/postgres_database.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace tidemark;
using namespace tidemark::testing;
using namespace std::chrono_literals;

namespace {

const auto any = expected_version::any();
const auto none = expected_version::none();

std::unique_ptr<postgres_storage> open(const postgres_options& options) {
    auto opened = postgres_storage::open(options);
    const auto text = opened ? std::string{} : opened.error().message();
    REQUIRE_MESSAGE(opened.has_value(), text);
    return std::move(*opened);
}

std::vector<append_outcome> append_all(storage& store, std::vector<append_request> requests) {
    return run(
        store.append(std::make_shared<const std::vector<append_request>>(std::move(requests))));
}

append_outcome append(storage& store, append_request request) {
    return append_all(store, {std::move(request)}).at(0);
}

/// Two processes' stores on one database.
struct two_stores {
    postgres_database database;
    std::unique_ptr<postgres_storage> left = open(database.options());
    std::unique_ptr<postgres_storage> right = open(database.options());

    [[nodiscard]] storage& of(std::size_t writer) { return writer % 2 == 0 ? *left : *right; }
    [[nodiscard]] std::size_t count(const stream_id& stream) {
        return run(left->read(stream, version{}, 100'000)).value().size();
    }
};

/// Runs `work(i)` on so many threads at once.
template <class Work>
void in_parallel(std::size_t threads, const Work& work) {
    std::vector<std::thread> running;
    for (std::size_t i = 0; i < threads; ++i) running.emplace_back([&work, i] { work(i); });
    for (auto& one : running) one.join();
}

}  // namespace

TEST_CASE("postgres store: two processes on one stream have one winner per version") {
    if (!has_postgres()) return;
    two_stores stores;
    constexpr std::uint64_t versions = 40;
    std::atomic<std::uint64_t> won{0};
    std::atomic<std::uint64_t> lost{0};
    in_parallel(4, [&](std::size_t writer) {
        for (std::uint64_t v = 0; v < versions; ++v) {
            const auto told = append(
                stores.of(writer), request(account("hot"), expected_version::exactly(version{v})));
            won += std::holds_alternative<append_committed>(told) ? 1 : 0;
            lost += std::holds_alternative<append_conflict>(told) ? 1 : 0;
        }
    });
    CHECK(won == versions);
    CHECK(lost == 3 * versions);
    CHECK(stores.count(account("hot")) == versions);
}

TEST_CASE("postgres store: an append that expects nothing never conflicts") {
    if (!has_postgres()) return;
    two_stores stores;
    constexpr std::size_t each = 60;
    std::atomic<std::size_t> committed{0};
    in_parallel(4, [&](std::size_t writer) {
        for (std::size_t i = 0; i < each; ++i) {
            get_or_fail<append_committed>(
                append(stores.of(writer), request(account("hot"), any, 2)));
            ++committed;
        }
    });
    CHECK(committed == 4 * each);
    const auto events = run(stores.left->read(account("hot"), version{}, 10'000)).value();
    REQUIRE(events.size() == 8 * each);
    CHECK(std::ranges::is_sorted(events, {}, &recorded_event::position));
    CHECK(events.back().version == version{8 * each});
}

TEST_CASE("postgres store: one command sent to two processes is carried out once") {
    if (!has_postgres()) return;
    two_stores stores;
    constexpr std::size_t commands = 60;
    std::atomic<std::size_t> committed{0};
    std::atomic<std::size_t> answered{0};
    in_parallel(4, [&](std::size_t writer) {
        for (std::size_t i = 0; i < commands; ++i) {
            // Different streams, so that only the command's id can tell that they are one.
            auto sent = command(account("of " + std::to_string(writer)), any, std::to_string(i));
            const auto told = append(stores.of(writer), sent);
            committed += std::holds_alternative<append_committed>(told) ? 1 : 0;
            answered += std::holds_alternative<append_answered>(told) ? 1 : 0;
        }
    });
    CHECK(committed == commands);
    CHECK(answered == 3 * commands);
}

TEST_CASE("postgres store: a version of a source is consumed by one process only") {
    if (!has_postgres()) return;
    two_stores stores;
    constexpr std::uint64_t versions = 40;
    std::atomic<std::uint64_t> committed{0};
    std::atomic<std::uint64_t> stale{0};
    in_parallel(4, [&](std::size_t writer) {
        for (std::uint64_t v = 1; v <= versions; ++v) {
            auto sent = request(account("by " + std::to_string(writer)), any);
            sent.consumed = {{"mail", account("source"), version{v}}};
            const auto told = append(stores.of(writer), sent);
            committed += std::holds_alternative<append_committed>(told) ? 1 : 0;
            stale += std::holds_alternative<append_stale>(told) ? 1 : 0;
        }
    });
    CHECK(committed == versions);
    CHECK(stale == 3 * versions);
}

TEST_CASE("postgres store: a row that the server refuses fails its own append only") {
    if (!has_postgres()) return;
    const postgres_database database;
    const auto store = open(database.options());
    auto poisoned = request(account("bad"), any, 0);
    poisoned.events = {event("not \xff text.v1")};
    auto dependent = request(account("bad"), expected_version::exactly(version{1}));
    std::vector<append_request> all{request(account("a"), none), poisoned, dependent};
    for (auto i = 0; i < 20; ++i) all.push_back(request(account("b"), any));
    const auto told = append_all(*store, all);
    get_or_fail<append_committed>(told[0]);
    CHECK(error_of(told[1]) == errc::invalid_argument);
    get_or_fail<append_conflict>(told[2]);
    for (std::size_t i = 3; i < told.size(); ++i) get_or_fail<append_committed>(told[i]);
    CHECK(run(store->read(account("b"), version{}, 100)).value().size() == 20);
}

TEST_CASE("postgres store: what comes together is at most one statement for each writer") {
    if (!has_postgres()) return;
    const postgres_database database;
    const auto store = open(database.options());
    std::vector<append_request> all;
    for (auto i = 0; i < 300; ++i) {
        all.push_back(command(account(std::to_string(i)), none, std::to_string(i), 2));
    }
    for (const auto& told : append_all(*store, all)) get_or_fail<append_committed>(told);
    CHECK(store->commits().commits <= database.options().writers);
    CHECK(store->commits().requests == all.size());
    CHECK(store->commits().repeats == 0);
}

TEST_CASE("postgres store: requests that name the same things in one batch are kept apart") {
    if (!has_postgres()) return;
    const postgres_database database;
    const auto store = open(database.options());
    auto sets = request(account("ada"), none, 1);
    sets.timers_set = {timer_at("late", instant{1s})};
    auto fires = request(account("ada"), any, 1);
    fires.fires = {{"late", sets.timers_set[0].generation}};
    auto again = fires;
    again.events = {event()};
    const auto twice = request(account("eve"), none, 1);
    const auto told = append_all(*store, {sets, fires, again, twice, twice});
    get_or_fail<append_committed>(told[0]);
    get_or_fail<append_committed>(told[1]);
    get_or_fail<append_stale>(told[2]);
    const auto first = get_or_fail<append_committed>(told[3]);
    CHECK(get_or_fail<append_committed>(told[4]) == first);
}

TEST_CASE("postgres store: sessions that are cut lose and double nothing") {
    if (!has_postgres()) return;
    two_stores stores;
    constexpr std::size_t writers = 8;
    constexpr std::size_t cuts = 40;
    std::atomic<bool> is_over{false};
    std::atomic<std::size_t> cut{0};
    std::array<std::vector<append_request>, writers> acknowledged;
    std::array<std::vector<append_request>, writers> unknown;
    std::thread killer{[&] {
        postgres_connection session{stores.database.options()};
        for (std::size_t i = 0; i < cuts; ++i) {
            auto rows = session.run(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE "
                "datname = current_database() AND pid <> pg_backend_pid() AND state = 'active'");
            if (rows.next()) cut += rows.number(0);
        }
        is_over = true;
    }};
    in_parallel(writers, [&](std::size_t writer) {
        for (std::size_t i = 0; i < 10'000 && !is_over; ++i) {
            const auto sent = command(account(std::to_string(writer)), any,
                                      std::to_string(writer) + "/" + std::to_string(i), 2);
            const auto told = append(stores.of(writer), sent);
            if (std::holds_alternative<append_committed>(told)) {
                acknowledged[writer].push_back(sent);
            } else if (std::holds_alternative<error>(told)) {
                unknown[writer].push_back(sent);
            }
        }
    });
    killer.join();
    CHECK(cut > 0);
    CHECK(stores.left->commits().repeats + stores.right->commits().repeats > 0);
    for (std::size_t writer = 0; writer < writers; ++writer) {
        std::multiset<message_id> stored;
        const auto events =
            run(stores.left->read(account(std::to_string(writer)), version{}, 100'000)).value();
        for (const auto& one : events) stored.insert(one.id);
        std::size_t lost = 0;
        for (const auto& sent : acknowledged[writer]) {
            for (const auto& one : sent.events) lost += stored.count(one.id) == 1 ? 0 : 1;
        }
        CHECK(lost == 0);
        // What is unknown is decided by sending it again, and then stands there once.
        for (const auto& sent : unknown[writer]) {
            get_or_fail<append_committed>(append(stores.of(writer), sent));
        }
        CHECK(stores.count(account(std::to_string(writer))) ==
              2 * (acknowledged[writer].size() + unknown[writer].size()));
    }
}

TEST_CASE("postgres store: one process hears of another's commits without polling") {
    if (!has_postgres()) return;
    two_stores stores;
    std::atomic<bool> is_heard{false};
    std::promise<void> heard;
    const auto token = stores.right->on_commit([&] {
        if (!is_heard.exchange(true)) heard.set_value();
    });
    auto is_told = heard.get_future();
    // The listening session may not stand yet: what is committed before is not told.
    for (auto tries = 0; tries < 300; ++tries) {
        get_or_fail<append_committed>(append(*stores.left, request(account("ada"), any)));
        if (is_told.wait_for(100ms) == std::future_status::ready) break;
    }
    CHECK(is_heard);
}

namespace {

/// What runners of several processes hold and have ended, to find two that hold one key at once
/// and effects of one source that overtake each other.
struct key_watch {
    std::mutex mutex;
    std::set<std::string> held;
    std::map<std::pair<std::string, std::string>, message_id> last;
    std::size_t doubled = 0;
    std::size_t overtaken = 0;

    void take(const std::vector<claimed_effect>& claimed) {
        const std::scoped_lock lock{mutex};
        for (const auto& work : claimed) {
            doubled += held.insert(work.effect.sequence_key).second ? 0 : 1;
            auto& before = last[{work.source.text(), work.effect.sequence_key}];
            overtaken += before < work.effect.id ? 0 : 1;
            before = work.effect.id;
        }
    }
    void give_back(const claimed_effect& work) {
        const std::scoped_lock lock{mutex};
        held.erase(work.effect.sequence_key);
    }
};

/// Half of the effects end by an append, which takes other locks first.
void end_effect(storage& store, const claimed_effect& work, bool by_append) {
    if (!by_append) {
        CHECK(run(store.complete({{work.effect.id, work.token}})).value().empty());
        return;
    }
    auto answers = request(account("target"), any);
    answers.completes = {{work.effect.id, work.token}};
    get_or_fail<append_committed>(append(store, answers));
}

}  // namespace

TEST_CASE("postgres store: effects of one key keep their order over two processes") {
    if (!has_postgres()) return;
    two_stores stores;
    constexpr std::size_t effects_each = 60;
    constexpr auto total = 4 * effects_each;
    std::atomic<std::size_t> ended{0};
    key_watch watch;
    const auto write = [&](storage& store, std::size_t role) {
        for (std::size_t i = 0; i < effects_each; ++i) {
            auto sent = effects({effect(i % 2 == 0 ? "k" : "l")});
            sent.stream = account("from " + std::to_string(role));
            get_or_fail<append_committed>(append(store, sent));
        }
    };
    const auto work_off = [&](storage& store, const std::string& owner) {
        for (auto round = 0; round < 100'000 && ended < total; ++round) {
            const auto page = run(store.claim({.owner = owner, .lease = 60s, .limit = 10})).value();
            watch.take(page.claimed);
            for (const auto& work : page.claimed) {
                watch.give_back(work);
                end_effect(store, work, round % 2 == 0);
                ++ended;
            }
        }
    };
    in_parallel(6, [&](std::size_t role) {
        auto& store = stores.of(role);
        if (role < 4) {
            write(store, role);
        } else {
            work_off(store, "runner " + std::to_string(role));
        }
    });
    CHECK(ended == total);
    CHECK(watch.doubled == 0);
    CHECK(watch.overtaken == 0);
    const auto left = run(stores.left->count()).value();
    CHECK(left.ready + left.waiting + left.leased == 0);
}

TEST_CASE("postgres store: a timer that is cancelled and fired at once does one of both") {
    if (!has_postgres()) return;
    two_stores stores;
    std::size_t fired = 0;
    for (auto i = 0; i < 40; ++i) {
        const auto stream = account(std::to_string(i));
        auto sets = request(stream, none, 0);
        sets.timers_set = {timer_at("late", instant{1s})};
        get_or_fail<append_committed>(append(*stores.left, sets));
        auto fires = request(stream, any);
        fires.fires = {{"late", sets.timers_set[0].generation}};
        auto cancels = request(stream, any, 0);
        cancels.timers_cancelled = {"late"};
        append_outcome by_fire{error{}};
        in_parallel(2, [&](std::size_t side) {
            if (side == 0) {
                by_fire = append(*stores.left, fires);
            } else {
                get_or_fail<append_committed>(append(*stores.right, cancels));
            }
        });
        const auto is_fired = std::holds_alternative<append_committed>(by_fire);
        CHECK((is_fired || std::holds_alternative<append_stale>(by_fire)));
        CHECK(stores.count(stream) == (is_fired ? 1 : 0));
        fired += is_fired ? 1 : 0;
        auto late = request(stream, any);
        late.fires = fires.fires;
        get_or_fail<append_stale>(append(*stores.right, late));
    }
    MESSAGE("fired before the cancel: " << fired << " of 40");
}

TEST_CASE("postgres store: a process that stands still inside a transaction holds up no other") {
    if (!has_postgres()) return;
    const postgres_database database;
    auto options = database.options();
    const auto other = open(options);
    options.idle_in_transaction_timeout = 200ms;
    const auto frozen = open(options);
    const auto log = run(other->status())->incarnation;
    const auto point = [log](std::uint64_t at) { return checkpoint{position{at}, log}; };
    const auto put = [](read_model& in, const char* body) { in.put({.key = "a", .body = body}); };
    std::optional<error> refused;
    const auto late = run(frozen->update("m.v1", point(0), point(1), [&](read_model& in) {
        put(in, "late");
        // Where it stands still: it goes on when the other one has gone ahead.
        std::thread{[&] {
            const auto done = run(other->update("m.v1", point(0), point(2),
                                                [&](read_model& mine) { put(mine, "in time"); }));
            if (!done) refused = done.error();
        }}.join();
    }));
    CHECK_MESSAGE(!refused, refused->message());
    REQUIRE(!late);
    // The end of a session can be seen before or after the next statement is sent.
    const auto told = late.error().code();
    const auto is_told = told == errc::unavailable || told == errc::unknown_outcome;
    CHECK_MESSAGE(is_told, late.error().message());
    CHECK(run(other->load_checkpoint("m.v1")).value() == point(2));
    CHECK(run(frozen->find_document("m.v1", "a"))->value().body == "in time");
}

TEST_CASE("postgres store: open for reading it refuses to write and still reads") {
    if (!has_postgres()) return;
    two_stores stores;
    get_or_fail<append_committed>(append(*stores.left, request(account("ada"), none)));
    auto options = stores.database.options();
    options.is_read_only = true;
    const auto reader = open(options);
    CHECK(run(reader->read(account("ada"), version{}, 9)).value().size() == 1);
    CHECK(error_of(append(*reader, request(account("ada"), any))) == errc::invalid_argument);
    const auto claimed = run(reader->claim({.owner = "me", .lease = 1s}));
    REQUIRE(claimed.has_error());
    CHECK(claimed.error().code() == errc::invalid_argument);
}

TEST_CASE("postgres store: more requests than the bound are refused at once") {
    if (!has_postgres()) return;
    const postgres_database database;
    auto options = database.options();
    options.writes_queued_max = 10;
    const auto store = open(options);
    postgres_connection holder{options};
    // Holds the appends up, so that they gather.
    holder.execute("BEGIN; LOCK TABLE events IN EXCLUSIVE MODE");
    std::vector<std::thread> waiting;
    std::atomic<std::size_t> overloaded{0};
    std::atomic<std::size_t> committed{0};
    std::atomic<std::size_t> sent{0};
    for (auto i = 0; i < 40; ++i) {
        waiting.emplace_back([&, i] {
            ++sent;
            const auto told = append(*store, request(account(std::to_string(i)), none));
            committed += std::holds_alternative<append_committed>(told) ? 1 : 0;
            const auto* failed = std::get_if<error>(&told);
            overloaded += failed != nullptr && failed->code() == errc::overloaded ? 1 : 0;
        });
    }
    while (sent < 40 || overloaded == 0) std::this_thread::yield();
    holder.execute("COMMIT");
    for (auto& one : waiting) one.join();
    CHECK(committed + overloaded == 40);
    CHECK(overloaded > 0);
}
