#include "tidemark/sagas/saga_type.hpp"

#include "tidemark/runtime/runtime.hpp"
#include "tidemark/sagas/test_transfer.hpp"
#include "tidemark/sagas/test_world.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

using namespace tidemark;
using namespace std::chrono_literals;
using saga_test::account;
using saga_test::account_id;
using saga_test::hands_over;
using saga_test::money;
using saga_test::transfer;
using saga_test::transfer_id;

namespace {

const account_id ada{"ada"};
const account_id bob{"bob"};
const transfer_id t1{"t1"};

static_assert(saga<transfer>);

/// A bank whose sagas are registered before their targets, which must not matter.
struct bank : saga_test::world {
    explicit bank(store_options kept = {})
        : world{[kept](tidemark::runtime& on) {
              on.store<transfer>(kept);
              on.store<account>();
          }} {
        REQUIRE(call<account, account::open>(ada, money{100}));
        REQUIRE(call<account, account::open>(bob, money{0}));
    }
    outcome begin(std::int64_t amount) {
        return call<transfer, transfer::begin>(t1, ada, bob, money{amount});
    }
    std::int64_t balance(const account_id& of) {
        std::int64_t out = 0;
        for (const auto& event : read(of.stream())) {
            auto decoded =
                decode_variant<account::event>(event.message.name, event.message.payload);
            const auto& e = decoded.value();
            if (const auto* o = std::get_if<account::opened>(&e)) out += o->balance.value();
            if (const auto* d = std::get_if<account::deposited>(&e)) out += d->amount.value();
            if (const auto* w = std::get_if<account::withdrawn>(&e)) out -= w->amount.value();
        }
        return out;
    }
    std::vector<std::string> inputs() {
        std::vector<std::string> out;
        for (const auto& heard : stored<saga_input>(t1.stream())) {
            out.push_back(heard.name + (heard.use == input_use::reacted
                                            ? ""
                                            : " " + std::string{to_string(heard.use)}));
        }
        return out;
    }
    std::vector<step_state> outcomes(const std::string& step) {
        std::vector<step_state> out;
        for (const auto& one : stored<saga_step>(t1.stream())) {
            if (one.name != step) continue;
            for (const auto& moved : stored<saga_step_outcome>(t1.stream())) {
                if (moved.effect == one.effect) out.push_back(moved.state);
            }
        }
        return out;
    }
    std::string reason() { return stored<saga_status>(t1.stream()).back().reason; }
    bool ends(saga_phase phase) {
        const bool has_come = comes_to(t1.stream(), phase);
        pass(1min);  // whatever comes later changes nothing
        return has_come && events.phases.at(t1.stream().text()) == phase;
    }
    void block_answer(std::string_view input) {
        events.is_blocked = [input](const append_request& sent) {
            return sent.closes.empty() && hands_over(sent, input);
        };
    }
};

}  // namespace

TEST_CASE("saga: a transfer moves the money and completes") {
    bank b;
    REQUIRE(b.begin(40));
    CHECK(b.ends(saga_phase::completed));
    CHECK(b.balance(ada) == 60);
    CHECK(b.balance(bob) == 40);
    CHECK(b.inputs() == std::vector<std::string>{"transfer.begin.v1", "account.withdrawn.v1",
                                                 "account.deposited.v1"});
    CHECK(b.pending(t1.stream()) == 0);  // the timer is gone as well
    const auto heard = b.stored<saga_input>(t1.stream());
    CHECK(heard[1].source == "account-ada");
    CHECK(heard[1].source_version == version{2});
    CHECK(heard[1].step == "debit");
    CHECK(heard[1].command == b.stored<saga_step>(t1.stream())[0].effect);
}

TEST_CASE("saga: its events never carry the names of its inputs") {
    bank b;
    REQUIRE(b.begin(40));
    REQUIRE(b.ends(saga_phase::completed));
    for (const auto& event : b.read(t1.stream())) {
        CHECK(event.message.name.starts_with("tidemark.saga_"));
    }
}

TEST_CASE("saga: a refused debit fails it, and there is nothing to undo") {
    bank b;
    REQUIRE(b.begin(140));
    CHECK(b.ends(saga_phase::failed));
    CHECK(b.reason() == "insufficient_funds");
    CHECK(b.balance(ada) == 100);
    CHECK(b.balance(bob) == 0);
    CHECK(b.outcomes("debit") == std::vector<step_state>{step_state::refused});
    CHECK(b.pending(t1.stream()) == 0);
}

