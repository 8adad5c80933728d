#include "tidemark/sagas/compensation_fsm.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace tidemark;

namespace {

message_id named(std::string_view name) { return message_id::derive({name}); }

/// Builds sagas with steps named by one letter, whose undo is "undo_<letter>".
struct written {
    compensation_fsm fsm;

    saga_step step(const std::string& name) const {
        saga_step out;
        out.effect = named(name);
        out.name = name;
        out.command = {"do_" + name, "{}"};
        out.undo = saga_message{"undo_" + name, "{}"};
        return out;
    }
    written& send(const std::string& name) {
        fsm.sent(step(name));
        return *this;
    }
    written& send_for_good(const std::string& name) {
        auto out = step(name);
        out.undo.reset();
        fsm.sent(out);
        return *this;
    }
    written& request(const std::string& name) {
        auto out = step(name);
        out.kind = step_kind::request;
        fsm.sent(out);
        return *this;
    }
    written& pivot(const std::string& name, step_kind kind = step_kind::send) {
        auto out = step(name);
        out.is_pivot = true;
        out.kind = kind;
        fsm.sent(out);
        return *this;
    }
    written& parting(const std::string& name) {
        auto out = step(name);
        out.is_parting = true;
        fsm.sent(out);
        return *this;
    }
};

step_change to(std::string_view name, step_state state, std::string reason = {}) {
    return {named(name), state, std::move(reason)};
}
phase_change to(saga_phase phase, std::string reason = {}) { return {phase, std::move(reason)}; }
const saga_changes nothing;

}  // namespace

TEST_CASE("compensation: a success arms the undo, a refusal drops it") {
    written w;
    w.send("a").send("b");
    CHECK(w.fsm.succeeded(named("a")) == saga_changes{to("a", step_state::succeeded)});
    CHECK(w.fsm.refused(named("b"), "no") == saga_changes{to("b", step_state::refused, "no")});
    w.fsm.forget();
    REQUIRE(w.fsm.steps().size() == 1);
    CHECK(w.fsm.steps().front().step.name == "a");
    CHECK(w.fsm.fail("x") ==
          saga_changes{to(saga_phase::compensating, "x"), to("a", step_state::undo_sent)});
}

TEST_CASE("compensation: a duplicate answer and one to an unknown step change nothing") {
    written w;
    w.send("a");
    (void)w.fsm.succeeded(named("a"));
    CHECK(w.fsm.succeeded(named("a")) == nothing);
    CHECK(w.fsm.refused(named("a"), "late") == nothing);
    CHECK(w.fsm.succeeded(named("never sent")) == nothing);
    CHECK(w.fsm.undo_succeeded(named("a")) == nothing);
    CHECK(w.fsm.undo_refused(named("a"), "no") == nothing);
}

TEST_CASE("compensation: a saga without steps fails at once") {
    written w;
    CHECK(w.fsm.fail("x") ==
          saga_changes{to(saga_phase::compensating, "x"), to(saga_phase::failed, "x")});
}

TEST_CASE("compensation: armed undos are sent last first, one at a time") {
    written w;
    w.send("a").send("b").send_for_good("c").send("d");
    for (const auto* name : {"a", "b", "c", "d"}) (void)w.fsm.succeeded(named(name));
    CHECK(w.fsm.fail("x") ==
          saga_changes{to(saga_phase::compensating, "x"), to("d", step_state::undo_sent)});
    CHECK(w.fsm.undo_succeeded(named("d")) ==
          saga_changes{to("d", step_state::undone), to("b", step_state::undo_sent)});
    CHECK(w.fsm.undo_succeeded(named("d")) == nothing);
    CHECK(w.fsm.undo_succeeded(named("a")) == nothing);
    CHECK(w.fsm.undo_succeeded(named("b")) ==
          saga_changes{to("b", step_state::undone), to("a", step_state::undo_sent)});
    CHECK(w.fsm.undo_succeeded(named("a")) ==
          saga_changes{to("a", step_state::undone), to(saga_phase::failed, "x")});
}

