#include "tidemark/eventstore/effect_log.hpp"
#include "tidemark/eventstore/contract.hpp"

#include <doctest/doctest.h>

#include <algorithm>

namespace tidemark::testing {
namespace {

using namespace std::chrono_literals;

using id_list = std::vector<message_id>;

std::vector<message_id> claimed_ids(const append_committed& committed) {
    std::vector<message_id> found;
    for (const auto& one : committed.claimed) found.push_back(one.effect);
    return found;
}

completion held(const claimed_effect& work) { return {work.effect.id, work.token}; }

}  // namespace

TEST_CASE("effects: a stored effect reads back as it was sent") {
    for_each_backend([](contract_store& c) {
        auto sent = effect("key", 3, {1, 2});
        auto appended = request(account("source"), expected_version::none(), 2);
        appended.effects = {sent};
        c.commit(appended);
        const auto found = run(c.store().find(sent.id))->value();
        CHECK(found.effect.id == sent.id);
        CHECK(found.effect.kind == effect_kind::send);
        CHECK(found.effect.target == sent.target);
        CHECK(found.effect.message == sent.message);
        CHECK(found.effect.sequence_key == "key");
        CHECK(found.effect.tree == sent.tree);
        CHECK(found.effect.index == 3);
        CHECK(found.effect.after == sent.after);
        CHECK(found.effect.options == sent.options);
        CHECK(found.effect.trace == sent.trace);
        CHECK(found.source == account("source"));
        CHECK(found.source_version == version{2});
        CHECK(found.attempt == 0);
        CHECK(found.stored_at == c.time.now());
        CHECK(!run(c.store().find(next_id()))->has_value());
    });
}

TEST_CASE("effects: the insert claims for its owner and counts the first attempt") {
    for_each_backend([](contract_store& c) {
        const auto alone = effect();
        const auto keyed = effect("k");
        const auto committed = c.commit(effects({alone, keyed}, "me"));
        CHECK(claimed_ids(committed) == ids({alone, keyed}));
        CHECK(committed.claimed[0].token != committed.claimed[1].token);
        CHECK(run(c.store().find(alone.id))->value().attempt == 1);
        CHECK(c.claim_ids("me").empty());
        CHECK(c.claim_ids("other").empty());
        CHECK(c.complete(committed.claimed[0]));
        CHECK(!c.complete(committed.claimed[0]));
        CHECK(!run(c.store().find(alone.id))->has_value());
    });
}

TEST_CASE("effects: without an owner they wait for a claim") {
    for_each_backend([](contract_store& c) {
        const auto one = effect();
        CHECK(c.commit(effects({one})).claimed.empty());
        const auto page = c.claim("me");
        REQUIRE(page.claimed.size() == 1);
        CHECK(page.claimed[0].effect.id == one.id);
        CHECK(page.claimed[0].attempt == 1);
        CHECK(page.next_due == c.time.now() + 10s);
        CHECK(c.complete(page.claimed[0]));
        CHECK(!c.claim("me").next_due);
    });
}

TEST_CASE("effects: one key runs one after the other, in the order stored") {
    for_each_backend([](contract_store& c) {
        const auto first = effect("k");
        const auto second = effect("k", 1);
        const auto third = effect("k");
        const auto other = effect("l");
        CHECK(claimed_ids(c.commit(effects({first, second}))).empty());
        CHECK(claimed_ids(c.commit(effects({third, other}, "me"))) == ids({other}));
        for (const auto& expected : ids({first, second, third})) {
            const auto page = c.claim("me");
            REQUIRE(page.claimed.size() == 1);
            CHECK(page.claimed[0].effect.id == expected);
            CHECK(c.claim_ids("other").empty());
            CHECK(c.complete(page.claimed[0]));
        }
        CHECK(c.claim_ids("me").empty());
    });
}

TEST_CASE("effects: an owner that holds the key is not given the one behind at insert") {
    for_each_backend([](contract_store& c) {
        const auto first = effect("k");
        const auto second = effect("k");
        const auto holds = c.commit(effects({first}, "me"));
        CHECK(c.commit(effects({second}, "me")).claimed.empty());
        CHECK(c.claim_ids("me").empty());
        CHECK(c.complete(holds.claimed[0]));
        CHECK(c.claim_ids("me") == ids({second}));
    });
}

TEST_CASE("effects: an append that ends the head claims the next of the key") {
    for_each_backend([](contract_store& c) {
        const auto first = effect("k");
        const auto holds = c.commit(effects({first}, "me"));
        const auto second = effect("k");
        auto answers = effects({second}, "me");
        answers.completes = {{first.id, holds.claimed[0].token}};
        CHECK(claimed_ids(c.commit(answers)) == ids({second}));
    });
}

TEST_CASE("effects: an expired lease goes to whoever claims, and the old token is stale") {
    for_each_backend([](contract_store& c) {
        const auto one = effect("k");
        const auto paused = c.commit(effects({one}, "paused")).claimed.at(0);
        c.time.advance(10s - 1us);
        CHECK(c.claim_ids("other").empty());
        c.time.advance(1us);
        const auto page = c.claim("other");
        REQUIRE(page.claimed.size() == 1);
        CHECK(page.claimed[0].attempt == 2);
        CHECK(page.claimed[0].token > paused.token);

        auto late = request(account("ada"), expected_version::any());
        late.completes = {{one.id, paused.token}};
        get_or_fail<append_stale>(c.append(late));
        CHECK(!c.complete(paused));
        const completion old{one.id, paused.token};
        const auto due = c.time.now();
        CHECK(run(c.store().retry_later(old, due, "e", "m")).error().code() == errc::stale);
        CHECK(run(c.store().park(old, "e", "m")).error().code() == errc::stale);
        CHECK(*run(c.store().renew("paused", {paused}, 10s)) == id_list{one.id});
        CHECK(c.read(account("ada")).empty());
        CHECK(c.complete(page.claimed[0]));
    });
}

TEST_CASE("effects: an expired lease that nobody took still ends its effect") {
    for_each_backend([](contract_store& c) {
        const auto slow = c.commit(effects({effect("k")}, "slow")).claimed.at(0);
        c.time.advance(1h);
        CHECK(c.complete(slow));
    });
}

TEST_CASE("effects: a renewed lease is not handed out") {
    for_each_backend([](contract_store& c) {
        const auto one = effect();
        const auto held = c.commit(effects({one}, "me")).claimed.at(0);
        c.time.advance(9s);
        CHECK(run(c.store().renew("me", {held}, 10s))->empty());
        c.time.advance(9s);
        const auto page = c.claim("other");
        CHECK(page.claimed.empty());
        CHECK(page.next_due == c.time.now() + 1s);
        CHECK(*run(c.store().renew("somebody else", {held}, 10s)) == id_list{one.id});
        c.time.advance(1s);
        CHECK(c.claim_ids("other") == ids({one}));
    });
}

TEST_CASE("effects: tokens never come again, even after their key was forgotten") {
    for_each_backend([](contract_store& c) {
        std::uint64_t last = 0;
        for (auto i = 0; i < 5; ++i) {
            const auto held = c.commit(effects({effect("k")}, "me")).claimed.at(0);
            CHECK(held.token > last);
            last = held.token;
            CHECK(c.complete(held));
        }
    });
}

TEST_CASE("effects: a retry keeps attempts and blocks its key until it is due") {
    for_each_backend([](contract_store& c) {
        const auto first = effect("k");
        const auto second = effect("k");
        c.commit(effects({first, second}));
        const auto work = c.claim("me").claimed.at(0);
        const auto due = c.time.now() + 4s;
        REQUIRE(run(c.store().retry_later(held(work), due, "unavailable", "try later")));
        CHECK(run(c.store().retry_later(held(work), due, "e", "m")).error().code() == errc::stale);
        const auto early = c.claim("me");
        CHECK(early.claimed.empty());
        CHECK(early.next_due == due);
        c.time.advance(4s);
        const auto again = c.claim("me").claimed;
        REQUIRE(again.size() == 1);
        CHECK(again[0].effect.id == first.id);
        CHECK(again[0].attempt == 2);
        CHECK(again[0].due == due);
    });
}

TEST_CASE("effects: a release gives the work back without counting it") {
    for_each_backend([](contract_store& c) {
        const auto one = effect("k");
        const auto mine = c.commit(effects({one}, "me")).claimed.at(0);
        REQUIRE(run(c.store().release({{one.id, mine.token}})));
        REQUIRE(run(c.store().release({{one.id, mine.token}, {next_id(), 1}})));
        const auto page = c.claim("other");
        REQUIRE(page.claimed.size() == 1);
        CHECK(page.claimed[0].attempt == 1);
        CHECK(page.claimed[0].token > mine.token);
    });
}

TEST_CASE("effects: those with predecessors wait for all of them") {
    for_each_backend([](contract_store& c) {
        const auto a = effect("", 0);
        const auto b = effect("", 1);
        const auto both = effect("", 2, {0, 1});
        const auto then = effect("", 3, {2});
        const auto mine = c.commit(effects({a, b, both, then}, "me")).claimed;
        REQUIRE(mine.size() == 2);
        CHECK(c.count().waiting == 2);
        CHECK(c.complete(mine[0]));
        CHECK(c.claim_ids("me").empty());
        CHECK(c.complete(mine[1]));
        const auto next = c.claim("me").claimed;
        REQUIRE(next.size() == 1);
        CHECK(next[0].effect.id == both.id);
        auto answers = request(account("ada"), expected_version::any());
        answers.completes = {held(next[0])};
        c.commit(answers);
        CHECK(c.claim_ids("me") == ids({then}));
    });
}

TEST_CASE("effects: a predecessor that is no effect of the append is met") {
    for_each_backend([](contract_store& c) {
        const auto one = effect("", 5, {1, 4});
        CHECK(claimed_ids(c.commit(effects({one}, "me"))) == ids({one}));
    });
}

TEST_CASE("effects: closing ends any state and unblocks the key and the tree") {
    for_each_backend([](contract_store& c) {
        const auto leased = effect("k", 0);
        const auto behind = effect("k", 1);
        const auto waits = effect("", 2, {0});
        const auto waiting = effect("", 3, {0});
        const auto mine = c.commit(effects({leased, behind, waits, waiting}, "me")).claimed;
        REQUIRE(mine.size() == 1);
        auto settles = request(account("saga"), expected_version::any());
        settles.closes = {leased.id, waiting.id, next_id()};
        c.commit(settles);
        CHECK(!c.complete(mine[0]));
        CHECK(c.claim_ids("me") == ids({behind, waits}));
    });
}

TEST_CASE("effects: a claim takes at most its limit and says more is due") {
    for_each_backend([](contract_store& c) {
        c.commit(effects({effect(), effect(), effect()}));
        const auto page = c.claim("me", 2);
        CHECK(page.claimed.size() == 2);
        REQUIRE(page.next_due);
        CHECK(*page.next_due <= c.time.now());
        CHECK(c.claim("me", 2).claimed.size() == 1);
    });
}

TEST_CASE("effects: the oldest due comes first") {
    for_each_backend([](contract_store& c) {
        const auto slow = effect();
        const auto quick = effect();
        c.commit(effects({slow}));
        const auto work = c.claim("me").claimed.at(0);
        REQUIRE(run(c.store().retry_later(held(work), c.time.now() + 2s, "e", "m")));
        c.time.advance(1s);
        c.commit(effects({quick}));
        c.time.advance(5s);
        CHECK(c.claim_ids("me") == ids({quick, slow}));
    });
}

TEST_CASE("effects: a completion with a wrong token or an unclaimed effect is stale") {
    for_each_backend([](contract_store& c) {
        const auto one = effect();
        c.commit(effects({one}));
        CHECK(!c.complete(effect_claim{one.id, 0}));
        const auto work = c.claim("me").claimed.at(0);
        CHECK(!c.complete(effect_claim{one.id, work.token + 1}));
        CHECK(!c.complete(effect_claim{next_id(), work.token}));
        CHECK(c.complete(work));
    });
}

TEST_CASE("effects: several completions of one append are checked together") {
    for_each_backend([](contract_store& c) {
        const auto mine = c.commit(effects({effect(), effect()}, "me")).claimed;
        auto answers = request(account("ada"), expected_version::any());
        answers.completes = {{mine[0].effect, mine[0].token}, {mine[1].effect, 0}};
        get_or_fail<append_stale>(c.append(answers));
        CHECK(c.count().leased == 2);
        answers.completes[1].token = mine[1].token;
        c.commit(answers);
        CHECK(c.count().leased == 0);
    });
}

TEST_CASE("effects: counts tell ready, leased, waiting, parked and timers apart") {
    for_each_backend([](contract_store& c) {
        auto stored = effects({effect("k"), effect("k"), effect(), effect(), effect()});
        stored.timers_set = {timer_at("a", c.time.now()), timer_at("b", c.time.now() + 1h)};
        c.commit(stored);
        auto counts = c.count();
        CHECK(counts.ready == 4);
        CHECK(counts.waiting == 1);
        CHECK(counts.timers == 2);
        std::vector<claimed_effect> sends;
        for (const auto& work : c.claim("me").claimed) {
            if (work.effect.kind == effect_kind::send) sends.push_back(work);
        }
        REQUIRE(sends.size() == 4);
        REQUIRE(run(c.store().park(held(sends[1]), "e", "m")));
        const auto later = c.time.now() + 1h;
        REQUIRE(run(c.store().retry_later(held(sends[2]), later, "e", "m")));
        counts = c.count();
        CHECK(counts.ready == 0);
        CHECK(counts.leased == 2);
        CHECK(counts.waiting == 2);
        CHECK(counts.parked == 1);
        CHECK(counts.timers == 2);
        c.time.advance(20s);
        CHECK(c.count().ready == 2);
    });
}

TEST_CASE("effects: pending lists what one source has not ended") {
    for_each_backend([](contract_store& c) {
        const auto one = effect("k");
        const auto two = effect("k");
        auto stored = effects({one, two});
        stored.timers_set = {timer_at("late", c.time.now() + 1h)};
        c.commit(stored);
        auto elsewhere = effects({effect()});
        elsewhere.stream = account("elsewhere");
        c.commit(elsewhere);
        const auto all = *run(c.store().pending(account("source")));
        REQUIRE(all.size() == 3);
        CHECK(std::ranges::count(all, std::string{"late"}, &claimed_effect::timer_name) == 1);
        CHECK(c.complete(c.claim("me").claimed.at(0)));
        CHECK(run(c.store().pending(account("source")))->size() == 2);
        CHECK(run(c.store().pending(account("nobody")))->empty());
    });
}

}  // namespace tidemark::testing