TEST_CASE("saga: a refused credit gives the debit back") {
    bank b;
    REQUIRE(b.call<account, account::close>(bob));
    REQUIRE(b.begin(40));
    CHECK(b.ends(saga_phase::failed));
    CHECK(b.reason() == "closed");
    CHECK(b.balance(ada) == 100);
    CHECK(b.balance(bob) == 0);
    CHECK(b.outcomes("debit") == std::vector<step_state>{step_state::succeeded,
                                                         step_state::undo_sent,
                                                         step_state::undone});
    // The undo's answer is a deposit, and is not mistaken for the credit.
    CHECK(b.inputs() == std::vector<std::string>{"transfer.begin.v1", "account.withdrawn.v1",
                                                 "tidemark.refused.v1"});
}

TEST_CASE("saga: a deadline before the debit was decided refuses the debit for ever") {
    bank b;
    b.events.is_blocked = [](const append_request& sent) {
        return sent.stream == ada.stream() && !sent.events.empty();
    };
    REQUIRE(b.begin(40));
    CHECK(b.comes_to(t1.stream(), saga_phase::failed));
    b.events.is_blocked = {};
    b.pass(5min);
    CHECK(b.events.phases.at("transfer-t1") == saga_phase::failed);
    CHECK(b.reason() == "timed_out");
    CHECK(b.balance(ada) == 100);
    CHECK(b.outcomes("debit") ==
          std::vector<step_state>{step_state::settling, step_state::settled_refused});
    CHECK(b.pending(t1.stream()) == 0);  // the send's queue entry is closed
}

TEST_CASE("saga: a debit found while settling is given back") {
    bank b;
    b.block_answer("account.withdrawn.v1");
    REQUIRE(b.begin(40));
    CHECK(b.ends(saga_phase::failed));
    CHECK(b.reason() == "timed_out");
    CHECK(b.balance(ada) == 100);
    CHECK(b.outcomes("debit") ==
          std::vector<step_state>{step_state::settling, step_state::succeeded,
                                  step_state::undo_sent, step_state::undone});
    CHECK(b.inputs().back() == "account.withdrawn.v1 passed_over");
    CHECK(b.pending(t1.stream()) == 0);
}

TEST_CASE("saga: a credit found while settling overrules the deadline") {
    bank b;
    b.block_answer("account.deposited.v1");
    REQUIRE(b.begin(40));
    CHECK(b.ends(saga_phase::completed));
    CHECK(b.balance(ada) == 60);
    CHECK(b.balance(bob) == 40);
    CHECK(b.outcomes("credit") ==
          std::vector<step_state>{step_state::settling, step_state::succeeded});
    CHECK(b.inputs() == std::vector<std::string>{"transfer.begin.v1", "account.withdrawn.v1",
                                                 "transfer.late.v1", "account.deposited.v1"});
    CHECK(b.pending(t1.stream()) == 0);
}

TEST_CASE("saga: a credit that was not decided at the deadline never happens") {
    bank b;
    b.events.is_blocked = [](const append_request& sent) {
        return sent.stream == bob.stream() && !sent.events.empty();
    };
    REQUIRE(b.begin(40));
    CHECK(b.comes_to(t1.stream(), saga_phase::failed));
    b.events.is_blocked = {};
    b.pass(5min);
    CHECK(b.balance(ada) == 100);
    CHECK(b.balance(bob) == 0);
    CHECK(b.outcomes("credit") ==
          std::vector<step_state>{step_state::settling, step_state::settled_refused});
}

TEST_CASE("saga: a refused undo is stuck until an operator lets it go on") {
    bank b;
    b.block_answer("account.withdrawn.v1");
    REQUIRE(b.begin(40));
    b.pass(1s);
    REQUIRE(b.call<account, account::close>(ada));
    CHECK(b.ends(saga_phase::stuck));
    CHECK(b.reason() == "undo account.deposit.v1 was refused: closed");
    CHECK(b.balance(ada) == 60);

    REQUIRE(b.call<account, account::open>(ada, money{0}));
    const auto resume = [&b] {
        auto command = resume_command({.actor = "ann", .reason = "reopened"});
        return run(*b.process,
                   execute_command(*b.runtime, t1.stream(), std::move(command), call{}));
    };
    CHECK(resume());
    CHECK(b.ends(saga_phase::failed));
    CHECK(b.balance(ada) == 100);
    const auto again = resume();
    REQUIRE(again.is_refused());
    CHECK(again.rejection().code == "saga_has_nothing_to_resume");
}