TEST_CASE("compensation: nothing is undone before every send is settled") {
    written w;
    w.send("a").send("b").send("c");
    (void)w.fsm.succeeded(named("a"));
    CHECK(w.fsm.fail("x") == saga_changes{to(saga_phase::compensating, "x"),
                                          to("b", step_state::settling),
                                          to("c", step_state::settling)});
    CHECK(w.fsm.is_settling());
    CHECK(w.fsm.refused(named("b"), "tidemark.settled", true) ==
          saga_changes{to("b", step_state::settled_refused, "tidemark.settled")});
    CHECK(w.fsm.refused(named("c"), "empty") ==
          saga_changes{to("c", step_state::refused, "empty"), to("a", step_state::undo_sent)});
    CHECK_FALSE(w.fsm.is_settling());
}

TEST_CASE("compensation: a late success found by settling is undone") {
    written w;
    w.send("a");
    (void)w.fsm.fail("x");
    CHECK(w.fsm.succeeded(named("a")) ==
          saga_changes{to("a", step_state::succeeded), to("a", step_state::undo_sent)});
    CHECK(w.fsm.succeeded(named("a")) == nothing);
}

TEST_CASE("compensation: a request without an answer counts as happened once sends are settled") {
    written w;
    w.request("r").send("a");
    CHECK(w.fsm.fail("x") ==
          saga_changes{to(saga_phase::compensating, "x"), to("a", step_state::settling)});
    CHECK(w.fsm.refused(named("a"), "settled", true) ==
          saga_changes{to("a", step_state::settled_refused, "settled"),
                       to("r", step_state::assumed), to("r", step_state::undo_sent)});
}

TEST_CASE("compensation: a request answered while sends are settled is known") {
    written w;
    w.request("r").send("a");
    (void)w.fsm.fail("x");
    CHECK(w.fsm.refused(named("r"), "no") == saga_changes{to("r", step_state::refused, "no")});
    CHECK(
        w.fsm.refused(named("a"), "settled", true) ==
        saga_changes{to("a", step_state::settled_refused, "settled"), to(saga_phase::failed, "x")});
}

TEST_CASE("compensation: a late refusal of an assumed request drops its undo") {
    written w;
    w.request("r").send("a");
    (void)w.fsm.succeeded(named("a"));
    CHECK(w.fsm.fail("x") == saga_changes{to(saga_phase::compensating, "x"),
                                          to("r", step_state::assumed),
                                          to("a", step_state::undo_sent)});
    CHECK(w.fsm.refused(named("r"), "no") == saga_changes{to("r", step_state::refused, "no")});
    CHECK(w.fsm.undo_succeeded(named("a")) ==
          saga_changes{to("a", step_state::undone), to(saga_phase::failed, "x")});
}

TEST_CASE("compensation: a pivot's success makes the saga forward only") {
    written w;
    w.send("a").pivot("p");
    (void)w.fsm.succeeded(named("a"));
    (void)w.fsm.succeeded(named("p"));
    CHECK(w.fsm.is_forward_only());
    w.fsm.forget();
    CHECK(w.fsm.steps().empty());
    CHECK(w.fsm.fail("late") ==
          saga_changes{to(saga_phase::running, "fail(late) was overruled by the pivot")});
    CHECK(w.fsm.phase() == saga_phase::running);
    CHECK(w.fsm.complete() == saga_changes{to(saga_phase::completed)});
}

TEST_CASE("compensation: a refused pivot decides nothing") {
    written w;
    w.send("a").pivot("p");
    (void)w.fsm.succeeded(named("a"));
    (void)w.fsm.refused(named("p"), "no");
    CHECK_FALSE(w.fsm.is_forward_only());
    CHECK(w.fsm.fail("x") ==
          saga_changes{to(saga_phase::compensating, "x"), to("a", step_state::undo_sent)});
}

