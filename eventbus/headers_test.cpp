#include "tidemark/eventbus/headers.hpp"

#include "tidemark/core/time_text.hpp"
#include "tidemark/eventbus/consumed_event.hpp"
#include "tidemark/eventbus/kafka_options.hpp"
#include "tidemark/eventbus/memory_event_bus.hpp"
#include "tidemark/eventbus/relay.hpp"
#include "tidemark/eventstore/limits.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <vector>

using namespace tidemark;

namespace {

const auto log_id = message_id::derive({"log"});

recorded_event deposited() {
    recorded_event event;
    event.position = position{41};
    event.stream = stream_id{"account", "ada"};
    event.version = version{3};
    event.id = message_id::derive({"event"});
    event.message = {"account.deposited.v1", R"({"amount":5})"};
    event.trace = {message_id::derive({"c"}), {}, "00-trace"};
    return event;
}

bus_message without(bus_message message, std::string_view name) {
    std::erase_if(message.headers, [name](const auto& each) { return each.name == name; });
    return message;
}

}  // namespace

TEST_CASE("bus headers: whatever can be stored is a message that a bus takes") {
    auto largest = deposited();
    largest.stream = stream_id{std::string(64, 'c'), std::string(255, 'i')};
    largest.message.name.assign(name_bytes_max, 'n');
    largest.message.payload.assign(event_bytes_max, 'x');
    largest.trace.traceparent.assign(name_bytes_max, 't');
    auto bare = publish_as_stored(largest).value();
    auto sent = addressed(std::move(bare), largest, log_id, std::string(249, 't'));
    sent.headers.push_back({std::string{bus_header::token}, "18446744073709551615"});
    add_cloud_event(sent, largest, std::string(255, '/'));
    CHECK(size_of(sent) > event_bytes_max + 1'000);
    CHECK(size_of(sent) <= kafka_options{}.message_bytes_max);
    CHECK(size_of(sent) <= memory_bus_options{}.message_bytes_max);
}

TEST_CASE("bus headers: a message is a CloudEvent in the binary mode, if it is to be") {
    auto event = deposited();
    event.recorded_at = instant{std::chrono::hours{1}};
    auto sent = addressed({}, event, log_id, "bank.events");
    const auto before = sent.headers.size();
    add_cloud_event(sent, event, "/bank");
    const auto rest =
        std::vector(sent.headers.begin() + static_cast<std::ptrdiff_t>(before), sent.headers.end());
    CHECK(rest == std::vector<bus_message::header>{{"ce_specversion", "1.0"},
                                                   {"ce_id", event.id.to_string()},
                                                   {"ce_source", "/bank"},
                                                   {"ce_type", "account.deposited.v1"},
                                                   {"ce_subject", "account-ada"},
                                                   {"ce_time", to_text(event.recorded_at)}});
    CHECK(header_value(sent, bus_header::content_type) == "application/json");
    CHECK(origin_of(sent).has_value());
}

TEST_CASE("bus headers: an event's message says where it comes from") {
    bus_message bare;
    bare.payload = "x";
    const auto sent = addressed(bare, deposited(), log_id, "bank.events");
    CHECK(sent.topic == "bank.events");
    CHECK(sent.key == "account-ada");
    CHECK(find_header(sent, "tidemark-name") == "account.deposited.v1");
    CHECK(find_header(sent, "tidemark-version") == "3");
    CHECK(find_header(sent, "tidemark-position") == "41");
    CHECK(find_header(sent, "traceparent") == "00-trace");
    CHECK(find_header(sent, "content-type") == "application/json");
    CHECK(find_header(sent, "tidemark-causation") == std::nullopt);
    const bus_origin expected{log_id, stream_id{"account", "ada"}, version{3}, position{41}};
    CHECK(origin_of(sent).value() == expected);
}

TEST_CASE("bus headers: what a mapping has set is kept") {
    bus_message mapped;
    mapped.topic = "public";
    mapped.key = "ada";
    mapped.headers.push_back({"content-type", "text/plain"});
    const auto sent = addressed(mapped, deposited(), log_id, "bank.events");
    CHECK(sent.topic == "public");
    CHECK(sent.key == "ada");
    CHECK(find_header(sent, "content-type") == "text/plain");
}

TEST_CASE("bus headers: a missing or wrong origin is an error that names the header") {
    const auto sent = addressed({}, deposited(), log_id, "bank.events");
    for (const auto name :
         {bus_header::log, bus_header::stream, bus_header::version, bus_header::position}) {
        CAPTURE(name);
        auto broken = without(sent, name);
        REQUIRE_FALSE(origin_of(broken).has_value());
        CHECK(origin_of(broken).error().message().find(name) != std::string::npos);
        broken.headers.push_back({std::string{name}, "-7"});
        const auto wrong = origin_of(broken);
        REQUIRE_FALSE(wrong.has_value());
        CHECK(wrong.error().code() == errc::malformed_payload);
        CHECK(wrong.error().message().find("-7") != std::string::npos);
    }
}
