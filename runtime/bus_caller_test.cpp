#include "tidemark/runtime/bus_caller.hpp"

#include "tidemark/runtime/test_commands_over_bus.hpp"

using namespace tidemark;
using namespace tidemark::command_server_test;
using namespace std::chrono_literals;

namespace {

/// The reply that the server would have given.
bus_message late_reply(const bus_message& asked) {
    auto from = address_of(asked, "c.replies");
    REQUIRE(from.has_value());
    answer first;
    first.first_version = first.last_version = version{1};
    return message_of(reply_of(first, false), *from);
}

}  // namespace

TEST_CASE("bus caller: without a reply the outcome is unknown, and the same id hears it later") {
    fixture f;
    const auto unknown = f.ask<counter::add>(call{}.once("k").within(30ms), "a", 5);
    REQUIRE(unknown.is_error());
    CHECK(unknown.error().code() == errc::unknown_outcome);
    CHECK(unknown.error().message().find(unknown.command().to_string()) != std::string::npos);
    f.serve();
    const auto told = f.ask<counter::add>(call{}.once("k"), "a", 5);
    REQUIRE(told.is_committed());
    CHECK(told.command() == unknown.command());
    CHECK(f.events_of("a").size() == 1);
    f.wait_until([&] { return f.target.callers().at(0).dropped >= 1; });
    CHECK(f.target.callers().at(0).waiting == 0);
}

TEST_CASE("bus caller: a late word about an earlier asking does not answer a later one") {
    fixture f;
    const auto first = f.ask<counter::add>(call{}.once("k").within(30ms), "a", 5);
    const auto asked = f.read("c", 1);
    f.publish(late_reply(asked.at(0)));
    f.wait_until([&] { return f.target.callers().at(0).dropped == 1; });
    const auto second = f.ask<counter::add>(call{}.once("k").within(30ms), "a", 5);
    CHECK(second.command() == first.command());
    REQUIRE(second.is_error());
    CHECK(second.error().code() == errc::unknown_outcome);
}

TEST_CASE("bus caller: copies of a reply and what is no reply are counted and dropped") {
    fixture f;
    f.serve();
    CHECK(f.ask<counter::add>(call{}, "a", 5).is_committed());
    const auto told = f.read("c.replies.target", 1);
    f.publish(told.at(0));
    f.publish({.topic = "c.replies.target", .key = "x", .payload = "not a reply"});
    f.wait_until([&] { return f.target.callers().at(0).dropped == 2; });
    CHECK(f.ask<counter::add>(call{}, "a", 5).is_committed());
}

TEST_CASE("bus caller: while a topic is missing it says so, and asks when it comes") {
    fixture f;
    f.serve();
    f.bus.has_no_topics = true;
    tidemark::runtime another{f.io, f.nothing, f.bus};
    auto& caller = another.call_over({.topic = "c", .reply_topic = "c.replies.another"});
    another.start();
    f.wait_until([&] { return caller.status().failures_in_row > 0; });
    CHECK(caller.status().reason == "there is no topic c.replies.another");
    f.bus.has_no_topics = false;
    CHECK(run(f.io, caller.ask<counter::add>(call{}, counter_id{"a"}, 5)).is_committed());
    CHECK(caller.status().failures_in_row == 0);
    CHECK(run(f.io, another.drain()).is_complete);
}

TEST_CASE("bus caller: beyond its bound it is overloaded at once, and nothing is sent") {
    fixture f{{.outstanding_max = 1}};
    asking first{f, 1};
    f.wait_until([&] { return f.bus.kept.lag("c", "none") == 1; });
    const auto refused = f.ask<counter::add>(call{}, "a", 1);
    REQUIRE(refused.is_error());
    CHECK(refused.error().code() == errc::overloaded);
    f.serve();
    CHECK(first.wait().is_committed());
    CHECK(f.events_of("a").size() == 1);
}

TEST_CASE("bus caller: what the bus did not take was not sent; what it takes later is answered") {
    fixture f;
    f.serve();
    f.bus.refuses = "c";
    f.bus.is_away = true;
    const auto unsent = f.ask<counter::add>(call{}.within(50ms), "a", 1);
    REQUIRE(unsent.is_error());
    CHECK(unsent.error().code() == errc::timed_out);
    const auto lost = f.bus.lost.load();
    asking again{f, 2};
    f.wait_until([&] { return f.bus.lost.load() > lost; });
    f.bus.is_away = false;
    CHECK(again.wait().is_committed());
    CHECK(f.events_of("a").size() == 1);
}

TEST_CASE("bus caller: what is too large or names no stream is not sent") {
    fixture f{{.payload_bytes_max = 10}};
    const auto large = f.ask<counter::add>(call{}, "a", 1);
    REQUIRE(large.is_error());
    CHECK(large.error().code() == errc::too_large);
    const auto nameless = run(f.io, f.caller.ask_encoded(stream_id{}, encoded_message{}, call{}));
    CHECK(nameless.error().code() == errc::invalid_argument);
    CHECK(f.bus.kept.lag("c", "none") == 0);
}

TEST_CASE("bus caller: who waits when it stops hears that the outcome is unknown") {
    fixture f;
    asking one{f, 1};
    f.wait_until([&] { return f.bus.kept.lag("c", "none") == 1; });
    CHECK(run(f.io, f.target.drain()).is_complete);
    const auto told = one.wait();
    REQUIRE(told.is_error());
    CHECK(told.error().code() == errc::unknown_outcome);
    const auto after = f.ask<counter::add>(call{}, "a", 1);
    CHECK(after.error().code() == errc::shutting_down);
}
