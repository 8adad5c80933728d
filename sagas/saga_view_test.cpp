#include "tidemark/sagas/saga_view.hpp"

#include "tidemark/runtime/runtime.hpp"
#include "tidemark/sagas/saga_list.hpp"
#include "tidemark/sagas/saga_type.hpp"
#include "tidemark/sagas/test_transfer.hpp"
#include "tidemark/sagas/test_world.hpp"

#include <doctest/doctest.h>

#include <algorithm>
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

struct bank : saga_test::world {
    bank()
        : world{[](tidemark::runtime& on) {
              on.store<account>();
              on.store<transfer>();
              project_sagas(on);
          }} {
        REQUIRE(call<account, account::open>(account_id{"ada"}, money{100}));
        REQUIRE(call<account, account::open>(account_id{"bob"}, money{0}));
    }
    void begin(const std::string& name, const account_id& from, const account_id& to) {
        const transfer_id which{name};
        REQUIRE(call<transfer, transfer::begin>(which, from, to, money{10}));
    }
    void block_credit_answer() {
        events.is_blocked = [](const append_request& sent) {
            return sent.closes.empty() && hands_over(sent, "account.deposited.v1");
        };
    }
    saga_view view(const std::string& name) {
        auto seen = run(outside(), view_saga(events, transfer_id{name}.stream()));
        REQUIRE(seen.has_value());
        return *seen;
    }
    std::vector<std::string> list(saga_query query) {
        auto found = run(outside(), list_sagas(events, std::move(query)));
        std::vector<std::string> out;
        for (const auto& one : found.value()) out.push_back(one.stream);
        return out;
    }
};

const account_id ada{"ada"};
const account_id bob{"bob"};
const account_id nobody{"nobody"};

}  // namespace

TEST_CASE("saga view: a running saga shows its steps, its timers and what it heard") {
    bank b;
    b.block_credit_answer();
    b.begin("t1", ada, bob);
    b.pass(5s);
    const auto seen = b.view("t1");
    CHECK(seen.saga == "transfer");
    CHECK(seen.state == saga_phase::running);
    CHECK(seen.updated_at >= seen.started_at);
    REQUIRE(seen.steps.size() == 2);
    CHECK(seen.steps[0].name == "debit");
    CHECK(seen.steps[0].state == step_state::succeeded);
    CHECK(seen.steps[0].undo == "account.deposit.v1");
    CHECK(seen.steps[0].answered_at.has_value());
    CHECK(seen.steps[1].command == "account.deposit.v1");
    CHECK(seen.steps[1].target == "account-bob");
    CHECK(seen.steps[1].state == step_state::sent);
    CHECK(seen.steps[1].is_pivot);
    CHECK(seen.steps[1].attempts >= 2);
    CHECK_FALSE(seen.steps[1].answered_at.has_value());
    REQUIRE(seen.timers.size() == 1);
    CHECK(seen.timers[0].name == "late");
    CHECK(seen.timers[0].due > seen.started_at + 29s);
    CHECK(seen.timers[0].due <= seen.started_at + 30s);
    CHECK(seen.timeline.size() == seen.version.value());
    CHECK(seen.timeline.front().name == "transfer.begin.v1");
}

TEST_CASE("saga view: a failed saga shows what was undone and why") {
    bank b;
    b.begin("t1", ada, nobody);
    b.pass(5s);
    const auto seen = b.view("t1");
    CHECK(seen.state == saga_phase::failed);
    CHECK(seen.reason == "closed");
    CHECK(seen.steps[0].state == step_state::undone);
    CHECK_FALSE(seen.steps[0].undo_effect.is_none());
    CHECK(seen.steps[1].state == step_state::refused);
    CHECK(seen.steps[1].reason == "closed");
    CHECK(seen.timers.empty());
    CHECK(std::ranges::any_of(seen.timeline, [](const auto& line) {
        return line.kind == "step" && line.text == "undo_sent: account.deposit.v1";
    }));
}

TEST_CASE("saga view: streams without events and streams of others are refused by name") {
    bank b;
    auto none = run(b.outside(), view_saga(b.events, transfer_id{"none"}.stream()));
    REQUIRE(none.has_error());
    CHECK(none.error().code() == errc::not_found);
    auto other = run(b.outside(), view_saga(b.events, ada.stream()));
    REQUIRE(other.has_error());
    CHECK(other.error().code() == errc::invalid_argument);
    CHECK(other.error().message().find("is not that of a saga") != std::string::npos);
}

