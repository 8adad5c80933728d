#include "tidemark/eventstore/event_store.hpp"
#include "tidemark/eventstore/contract.hpp"
#include "tidemark/eventstore/limits.hpp"

#include <doctest/doctest.h>

#include <algorithm>

namespace tidemark::testing {
namespace {

using namespace std::chrono_literals;

const auto any = expected_version::any();
const auto none = expected_version::none();

expected_version at(std::uint64_t v) { return expected_version::exactly(version{v}); }
expected_version at(std::uint64_t v, const new_event& head) {
    return expected_version::exactly(version{v}, head.id);
}

}  // namespace

TEST_CASE("append: a stored event reads back as it was sent") {
    for_each_backend([](contract_store& c) {
        auto sent = request(account("ada"), none, 0);
        sent.events = {event("account.opened.v1", std::string{"{\"owner\":\"a\0b\"}", 15})};
        const auto committed = c.commit(sent);
        CHECK(committed.version == version{1});
        CHECK(committed.recorded_at == c.time.now());
        const auto events = c.read(account("ada"));
        REQUIRE(events.size() == 1);
        CHECK(events[0] == recorded_event{.position = committed.position,
                                          .stream = account("ada"),
                                          .version = version{1},
                                          .id = sent.events[0].id,
                                          .message = sent.events[0].message,
                                          .trace = sent.trace,
                                          .recorded_at = c.time.now()});
    });
}

TEST_CASE("append: expected version none, exact and any") {
    for_each_backend([](contract_store& c) {
        CHECK(c.commit(request(account("ada"), none, 2)).version == version{2});
        CHECK(get_or_fail<append_conflict>(c.append(request(account("ada"), none))).head ==
              version{2});
        CHECK(get_or_fail<append_conflict>(c.append(request(account("ada"), at(1)))).head ==
              version{2});
        CHECK(get_or_fail<append_conflict>(c.append(request(account("ada"), at(3)))).head ==
              version{2});
        CHECK(get_or_fail<append_conflict>(c.append(request(account("eve"), at(1)))).head ==
              version{0});
        CHECK(c.commit(request(account("ada"), at(2))).version == version{3});
        CHECK(c.commit(request(account("ada"), any, 3)).version == version{6});
        CHECK(c.commit(request(account("eve"), any)).version == version{1});
        CHECK(c.read(account("ada")).size() == 6);
    });
}

TEST_CASE("append: the head must be the named event, not only of the named version") {
    for_each_backend([](contract_store& c) {
        const auto first = request(account("ada"), none);
        c.commit(first);
        const auto stranger = event();
        CHECK(
            get_or_fail<append_conflict>(c.append(request(account("ada"), at(1, stranger)))).head ==
            version{1});
        CHECK(c.commit(request(account("ada"), at(1, first.events[0]))).version == version{2});
    });
}

TEST_CASE("append: after a foreign write the successor of a failed append fails too") {
    for_each_backend([](contract_store& c) {
        const auto root = request(account("ada"), none);
        c.commit(root);
        // Two pipelined appends were decided on version 1 and on the first of them.
        const auto predecessor = request(account("ada"), at(1, root.events[0]));
        const auto successor = request(account("ada"), at(2, predecessor.events[0]));
        c.commit(request(account("ada"), any));
        get_or_fail<append_conflict>(c.append(predecessor));
        get_or_fail<append_conflict>(c.append(successor));
        CHECK(c.read(account("ada")).size() == 2);
    });
}

TEST_CASE("append: a foreign write in the same batch fails predecessor and successor") {
    for_each_backend([](contract_store& c) {
        const auto root = request(account("ada"), none);
        c.commit(root);
        const auto predecessor = request(account("ada"), at(1, root.events[0]));
        const auto successor = request(account("ada"), at(2, predecessor.events[0]));
        const auto outcomes = c.append_all({request(account("ada"), any), predecessor, successor});
        get_or_fail<append_committed>(outcomes[0]);
        get_or_fail<append_conflict>(outcomes[1]);
        get_or_fail<append_conflict>(outcomes[2]);
        CHECK(c.read(account("ada")).size() == 2);
    });
}

TEST_CASE("append: requests of a batch are checked in order, each a unit of its own") {
    for_each_backend([](contract_store& c) {
        const auto first = request(account("ada"), none);
        const auto second = request(account("ada"), at(1, first.events[0]), 2);
        const auto refused = request(account("ada"), at(1));
        const auto other = request(account("eve"), none);
        const auto third = request(account("ada"), at(3, second.events[1]));
        const auto outcomes = c.append_all({first, second, refused, other, third});
        CHECK(get_or_fail<append_committed>(outcomes[0]).version == version{1});
        CHECK(get_or_fail<append_committed>(outcomes[1]).version == version{3});
        CHECK(get_or_fail<append_conflict>(outcomes[2]).head == version{3});
        CHECK(get_or_fail<append_committed>(outcomes[3]).version == version{1});
        CHECK(get_or_fail<append_committed>(outcomes[4]).version == version{4});
        const auto events = c.read(account("ada"));
        REQUIRE(events.size() == 4);
        CHECK(events[3].id == third.events[0].id);
        CHECK(std::ranges::is_sorted(events, {}, &recorded_event::position));
    });
}

TEST_CASE("append: a refused request stores nothing of any kind") {
    for_each_backend([](contract_store& c) {
        c.commit(request(account("ada"), none));
        auto refused = command(account("ada"), none, "c1");
        refused.effects = {effect()};
        refused.timers_set = {timer_at("late", c.time.now())};
        refused.consumed = {{"relay", account("src"), version{1}}};
        get_or_fail<append_conflict>(c.append(refused));
        CHECK(run(c.store().pending(account("ada")))->empty());
        CHECK(!run(c.store().find_answer("caller", "c1"))->has_value());
        CHECK(c.read(account("ada")).size() == 1);
        auto consumes = request(account("ada"), any, 0);
        consumes.consumed = {{"relay", account("src"), version{1}}};
        c.commit(consumes);
    });
}

TEST_CASE("append: the same request again is answered as the first time") {
    for_each_backend([](contract_store& c) {
        auto sent = command(account("ada"), none, "c1", 2);
        sent.effects = {effect("k"), effect("k", 1)};
        sent.owner = "runner";
        sent.lease = 10s;
        const auto first = c.commit(sent);
        REQUIRE(first.claimed.size() == 1);
        c.commit(request(account("ada"), any, 3));
        c.time.advance(1s);
        const auto again = c.commit(sent);
        CHECK(again == first);
        CHECK(again.recorded_at == first.recorded_at);
        REQUIRE(again.claimed.size() == 1);
        CHECK(again.claimed[0].effect == first.claimed[0].effect);
        CHECK(again.claimed[0].token == first.claimed[0].token);
        CHECK(c.read(account("ada")).size() == 5);
        CHECK(run(c.store().pending(account("ada")))->size() == 2);
        const auto outcomes = c.append_all({sent, sent});
        CHECK(get_or_fail<append_committed>(outcomes[1]) == first);
    });
}

TEST_CASE("append: effects without events or command are known again by their ids") {
    for_each_backend([](contract_store& c) {
        auto sent = effects({effect(), effect()}, "runner");
        const auto first = c.commit(sent);
        CHECK(c.commit(sent).claimed.size() == first.claimed.size());
        CHECK(run(c.store().pending(account("source")))->size() == 2);
    });
}

TEST_CASE("append: a repeat of completions and fires is committed, not stale") {
    for_each_backend([](contract_store& c) {
        auto sets = request(account("ada"), none);
        sets.timers_set = {timer_at("late", c.time.now())};
        c.commit(sets);
        auto fires = request(account("ada"), any);
        fires.fires = {{"late", sets.timers_set[0].generation}};
        fires.consumed = {{"relay", account("src"), version{1}}};
        const auto first = c.commit(fires);
        CHECK(c.commit(fires) == first);
    });
}

TEST_CASE("append: an event id of another append is refused by name") {
    for_each_backend([](contract_store& c) {
        const auto sent = request(account("ada"), none, 2);
        c.commit(sent);
        auto elsewhere = request(account("eve"), none, 0);
        elsewhere.events = sent.events;
        auto longer = sent;
        longer.events.push_back(event());
        auto fresh_first = request(account("ada"), any);
        fresh_first.events.push_back(sent.events[1]);
        for (const auto& wrong : {elsewhere, longer, fresh_first}) {
            const auto outcome = c.append(wrong);
            CHECK(error_of(outcome) == errc::invalid_argument);
        }
        CHECK(c.read(account("ada")).size() == 2);
        CHECK(c.read(account("eve")).empty());
    });
}

TEST_CASE("answers: a command id is answered once, whatever happened since") {
    for_each_backend([](contract_store& c) {
        auto refusal = command(account("ada"), any, "c1", 0);
        refusal.command->outcome = answer::kind::refused;
        refusal.command->reason = "not_open";
        refusal.command->message = "open it first";
        c.commit(refusal);
        c.commit(request(account("ada"), none));
        // Decided again on the changed state it would succeed; the first answer stands.
        const auto again =
            get_or_fail<append_answered>(c.append(command(account("ada"), at(1), "c1")));
        CHECK(again.first.outcome == answer::kind::refused);
        CHECK(again.first.reason == "not_open");
        CHECK(again.first.message == "open it first");
        CHECK(again.first.stream == account("ada"));
        CHECK(again.first.first_version == again.first.last_version);
        CHECK(c.read(account("ada")).size() == 1);
    });
}

TEST_CASE("answers: an id that is known wins over a conflict and over staleness") {
    for_each_backend([](contract_store& c) {
        const auto committed = c.commit(command(account("ada"), none, "c1", 2));
        auto repeated = command(account("ada"), none, "c1");
        repeated.fires = {{"late", next_id()}};
        const auto known = get_or_fail<append_answered>(c.append(repeated)).first;
        CHECK(known == answer{.outcome = answer::kind::committed,
                              .stream = account("ada"),
                              .first_version = version{0},
                              .last_version = version{2},
                              .position = committed.position});
        CHECK(run(c.store().find_answer("caller", "c1"))->value() == known);
        CHECK(!run(c.store().find_answer("other", "c1"))->has_value());
    });
}

TEST_CASE("answers: staleness is told before a conflict") {
    for_each_backend([](contract_store& c) {
        c.commit(request(account("ada"), none));
        auto late = request(account("ada"), none);
        late.completes = {{next_id(), 1}};
        get_or_fail<append_stale>(c.append(late));
    });
}

TEST_CASE("answers: the same id with another payload is key_reused") {
    for_each_backend([](contract_store& c) {
        c.commit(command(account("ada"), none, "c1"));
        auto other = command(account("ada"), any, "c1");
        other.command->payload_hash = 8;
        CHECK(error_of(c.append(other)) == errc::key_reused);
        other.command->scope = "somebody else";
        c.commit(other);
    });
}

TEST_CASE("answers: within one batch the second use of an id hears of the first") {
    for_each_backend([](contract_store& c) {
        const auto outcomes = c.append_all(
            {command(account("ada"), none, "c1"), command(account("ada"), at(1), "c1")});
        get_or_fail<append_committed>(outcomes[0]);
        CHECK(get_or_fail<append_answered>(outcomes[1]).first.last_version == version{1});
    });
}

TEST_CASE("consumption: only the next version of a source is taken") {
    for_each_backend([](contract_store& c) {
        const auto consume = [&](std::uint64_t v, const std::string& consumer = "mail") {
            auto made = request(account("ada"), any);
            made.consumed = {{consumer, account("src"), version{v}}};
            return c.append(made);
        };
        get_or_fail<append_stale>(consume(2));
        get_or_fail<append_committed>(consume(1));
        get_or_fail<append_stale>(consume(1));
        get_or_fail<append_stale>(consume(3));
        get_or_fail<append_committed>(consume(2));
        get_or_fail<append_committed>(consume(1, "audit"));
        CHECK(c.read(account("ada")).size() == 3);
    });
}

TEST_CASE("read: pages of one stream and of the log") {
    for_each_backend([](contract_store& c) {
        for (auto i = 0; i < 10; ++i) {
            c.commit(request(account("ada"), any));
            c.commit(request(stream_id{"order", "1"}, any));
        }
        CHECK(c.read(account("nobody")).empty());
        const auto page = c.read(account("ada"), version{3}, 4);
        REQUIRE(page.size() == 4);
        CHECK(page.front().version == version{4});
        CHECK(c.read(account("ada"), version{10}).empty());

        const auto all = *run(c.store().read_all(position{}, 100));
        REQUIRE(all.events.size() == 20);
        CHECK(std::ranges::is_sorted(all.events, {}, &recorded_event::position));
        CHECK(all.seen == all.events.back().position);
        CHECK(all.horizon >= all.seen);
        const auto half = *run(c.store().read_all(all.events[4].position, 5));
        REQUIRE(half.events.size() == 5);
        CHECK(half.events[0] == all.events[5]);
        CHECK(half.seen == half.events[4].position);
        const auto end = *run(c.store().read_all(all.seen, 5));
        CHECK(end.events.empty());
        CHECK(end.seen == all.seen);
    });
}

TEST_CASE("read: a category, and how far its reader has seen") {
    for_each_backend([](contract_store& c) {
        c.commit(request(account("ada"), any, 2));
        c.commit(request(stream_id{"order", "1"}, any, 3));
        const auto last = c.commit(request(stream_id{"order", "2"}, any)).position;
        const auto page = *run(c.store().read_category("account", position{}, 10));
        CHECK(page.events.size() == 2);
        CHECK(page.seen == last);
        const auto full = *run(c.store().read_category("order", position{}, 3));
        CHECK(full.events.size() == 3);
        CHECK(full.seen == full.events.back().position);
        const auto nothing = *run(c.store().read_category("saga", position{}, 3));
        CHECK(nothing.events.empty());
        CHECK(nothing.seen == last);
    });
}

}  // namespace tidemark::testing
