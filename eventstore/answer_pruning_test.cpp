#include "tidemark/eventstore/contract.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>

namespace tidemark::testing {
namespace {

using namespace std::chrono_literals;

constexpr duration retention = 24h;

/// One whole sweep; how many answers went.
std::uint64_t sweep(contract_store& c, std::size_t limit = 100) {
    auto pruned = std::uint64_t{0};
    answer_place at;
    for (;;) {
        auto swept = run(c.store().prune_answers(at, retention, limit));
        REQUIRE(swept.has_value());
        pruned += swept->pruned;
        if (!swept->next) return pruned;
        at = std::move(*swept->next);
    }
}

bool is_answered(contract_store& c, const std::string& scope, const std::string& id) {
    const auto found = run(c.store().find_answer(scope, id));
    REQUIRE(found.has_value());
    return found->has_value();
}

/// What the runner appends for an effect: the target's answer under the effect's id.
append_request answer_to(const new_effect& one, const std::string& prefix = "") {
    auto out = command(account("target"), expected_version::any(), prefix + one.id.to_string());
    out.command->scope = account("source").text();
    return out;
}

bool is_answered(contract_store& c, const new_effect& one, const std::string& prefix = "") {
    return is_answered(c, account("source").text(), prefix + one.id.to_string());
}

}  // namespace

TEST_CASE("pruning: answers go once their retention is over, refusals too, and not before") {
    for_each_backend([](contract_store& c) {
        c.commit(command(account("a"), expected_version::any(), "old"));
        auto refused = command(account("a"), expected_version::any(), "refused", 0);
        refused.command->outcome = answer::kind::refused;
        c.commit(refused);
        c.time.advance(retention);
        CHECK(sweep(c) == 0);
        c.commit(command(account("a"), expected_version::any(), "young"));
        c.time.advance(1s);
        CHECK(sweep(c) == 2);
        CHECK_FALSE(is_answered(c, "caller", "old"));
        CHECK_FALSE(is_answered(c, "caller", "refused"));
        CHECK(is_answered(c, "caller", "young"));
        CHECK(c.read(account("a")).size() == 2);
        CHECK(sweep(c) == 0);
    });
}

TEST_CASE("pruning: an id that was pruned is fresh again, with whatever payload") {
    for_each_backend([](contract_store& c) {
        c.commit(command(account("a"), expected_version::any(), "id"));
        c.time.advance(retention + 1s);
        CHECK(sweep(c) == 1);
        auto again = command(account("a"), expected_version::any(), "id");
        again.command->payload_hash += 1;
        CHECK(c.commit(again).version == version{2});
        CHECK(is_answered(c, "caller", "id"));
        CHECK(sweep(c) == 0);
    });
}

TEST_CASE("pruning: an answer is kept while its effect has not ended, whatever its age") {
    for_each_backend([](contract_store& c) {
        const auto one = effect("k");
        const auto other = effect("l");
        c.commit(effects({one, other}));
        c.commit(answer_to(one));
        c.commit(answer_to(one, "answer:"));
        c.commit(answer_to(other));
        c.time.advance(1000 * retention);
        CHECK(sweep(c) == 0);
        const auto page = c.claim("me");
        REQUIRE(page.claimed.size() == 2);
        REQUIRE(page.claimed[0].effect.id == one.id);
        REQUIRE(c.complete(page.claimed[0]));
        CHECK(sweep(c) == 2);
        CHECK_FALSE(is_answered(c, one));
        CHECK_FALSE(is_answered(c, one, "answer:"));
        CHECK(is_answered(c, other));
    });
}

TEST_CASE("pruning: an answer is kept while its effect is a dead letter, and goes once dropped") {
    for_each_backend([](contract_store& c) {
        const auto one = effect("k");
        c.commit(effects({one}));
        c.commit(answer_to(one));
        const auto page = c.claim("me");
        REQUIRE(page.claimed.size() == 1);
        const completion held{one.id, page.claimed[0].token};
        REQUIRE(run(c.store().park(held, "unreachable", "tried in vain")));
        c.time.advance(1000 * retention);
        CHECK(sweep(c) == 0);
        CHECK(is_answered(c, one));
        const audit_entry ann{.actor = "ann", .reason = "mended by hand"};
        REQUIRE(run(c.store().drop(one.id, ann)));
        CHECK(sweep(c) == 1);
    });
}

TEST_CASE("pruning: a timer that is set keeps the answer to its own generation") {
    for_each_backend([](contract_store& c) {
        const auto set = timer_at("late", c.time.now() + 2000 * retention);
        auto setting = request(account("source"), expected_version::any());
        setting.timers_set = {set};
        c.commit(setting);
        auto told = command(account("source"), expected_version::any(), set.generation.to_string());
        told.command->scope = account("source").text();
        c.commit(told);
        c.time.advance(1000 * retention);
        CHECK(sweep(c) == 0);
        auto cancelling = request(account("source"), expected_version::any());
        cancelling.timers_cancelled = {"late"};
        c.commit(cancelling);
        CHECK(sweep(c) == 1);
    });
}

TEST_CASE("pruning: while a stream settles, all answers of its scope are kept") {
    for_each_backend([](contract_store& c) {
        const auto ended = effect("k");
        c.commit(effects({ended}));
        c.commit(answer_to(ended));
        const auto page = c.claim("me");
        REQUIRE(page.claimed.size() == 1);
        REQUIRE(c.complete(page.claimed[0]));
        auto settling = effect("m");
        settling.kind = effect_kind::settle;
        c.commit(effects({settling}));
        c.commit(command(account("a"), expected_version::any(), "elsewhere"));
        c.time.advance(retention + 1s);
        CHECK(sweep(c) == 1);
        CHECK(is_answered(c, ended));
        const auto work = c.claim("me");
        REQUIRE(work.claimed.size() == 1);
        REQUIRE(c.complete(work.claimed[0]));
        CHECK(sweep(c) == 1);
    });
}

TEST_CASE("pruning: a sweep goes on where it stood and looks at no more than it may") {
    for_each_backend([](contract_store& c) {
        for (auto i = 0; i < 25; ++i) {
            c.commit(command(account("a"), expected_version::any(), "id" + std::to_string(i)));
        }
        c.time.advance(retention + 1s);
        const auto first = run(c.store().prune_answers({}, retention, 10));
        REQUIRE(first.has_value());
        CHECK(first->pruned == 10);
        REQUIRE(first->next);
        CHECK(first->next->scope == "caller");
        const auto second = run(c.store().prune_answers(*first->next, retention, 10));
        REQUIRE(second.has_value());
        CHECK(second->pruned == 10);
        CHECK(sweep(c, 2) == 5);
    });
}

}  // namespace tidemark::testing
