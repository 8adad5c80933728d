#include "tidemark/runtime/bus_command.hpp"

#include "tidemark/core/time_text.hpp"
#include "tidemark/eventbus/headers.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

using namespace tidemark;

namespace {

const message_id command = message_id::derive({"command"});
const message_id ask = message_id::derive({"ask"});

bus_command sample() {
    bus_command out;
    out.from = {command, ask, "shop.commands.replies.a",
                trace_context{message_id::derive({"order"}), message_id::derive({"cause"}),
                              "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}};
    out.stream = stream_id{"order", "17"};
    out.message = {"order.ship.v1", R"({"tracking":"T-1"})"};
    out.deadline = parse_instant("2026-01-02T03:04:05.000006Z");
    out.expected = version{3};
    return out;
}

void set(bus_message& message, std::string_view name, const std::string& value) {
    std::erase_if(message.headers, [&](const auto& each) { return each.name == name; });
    if (value != "-") message.headers.push_back({std::string{name}, value});
}

/// Why the message is no command; empty if it is one.
std::string fault_of(bus_message message) {
    auto from = address_of(message, "shop.commands.replies");
    if (!from) return from.error().message();
    auto read = command_from(message, std::move(*from));
    return read ? "" : read.error().message();
}

}  // namespace

TEST_CASE("bus command: what is asked is read as it was written") {
    auto message = message_of(sample(), "shop.commands");
    CHECK(message.topic == "shop.commands");
    CHECK(message.key == "order-17");
    auto from = address_of(message, "shop.commands.replies");
    REQUIRE(from.has_value());
    const auto read = command_from(message, *from);
    REQUIRE(read.has_value());
    CHECK(*read == sample());
}

TEST_CASE("bus command: what is missing or wrong is named") {
    struct row {
        std::string_view header;
        std::string value;
    };
    const row rows[] = {{bus_header::command_id, "-"},
                        {bus_header::command_id, "17"},
                        {bus_header::ask, "-"},
                        {bus_header::reply_to, "-"},
                        {bus_header::reply_to, "shop.events"},
                        {bus_header::reply_to, "shop.commands.repliesofmine"},
                        {bus_header::reply_to, "shop.commands.replies.a b"},
                        {bus_header::reply_to, "shop.commands.replies." + std::string(250, 'x')},
                        {bus_header::stream, "-"},
                        {bus_header::stream, "order"},
                        {bus_header::name, "-"},
                        {bus_header::name, "order.\xff"},
                        {bus_header::name, std::string(256, 'n')},
                        {bus_header::deadline, "tomorrow"},
                        {bus_header::expected_version, "-1"},
                        {bus_header::content_type, "application/xml"}};
    for (const auto& [header, value] : rows) {
        CAPTURE(header);
        CAPTURE(value);
        auto message = message_of(sample(), "shop.commands");
        set(message, header, value);
        CHECK(fault_of(message).find(header) != std::string::npos);
    }
    auto message = message_of(sample(), "shop.commands");
    message.key = "order-18";
    CHECK(fault_of(message).find("order-17") != std::string::npos);
}

TEST_CASE("bus command: a deadline, an expected version and a trace may be absent") {
    auto message = message_of(sample(), "shop.commands");
    for (const auto name :
         {bus_header::deadline, bus_header::expected_version, bus_header::correlation,
          bus_header::causation, bus_header::traceparent, bus_header::content_type}) {
        set(message, name, "-");
    }
    auto from = address_of(message, "shop.commands.replies");
    REQUIRE(from.has_value());
    CHECK(from->trace.correlation == command);
    CHECK(from->trace.causation.is_none());
    const auto read = command_from(message, *from);
    REQUIRE(read.has_value());
    CHECK(!read->deadline);
    CHECK(!read->expected);
}

TEST_CASE("bus command: a reply says what was stored, to whom it is owed") {
    answer first;
    first.stream = stream_id{"order", "17"};
    first.first_version = version{3};
    first.last_version = version{4};
    first.position = position{99};
    const auto message = message_of(reply_of(first, true), sample().from);
    CHECK(message.topic == "shop.commands.replies.a");
    CHECK(find_header(message, bus_header::ask) == ask.to_string());
    CHECK(find_header(message, bus_header::command_id) == command.to_string());
    CHECK(find_header(message, bus_header::correlation) ==
          sample().from.trace.correlation.to_string());
    const auto read = reply_from(message);
    REQUIRE(read.has_value());
    CHECK(*read == reply_of(first, true));
    const auto told = outcome_of(*read, command);
    REQUIRE(told.is_committed());
    CHECK(told.is_repeated());
    CHECK(told.receipt() == receipt{version{4}, position{99}});
}

TEST_CASE("bus command: refusals and errors arrive as they were told") {
    answer first;
    first.outcome = answer::kind::refused;
    first.reason = "not_confirmed";
    first.message = "pay first";
    const auto refused = outcome_of(*reply_from(message_of(reply_of(first, false), {})), command);
    REQUIRE(refused.is_refused());
    CHECK(refused.rejection() == refusal{"not_confirmed", "pay first"});

    const error why{errc::key_reused, "used before"};
    const auto failed = outcome_of(*reply_from(message_of(reply_of(why), {})), command);
    REQUIRE(failed.is_error());
    CHECK(failed.error() == why);
}

TEST_CASE("bus command: expired, and what this library does not know, is unknown") {
    bus_reply late = reply_of(error{errc::timed_out, "too late"});
    late.kind = reply_kind::expired;
    CHECK(outcome_of(late, command).error().code() == errc::unknown_outcome);
    bus_reply foreign;
    foreign.code = "from_the_future";
    CHECK(outcome_of(foreign, command).error().code() == errc::unknown_outcome);
}

TEST_CASE("bus command: a message that is no reply is said to be none") {
    auto message = message_of(reply_of(error{errc::timed_out, "late"}), sample().from);
    auto other = message;
    set(other, bus_header::outcome, "perhaps");
    CHECK(!reply_from(other).has_value());
    message.payload = "{";
    CHECK(!reply_from(message).has_value());
}

TEST_CASE("bus command: bytes that are not UTF-8 do not keep a reply from being written") {
    const auto message = message_of(reply_of(error{errc::io_error, "bad \xff byte"}), {});
    CHECK(outcome_of(*reply_from(message), command).error().message() == "bad \\xff byte");
}