TEST_CASE("saga: it goes on after a crash, and its deadline holds") {
    for (const bool credit_is_known : {true, false}) {
        bank b{{.snapshot_every = 2}};
        b.block_answer("account.deposited.v1");
        REQUIRE(b.begin(40));
        REQUIRE(b.until([&] { return b.balance(bob) == 40; }));
        b.crash();
        if (credit_is_known) b.events.is_blocked = {};
        b.boot();
        CHECK(b.ends(saga_phase::completed));
        CHECK(b.balance(ada) == 60);
        CHECK(b.balance(bob) == 40);
        CHECK(b.outcomes("credit").front() ==
              (credit_is_known ? step_state::succeeded : step_state::settling));
    }
}

TEST_CASE("saga: compensation goes on after a crash") {
    bank b;
    REQUIRE(b.call<account, account::close>(bob));
    b.events.is_blocked = [](const append_request& sent) {  // the undo
        return sent.stream == ada.stream() && !sent.events.empty() &&
               sent.events.front().message.name == "account.deposited.v1";
    };
    REQUIRE(b.begin(40));
    REQUIRE(b.comes_to(t1.stream(), saga_phase::compensating));
    b.pass(3s);
    b.crash();
    b.events.is_blocked = {};
    b.boot();
    CHECK(b.ends(saga_phase::failed));
    CHECK(b.balance(ada) == 100);
}

TEST_CASE("saga: an undo is tried for as long as it takes") {
    bank b;
    REQUIRE(b.call<account, account::close>(bob));
    b.events.is_blocked = [](const append_request& sent) {
        return sent.stream == ada.stream() && !sent.events.empty() &&
               sent.events.front().message.name == "account.deposited.v1";
    };
    REQUIRE(b.begin(40));
    b.pass(60min);
    CHECK(b.events.phases.at("transfer-t1") == saga_phase::compensating);
    b.events.is_blocked = {};
    CHECK(b.ends(saga_phase::failed));
    CHECK(b.balance(ada) == 100);
}

TEST_CASE("saga: commits that are not confirmed are not carried out twice") {
    bank b;
    std::size_t count = 0;
    b.events.is_lost = [&count](const append_request&) { return ++count % 2 == 1; };
    REQUIRE(b.call_as<transfer, transfer::begin>(call{}.once("k"), t1, ada, bob, money{40}));
    CHECK(b.ends(saga_phase::completed));
    CHECK(b.events.lost > 0);
    CHECK(b.balance(ada) == 60);
    CHECK(b.balance(bob) == 40);
    const auto again =
        b.call_as<transfer, transfer::begin>(call{}.once("k"), t1, ada, bob, money{40});
    REQUIRE(again);
    CHECK(again.is_repeated());
}

TEST_CASE("saga: inputs that come too early, twice or too late are refused by name") {
    bank b;
    const auto early = b.call<transfer, transfer::late>(t1);
    REQUIRE(early.is_refused());
    CHECK(early.rejection().code == "saga_not_started");
    CHECK(b.read(t1.stream()).empty());

    b.block_answer("account.deposited.v1");
    REQUIRE(b.begin(40));
    const auto twice = b.begin(40);
    REQUIRE(twice.is_refused());
    CHECK(twice.rejection().code == "saga_already_started");

    CHECK(b.ends(saga_phase::completed));
    const auto late = b.call<transfer, transfer::late>(t1);
    REQUIRE(late.is_refused());
    CHECK(late.rejection().code == "saga_has_ended");
    CHECK(b.balance(ada) == 60);
}

TEST_CASE("saga: a command while it undoes is refused by name") {
    bank b;
    REQUIRE(b.call<account, account::close>(bob));
    b.events.is_blocked = [](const append_request& sent) {
        return sent.stream == ada.stream() && !sent.events.empty() &&
               sent.events.front().message.name == "account.deposited.v1";
    };
    REQUIRE(b.begin(40));
    REQUIRE(b.comes_to(t1.stream(), saga_phase::compensating));
    b.pass(1s);
    const auto told = b.call<transfer, transfer::late>(t1);
    REQUIRE(told.is_refused());
    CHECK(told.rejection().code == "saga_is_compensating");
}

TEST_CASE("saga: the state folded from the log is the state of the live saga") {
    bank b{{.snapshot_every = 1}};
    b.block_answer("account.withdrawn.v1");
    REQUIRE(b.begin(40));
    REQUIRE(b.ends(saga_phase::failed));
    auto kept = run(b.outside(), b.events.latest_snapshot(t1.stream(), "transfer.state.v1"));
    REQUIRE(kept.value().has_value());
    const auto& live = **kept;
    auto folded = run(*b.process, b.runtime->state_of(t1.stream(), live.version));
    REQUIRE(folded.has_value());
    CHECK(folded->state == live.payload);
    CHECK(live.payload.starts_with(
        R"({"state":{"to":"bob"},"saga":{"has_begun":true,"phase":"failed")"));
}
