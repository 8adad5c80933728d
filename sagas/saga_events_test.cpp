#include "tidemark/sagas/saga_events.hpp"

#include "tidemark/codec/json_codec.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace tidemark;

namespace {

const auto effect = message_id::derive({"effect"});

/// The stored bytes are these for ever, and are read back as what was written.
template <class Event>
void is_stored_as(const Event& event, std::string_view name, const std::string& payload) {
    const auto encoded = encode(event);
    CHECK(encoded.name == name);
    CHECK(encoded.payload == payload);
    auto read = decode<Event>(payload);
    REQUIRE(read.has_value());
    CHECK(*read == event);
}

const std::string shown = "\"" + effect.to_string() + "\"";
const std::string none = "\"00000000-0000-0000-0000-000000000000\"";

}  // namespace

TEST_CASE("saga events: an input keeps its bytes") {
    is_stored_as(saga_input{.name = "a.b.v1",
                            .payload = R"({"x":1})",
                            .source = "account-ada",
                            .source_version = version{7},
                            .command = effect,
                            .step = "debit",
                            .timer = "late",
                            .use = input_use::passed_over},
                 "tidemark.saga_input.v1",
                 R"({"name":"a.b.v1","payload":"{\"x\":1}","source":"account-ada",)"
                 R"("source_version":7,"command":)" +
                     shown + R"(,"step":"debit","timer":"late","use":"passed_over"})");
}

TEST_CASE("saga events: a step keeps its bytes") {
    is_stored_as(saga_step{.effect = effect,
                           .kind = step_kind::request,
                           .target = "account-ada",
                           .command = {"c.d.v1", "{}"},
                           .undo = saga_message{"u.d.v1", "{}"},
                           .is_pivot = true,
                           .is_parting = false,
                           .name = "debit",
                           .options = "{}"},
                 "tidemark.saga_step.v1",
                 R"({"effect":)" + shown +
                     R"(,"kind":"request","target":"account-ada",)"
                     R"("command":{"name":"c.d.v1","payload":"{}"},)"
                     R"("undo":{"name":"u.d.v1","payload":"{}"},"is_pivot":true,)"
                     R"("is_parting":false,"name":"debit","options":"{}"})");
}

TEST_CASE("saga events: an outcome keeps its bytes") {
    is_stored_as(saga_step_outcome{effect, step_state::undo_sent, {}, "u.d.v1", "why"},
                 "tidemark.saga_step_outcome.v1",
                 R"({"effect":)" + shown + R"(,"state":"undo_sent","work":)" + none +
                     R"(,"work_name":"u.d.v1","reason":"why"})");
}

TEST_CASE("saga events: timers and states keep their bytes") {
    is_stored_as(
        saga_timer{"late", instant{std::chrono::seconds{1}}, effect}, "tidemark.saga_timer.v1",
        R"({"name":"late","due":"1970-01-01T00:00:01.000000Z","generation":)" + shown + "}");
    is_stored_as(saga_timer{"late", std::nullopt, {}}, "tidemark.saga_timer.v1",
                 R"({"name":"late","due":null,"generation":)" + none + "}");
    is_stored_as(saga_status{saga_phase::stuck, "why"}, "tidemark.saga_status.v1",
                 R"({"state":"stuck","reason":"why"})");
}

TEST_CASE("saga events: an operator's command keeps its bytes") {
    is_stored_as(saga_resume{"ann", "reopened", true}, "tidemark.saga_resume.v1",
                 R"({"actor":"ann","reason":"reopened","skip":true})");
}
