#include "tidemark/eventstore/contract.hpp"

#include <doctest/doctest.h>

namespace tidemark::testing {
namespace {

using namespace std::chrono_literals;

const audit_entry operator_ann{.actor = "ann", .reason = "mended by hand"};

/// Claims and parks the head of whatever is due.
claimed_effect park_next(contract_store& c, const std::string& code = "unreachable") {
    const auto page = c.claim("me", 1);
    REQUIRE(page.claimed.size() == 1);
    const auto& work = page.claimed[0];
    REQUIRE(run(c.store().park({work.effect.id, work.token}, code, "tried in vain")));
    return work;
}

std::vector<dead_letter> letters(contract_store& c, dead_letter_filter filter = {}) {
    return *run(c.store().dead_letters(std::move(filter)));
}

}  // namespace

TEST_CASE("dead letters: a parked effect is kept whole, with its reason") {
    for_each_backend([](contract_store& c) {
        const auto one = effect("k");
        c.commit(effects({one}));
        park_next(c);
        const auto all = letters(c);
        REQUIRE(all.size() == 1);
        CHECK(all[0].work.effect.id == one.id);
        CHECK(all[0].work.effect.message == one.message);
        CHECK(all[0].work.source == account("source"));
        CHECK(all[0].work.attempt == 1);
        CHECK(all[0].error_code == "unreachable");
        CHECK(all[0].error_message == "tried in vain");
        CHECK(all[0].parked_at == c.time.now());
        CHECK(all[0].waiting_behind == 0);
        CHECK(*run(c.store().dead_letter_count()) == 1);
    });
}

TEST_CASE("dead letters: the oldest one is known by when it was parked") {
    for_each_backend([](contract_store& c) {
        c.commit(effects({effect("k"), effect("l")}));
        CHECK_FALSE(c.count().oldest_parked_at);
        CHECK_FALSE(*run(c.store().oldest_dead_letter()));
        const auto first = park_next(c);
        const auto parked_at = c.time.now();
        c.time.advance(1h);
        park_next(c);
        CHECK(c.count().parked == 2);
        CHECK(c.count().oldest_parked_at == parked_at);
        CHECK(*run(c.store().oldest_dead_letter()) == parked_at);
        REQUIRE(run(c.store().drop(first.effect.id, operator_ann)));
        CHECK(c.count().oldest_parked_at == c.time.now());
    });
}

TEST_CASE("dead letters: later ones of the same key stay behind, other keys go on") {
    for_each_backend([](contract_store& c) {
        const auto behind = effect("k");
        c.commit(effects({effect("k"), behind}));
        park_next(c);
        const auto newcomer = effect("k");
        const auto free = effect("l");
        const auto committed = c.commit(effects({newcomer, free}, "me"));
        REQUIRE(committed.claimed.size() == 1);
        CHECK(committed.claimed[0].effect == free.id);
        c.time.advance(1h);
        CHECK(c.claim_ids("other") == ids({free}));
        CHECK(letters(c).at(0).waiting_behind == 2);
        CHECK(c.count().waiting == 2);
    });
}

TEST_CASE("dead letters: those that wait for a parked one in its tree keep waiting") {
    for_each_backend([](contract_store& c) {
        const auto then = effect("", 1, {0});
        c.commit(effects({effect("", 0), then}));
        const auto parked = park_next(c);
        c.time.advance(1h);
        CHECK(c.claim_ids("me").empty());
        REQUIRE(run(c.store().drop(parked.effect.id, operator_ann)));
        CHECK(c.claim_ids("me") == ids({then}));
    });
}

TEST_CASE("dead letters: a replay starts attempts anew and the others follow in order") {
    for_each_backend([](contract_store& c) {
        const auto first = effect("k");
        const auto second = effect("k");
        const auto third = effect("k");
        c.commit(effects({first, second}));
        const auto parked = park_next(c);
        c.commit(effects({third}, "me"));
        c.time.advance(1min);
        REQUIRE(run(c.store().replay(first.id, operator_ann)));
        CHECK(letters(c).empty());
        for (const auto& expected : ids({first, second, third})) {
            const auto page = c.claim("me");
            REQUIRE(page.claimed.size() == 1);
            CHECK(page.claimed[0].effect.id == expected);
            CHECK(page.claimed[0].attempt == 1);
            CHECK(page.claimed[0].token > parked.token);
            CHECK(c.complete(page.claimed[0]));
        }
    });
}

TEST_CASE("dead letters: a replay that fails again stops the sequence again") {
    for_each_backend([](contract_store& c) {
        const auto first = effect("k");
        c.commit(effects({first, effect("k")}));
        park_next(c);
        REQUIRE(run(c.store().replay(first.id, operator_ann)));
        CHECK(park_next(c).effect.id == first.id);
        CHECK(c.claim_ids("me").empty());
        CHECK(letters(c).at(0).waiting_behind == 1);
    });
}

TEST_CASE("dead letters: a drop ends the effect and lets the ones behind go on") {
    for_each_backend([](contract_store& c) {
        const auto first = effect("k");
        const auto second = effect("k");
        c.commit(effects({first, second}));
        park_next(c);
        CHECK(run(c.store().drop(first.id, {"ann", ""})).error().code() == errc::invalid_argument);
        REQUIRE(run(c.store().drop(first.id, operator_ann)));
        CHECK(letters(c).empty());
        CHECK(!run(c.store().find(first.id))->has_value());
        CHECK(c.claim_ids("me") == ids({second}));
    });
}

TEST_CASE("dead letters: only a parked effect can be replayed or dropped") {
    for_each_backend([](contract_store& c) {
        const auto one = effect();
        c.commit(effects({one}));
        for (const auto& id : {one.id, next_id()}) {
            CHECK(run(c.store().replay(id, operator_ann)).error().code() == errc::not_found);
            CHECK(run(c.store().drop(id, operator_ann)).error().code() == errc::not_found);
        }
        const auto parked = park_next(c);
        CHECK(!c.complete(parked));
        REQUIRE(run(c.store().replay(one.id, operator_ann)));
        CHECK(run(c.store().replay(one.id, operator_ann)).error().code() == errc::not_found);
    });
}

TEST_CASE("dead letters: closing a parked effect unblocks its key") {
    for_each_backend([](contract_store& c) {
        const auto behind = effect("k");
        c.commit(effects({effect("k"), behind}));
        const auto parked = park_next(c);
        auto settles = request(account("saga"), expected_version::any());
        settles.closes = {parked.effect.id};
        c.commit(settles);
        CHECK(letters(c).empty());
        CHECK(c.claim_ids("me") == ids({behind}));
    });
}

TEST_CASE("dead letters: filters by stream and code, in pages, oldest first") {
    for_each_backend([](contract_store& c) {
        const auto first = effect();
        auto second = effect();
        second.target = stream_id{"order", "7"};
        auto third = effect();
        third.kind = effect_kind::request;
        third.target = {};
        c.commit(effects({first}));
        park_next(c, "unreachable");
        auto from_order = effects({second, third});
        from_order.stream = stream_id{"basket", "1"};
        c.commit(from_order);
        park_next(c, "refused");
        park_next(c, "refused");
        CHECK(letters(c).size() == 3);
        CHECK(letters(c, {.limit = 2}).size() == 2);
        CHECK(letters(c).at(0).work.effect.id == first.id);
        CHECK(letters(c, {.error_code = "refused"}).size() == 2);
        CHECK(letters(c, {.stream_prefix = "order-7"}).at(0).work.effect.id == second.id);
        CHECK(letters(c, {.stream_prefix = "basket-"}).size() == 2);
        CHECK(letters(c, {.stream_prefix = "basket-", .error_code = "unreachable"}).empty());
        CHECK(*run(c.store().dead_letter_count()) == 3);
    });
}

TEST_CASE("dead letters: what operators did is kept, newest first") {
    for_each_backend([](contract_store& c) {
        const auto one = effect();
        c.commit(effects({one}));
        park_next(c);
        REQUIRE(run(c.store().replay(one.id, operator_ann)));
        park_next(c);
        c.time.advance(1s);
        REQUIRE(run(c.store().drop(one.id, {"bob", "duplicate of 7"})));
        const auto trail = *run(c.store().audit_trail(10));
        REQUIRE(trail.size() == 2);
        CHECK(trail[0].action == "drop");
        CHECK(trail[0].who.actor == "bob");
        CHECK(trail[0].who.reason == "duplicate of 7");
        CHECK(trail[0].effect == one.id);
        CHECK(trail[0].source == account("source"));
        CHECK(trail[0].message_name == "account.deposit.v1");
        CHECK(trail[0].at == c.time.now());
        CHECK(trail[1].action == "replay");
        CHECK(run(c.store().audit_trail(1))->size() == 1);
    });
}

}  // namespace tidemark::testing
