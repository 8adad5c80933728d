#include "tidemark/eventstore/contract.hpp"

#include <doctest/doctest.h>

namespace tidemark::testing {
namespace {

using namespace std::chrono_literals;

append_request sets(std::initializer_list<new_timer> timers,
                    const stream_id& stream = account("source")) {
    append_request made{.stream = stream};
    made.timers_set = timers;
    return made;
}

append_request fires(const new_timer& timer) {
    auto made = request(account("source"), expected_version::any());
    made.fires = {{timer.name, timer.generation}};
    return made;
}

append_request cancels(const std::string& name) {
    append_request made{.stream = account("source")};
    made.timers_cancelled = {name};
    return made;
}

}  // namespace

TEST_CASE("timers: never handed out before they are due") {
    for_each_backend([](contract_store& c) {
        const auto late = timer_at("late", c.time.now() + 30s);
        c.commit(sets({late}));
        const auto early = c.claim("me");
        CHECK(early.claimed.empty());
        CHECK(early.next_due == late.due);
        c.time.advance(30s - 1us);
        CHECK(c.claim_ids("me").empty());
        c.time.advance(1us);
        const auto page = c.claim("me");
        REQUIRE(page.claimed.size() == 1);
        const auto& work = page.claimed[0];
        CHECK(work.effect.kind == effect_kind::timer);
        CHECK(work.effect.id == late.generation);
        CHECK(work.timer_name == "late");
        CHECK(work.source == account("source"));
        CHECK(work.effect.target == account("source"));
        CHECK(work.effect.message == late.message);
        CHECK(work.effect.trace == late.trace);
        CHECK(work.due == late.due);
        CHECK(work.attempt == 1);
    });
}

TEST_CASE("timers: a fire takes effect once") {
    for_each_backend([](contract_store& c) {
        const auto late = timer_at("late", c.time.now());
        c.commit(sets({late}));
        CHECK(c.claim_ids("me").size() == 1);
        CHECK(c.commit(fires(late)).version == version{1});
        get_or_fail<append_stale>(c.append(fires(late)));
        CHECK(c.read(account("source")).size() == 1);
        CHECK(c.count().timers == 0);
        c.time.advance(1h);
        CHECK(c.claim_ids("me").empty());
    });
}

TEST_CASE("timers: setting a name again replaces it and makes the old fire stale") {
    for_each_backend([](contract_store& c) {
        const auto old = timer_at("late", c.time.now());
        const auto current = timer_at("late", c.time.now() + 1min);
        c.commit(sets({old}));
        CHECK(c.claim_ids("me").size() == 1);
        c.commit(sets({current}));
        get_or_fail<append_stale>(c.append(fires(old)));
        CHECK(c.count().timers == 1);
        c.time.advance(1min);
        CHECK(c.claim_ids("me") == std::vector{current.generation});
        c.commit(fires(current));
    });
}

TEST_CASE("timers: a cancelled timer never takes effect, even when it is handed out") {
    for_each_backend([](contract_store& c) {
        const auto late = timer_at("late", c.time.now());
        c.commit(sets({late}));
        CHECK(c.claim_ids("me").size() == 1);
        c.commit(cancels("late"));
        get_or_fail<append_stale>(c.append(fires(late)));
        c.time.advance(1h);
        const auto page = c.claim("other");
        CHECK(page.claimed.empty());
        CHECK(!page.next_due);
        c.commit(cancels("late"));
        c.commit(cancels("never set"));
    });
}

TEST_CASE("timers: names belong to their stream") {
    for_each_backend([](contract_store& c) {
        const auto mine = timer_at("late", c.time.now());
        const auto theirs = timer_at("late", c.time.now());
        c.commit(sets({mine}));
        c.commit(sets({theirs}, account("other")));
        c.commit(cancels("late"));
        get_or_fail<append_stale>(c.append(fires(theirs)));
        CHECK(c.claim_ids("me") == std::vector{theirs.generation});
    });
}

TEST_CASE("timers: one append may fire a name and set it again") {
    for_each_backend([](contract_store& c) {
        const auto tick = timer_at("tick", c.time.now());
        const auto next = timer_at("tick", c.time.now() + 1s);
        c.commit(sets({tick}));
        auto again = fires(tick);
        again.timers_set = {next};
        c.commit(again);
        CHECK(c.claim("me").next_due == next.due);
        auto moved = cancels("tick");
        const auto third = timer_at("tick", c.time.now() + 2s);
        moved.timers_set = {third};
        c.commit(moved);
        CHECK(c.claim("me").next_due == third.due);
        CHECK(c.count().timers == 1);
    });
}

TEST_CASE("timers: a runner that died is followed by another after its lease") {
    for_each_backend([](contract_store& c) {
        const auto late = timer_at("late", c.time.now());
        c.commit(sets({late}));
        CHECK(c.claim_ids("dead").size() == 1);
        CHECK(c.claim_ids("alive").empty());
        c.time.advance(10s);
        const auto page = c.claim("alive");
        REQUIRE(page.claimed.size() == 1);
        CHECK(page.claimed[0].attempt == 2);
        c.commit(fires(late));
    });
}

TEST_CASE("timers: overdue ones come in the order of their due times") {
    for_each_backend([](contract_store& c) {
        const auto now = c.time.now();
        const auto a = timer_at("a", now + 3s);
        const auto b = timer_at("b", now + 1s);
        const auto z = timer_at("z", now + 2s);
        c.commit(sets({a, b, z}));
        c.time.advance(1h);
        CHECK(c.claim_ids("me") == std::vector{b.generation, z.generation, a.generation});
    });
}

TEST_CASE("timers: one that cannot be fired is parked, and a cancel clears it") {
    for_each_backend([](contract_store& c) {
        const auto late = timer_at("late", c.time.now());
        c.commit(sets({late}));
        const auto work = c.claim("me").claimed.at(0);
        REQUIRE(run(c.store().park({late.generation, work.token}, "malformed", "no such command")));
        CHECK(c.count().parked == 1);
        CHECK(c.count().timers == 0);
        const auto letter = run(c.store().dead_letters({}))->at(0);
        CHECK(letter.work.timer_name == "late");
        CHECK(letter.waiting_behind == 0);
        c.commit(cancels("late"));
        CHECK(*run(c.store().dead_letter_count()) == 0);
    });
}

}  // namespace tidemark::testing