TEST_CASE("saga list: sagas are found by state and kind, and counted") {
    bank b;
    b.begin("t1", ada, bob);
    b.begin("t2", ada, nobody);
    b.begin("t3", nobody, bob);
    // Or its answer may be the one that is blocked.
    REQUIRE(b.comes_to(transfer_id{"t1"}.stream(), saga_phase::completed));
    b.block_credit_answer();
    b.begin("t4", ada, bob);
    b.pass(5s);
    CHECK(b.list({.state = saga_phase::completed}) == std::vector<std::string>{"transfer-t1"});
    CHECK(b.list({.state = saga_phase::failed}) ==
          std::vector<std::string>{"transfer-t2", "transfer-t3"});
    CHECK(b.list({.state = saga_phase::failed, .saga = "transfer", .after = "transfer-t2"}) ==
          std::vector<std::string>{"transfer-t3"});
    CHECK(b.list({.state = saga_phase::stuck}).empty());
    CHECK(b.list({.saga = "transfer", .limit = 3}).size() == 3);
    CHECK(b.list({}).size() == 4);
    CHECK(b.list({.saga = "other"}).empty());

    auto counted = run(b.outside(), count_sagas(b.events));
    REQUIRE(counted.has_value());
    CHECK(*counted == std::vector<saga_counts>{
                          {.saga = "transfer", .running = 1, .completed = 1, .failed = 2}});
}

TEST_CASE("saga list: a stuck saga says what was refused") {
    bank b;
    b.events.is_blocked = [](const append_request& sent) {
        return sent.closes.empty() && hands_over(sent, "account.withdrawn.v1");
    };
    b.begin("t1", ada, bob);
    b.pass(1s);
    REQUIRE(b.call<account, account::close>(ada));  // so that the undo is refused
    b.pass(1min);
    auto found = run(b.outside(), list_sagas(b.events, {.state = saga_phase::stuck}));
    REQUIRE(found.value().size() == 1);
    CHECK(found.value()[0].reason == "undo account.deposit.v1 was refused: closed");
    CHECK(found.value()[0].updated_at > found.value()[0].started_at);
    CHECK(b.view("t1").steps[0].state == step_state::undo_refused);
}

TEST_CASE("saga list: metrics say where sagas stand and what they undid") {
    metrics_registry registry;
    const runtime_metrics metrics{registry};
    simulated_scheduler scheduler;
    simulated_execution world{scheduler};
    memory_storage events{world.clock()};
    const auto list = make_saga_list({"transfer"}, &metrics);
    std::vector<recorded_event> log(4);
    log[0].message = encode(saga_input{.name = "transfer.begin.v1", .payload = "{}"});
    log[1].message = encode(saga_status{saga_phase::compensating, "x"});
    log[2].message =
        encode(saga_step_outcome{{}, step_state::undo_sent, {}, "account.deposit.v1", {}});
    log[3].message = encode(saga_status{saga_phase::failed, "x"});
    for (std::size_t i = 0; i < log.size(); ++i) {
        log[i].stream = transfer_id{"t1"}.stream();
        log[i].version = version{i + 1};
    }
    const auto apply = [&](std::size_t from, std::size_t to) {
        auto at = run(world, events.load_checkpoint(std::string{saga_list_name}));
        auto moved = checkpoint{position{to}, at->incarnation};
        std::function<void(read_model&)> change = [&](read_model& model) {
            for (auto i = from; i < to; ++i) REQUIRE(list->project(model, log[i]).has_value());
        };
        REQUIRE(run(world, events.update(std::string{saga_list_name}, *at, moved, change)));
    };
    apply(0, 2);
    CHECK(metrics.sagas.with({"transfer", "compensating"}).value() == 1);
    CHECK(metrics.sagas.with({"transfer", "running"}).value() == 0);
    apply(2, 4);
    CHECK(metrics.sagas.with({"transfer", "compensating"}).value() == 0);
    CHECK(metrics.saga_compensations.with({"transfer", "account.deposit.v1"}).value() == 1);
    CHECK(metrics.saga_duration.with({"transfer", "failed"}).count() == 1);
}