TEST_CASE("compensation: a pivot found successful while settling overrules the fail") {
    written w;
    w.send("a").send("b").pivot("p").parting("last");
    (void)w.fsm.succeeded(named("a"));
    (void)w.fsm.fail("late");
    CHECK(w.fsm.succeeded(named("p")) ==
          saga_changes{to("p", step_state::succeeded),
                       to(saga_phase::running, "the pivot has happened")});
    w.fsm.forget();
    CHECK(w.fsm.is_forward_only());
    CHECK(w.fsm.reason().empty());
    REQUIRE(w.fsm.steps().size() == 1);  // b is still being settled; the held step is gone
    CHECK(w.fsm.refused(named("b"), "settled", true) ==
          saga_changes{to("b", step_state::settled_refused, "settled")});
    CHECK(w.fsm.phase() == saga_phase::running);
}

TEST_CASE("compensation: a pivot settled as refused lets the saga unwind") {
    written w;
    w.send("a").pivot("p");
    (void)w.fsm.succeeded(named("a"));
    (void)w.fsm.fail("late");
    CHECK(w.fsm.refused(named("p"), "settled", true) ==
          saga_changes{to("p", step_state::settled_refused, "settled"),
                       to("a", step_state::undo_sent)});
}

TEST_CASE("compensation: a pivot request decides while settling and no more once undoing began") {
    written early;
    early.pivot("p", step_kind::request).send("a");
    (void)early.fsm.fail("x");
    (void)early.fsm.succeeded(named("p"));
    CHECK(early.fsm.phase() == saga_phase::running);

    written late;
    late.pivot("p", step_kind::request).send("a");
    (void)late.fsm.succeeded(named("a"));
    (void)late.fsm.fail("x");
    CHECK(late.fsm.succeeded(named("p")) == saga_changes{to("p", step_state::succeeded)});
    CHECK(late.fsm.phase() == saga_phase::compensating);
    CHECK_FALSE(late.fsm.is_forward_only());
    CHECK(late.fsm.undo_succeeded(named("a")) ==
          saga_changes{to("a", step_state::undone), to("p", step_state::undo_sent)});
}

TEST_CASE("compensation: parting steps are sent once the failure is certain, never undone") {
    written w;
    w.send("a").parting("bye");
    (void)w.fsm.fail("x");
    CHECK(w.fsm.find(named("bye"))->at == step_state::held);
    CHECK(w.fsm.succeeded(named("a")) == saga_changes{to("a", step_state::succeeded),
                                                      to("bye", step_state::sent),
                                                      to("a", step_state::undo_sent)});
    CHECK(w.fsm.succeeded(named("bye")) == saga_changes{to("bye", step_state::succeeded)});
    CHECK(w.fsm.undo_succeeded(named("a")) ==
          saga_changes{to("a", step_state::undone), to(saga_phase::failed, "x")});
}

TEST_CASE("compensation: a refused undo is stuck until an operator sends it again") {
    written w;
    w.send("a").send("b");
    (void)w.fsm.succeeded(named("a"));
    (void)w.fsm.succeeded(named("b"));
    (void)w.fsm.fail("x");
    CHECK(w.fsm.undo_refused(named("b"), "closed") ==
          saga_changes{to("b", step_state::undo_refused, "closed"),
                       to(saga_phase::stuck, "undo undo_b was refused: closed")});
    CHECK(w.fsm.fail("again") == nothing);
    CHECK(w.fsm.complete() == nothing);
    CHECK(w.fsm.undo_succeeded(named("b")) == nothing);
    CHECK(w.fsm.resume(false, "ann") ==
          saga_changes{to(saga_phase::compensating, "ann"), to("b", step_state::undo_sent)});
    CHECK(w.fsm.reason() == "x");
    CHECK(w.fsm.undo_succeeded(named("b")) ==
          saga_changes{to("b", step_state::undone), to("a", step_state::undo_sent)});
}

TEST_CASE("compensation: an operator passes over a refused undo") {
    written w;
    w.send("a");
    (void)w.fsm.succeeded(named("a"));
    (void)w.fsm.fail("x");
    (void)w.fsm.undo_refused(named("a"), "closed");
    CHECK(w.fsm.resume(true, "ann") == saga_changes{to(saga_phase::compensating, "ann"),
                                                    to("a", step_state::undone),
                                                    to(saga_phase::failed, "x")});
}

TEST_CASE("compensation: an operator settles again, passes over a lost undo, never doubles one") {
    written w;
    w.send("a");
    (void)w.fsm.fail("x");
    CHECK(w.fsm.resume(false, "ann") ==
          saga_changes{to(saga_phase::compensating, "ann"), to("a", step_state::settling)});
    CHECK(w.fsm.resume(true, "ann") == nothing);
    (void)w.fsm.succeeded(named("a"));
    CHECK(w.fsm.resume(false, "ann") == nothing);
    CHECK(w.fsm.resume(true, "ann") == saga_changes{to(saga_phase::compensating, "ann"),
                                                    to("a", step_state::undone),
                                                    to(saga_phase::failed, "x")});
}

TEST_CASE("compensation: an ended saga never changes") {
    for (const bool is_completed : {true, false}) {
        written w;
        w.send("a");
        if (is_completed) {
            CHECK(w.fsm.complete() == saga_changes{to(saga_phase::completed)});
        } else {
            (void)w.fsm.refused(named("a"), "no");
            (void)w.fsm.fail("x");
        }
        const auto phase = w.fsm.phase();
        REQUIRE(is_final(phase));
        CHECK(w.fsm.succeeded(named("a")) == nothing);
        CHECK(w.fsm.refused(named("a"), "no") == nothing);
        CHECK(w.fsm.fail("y") == nothing);
        CHECK(w.fsm.complete() == nothing);
        CHECK(w.fsm.undo_succeeded(named("a")) == nothing);
        CHECK(w.fsm.undo_refused(named("a"), "no") == nothing);
        CHECK(w.fsm.resume(false, "ann") == nothing);
        CHECK(w.fsm.resume(true, "ann") == nothing);
        w.fsm.apply(to(saga_phase::running));
        CHECK(w.fsm.phase() == phase);
        w.fsm.forget();
        CHECK(w.fsm.steps().empty());
    }
}

TEST_CASE("compensation: fail and complete mean nothing while compensating") {
    written w;
    w.send("a");
    (void)w.fsm.fail("x");
    CHECK(w.fsm.fail("y") == nothing);
    CHECK(w.fsm.complete() == nothing);
    CHECK(w.fsm.reason() == "x");
}

TEST_CASE("compensation: applying the changes gives the same machine") {
    written original;
    written copy;
    const auto carry = [&](const saga_changes& changes) {
        for (const auto& one : changes) copy.fsm.apply(one);
        original.fsm.forget();
        copy.fsm.forget();
        REQUIRE(copy.fsm.phase() == original.fsm.phase());
        REQUIRE(copy.fsm.reason() == original.fsm.reason());
        REQUIRE(copy.fsm.is_forward_only() == original.fsm.is_forward_only());
        REQUIRE(copy.fsm.steps() == original.fsm.steps());
    };
    for (auto* w : {&original, &copy}) w->send("a").request("r").pivot("p").parting("bye");
    carry(original.fsm.succeeded(named("a")));
    carry(original.fsm.fail("x"));
    carry(original.fsm.refused(named("p"), "settled", true));
    carry(original.fsm.undo_refused(named("r"), "no"));
    carry(original.fsm.resume(false, "ann"));
    carry(original.fsm.undo_succeeded(named("r")));
    carry(original.fsm.undo_succeeded(named("a")));
    CHECK(original.fsm.phase() == saga_phase::failed);
}

TEST_CASE("compensation: work is found by the effect that does it") {
    written w;
    w.send("a");
    CHECK(w.fsm.find_work(message_id{}) == nullptr);
    w.fsm.work_is(named("a"), named("undo of a"));
    REQUIRE(w.fsm.find_work(named("undo of a")) != nullptr);
    CHECK(w.fsm.find_work(named("undo of a"))->step.name == "a");
}
