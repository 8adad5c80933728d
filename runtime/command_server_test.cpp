#include "tidemark/runtime/command_server.hpp"

#include "tidemark/core/time_text.hpp"
#include "tidemark/runtime/test_commands_over_bus.hpp"

#include <map>
#include <stdexcept>

using namespace tidemark;
using namespace tidemark::command_server_test;
using namespace std::chrono_literals;

namespace {

/// Says no, for a while, to every command before it lets it through.
class busy_router final : public command_router {
  public:
    busy_router(tidemark::runtime& to, std::uint32_t times, errc why)
        : to_{to}, times_{times}, why_{why} {}
    const stream_type* type_of(std::string_view category) const override {
        return to_.type_of(category);
    }
    const erased_performer* performer_of(std::string_view name) const override {
        return to_.performer_of(name);
    }
    awaitable<command_result> deliver(stream_id to, envelope_ptr envelope) override {
        if (tried_[envelope->id]++ < times_) {
            const outcome busy{envelope->id, error{why_, "not now"}};
            co_return command_result{busy, {}, false};
        }
        co_return co_await to_.deliver(std::move(to), std::move(envelope));
    }

  private:
    tidemark::runtime& to_;
    std::uint32_t times_;
    errc why_;
    std::map<message_id, std::uint32_t> tried_;
};

}  // namespace

TEST_CASE(
    "command server: what is asked over the bus is carried out, and answered as execute does") {
    fixture f;
    f.serve();
    const auto done = f.ask<counter::add>(call{}, "a", 60);
    REQUIRE(done.is_committed());
    CHECK(done.receipt().version == version{1});
    CHECK(done.receipt().position > position{});
    CHECK(!done.is_repeated());
    const auto refused = f.ask<counter::add>(call{}, "a", 41);
    REQUIRE(refused.is_refused());
    CHECK(refused.rejection().code == "too_much");
    const auto threw = f.ask<counter::add>(call{}, "a", -1);
    REQUIRE(threw.is_error());
    CHECK(threw.error().code() == errc::user_code_threw);
    REQUIRE(f.events_of("a").size() == 1);
    CHECK(f.events_of("a")[0].trace.causation == done.command());
    CHECK(f.served().committed == 1);
    CHECK(f.served().refused == 1);
    CHECK(f.served().failed == 1);
}

TEST_CASE("command server: a command asked again takes effect once and hears the first answer") {
    fixture f;
    f.serve();
    const auto first = f.ask<counter::add>(call{}.once("k"), "a", 60);
    const auto refused = f.ask<counter::add>(call{}.once("r"), "a", 41);
    f.stop();
    f.serve();  // Another life of the same service.
    const auto again = f.ask<counter::add>(call{}.once("k"), "a", 60);
    REQUIRE(again.is_committed());
    CHECK(again.is_repeated());
    CHECK(again.receipt() == first.receipt());
    CHECK(again.command() == first.command());
    const auto still = f.ask<counter::add>(call{}.once("r"), "a", 41);
    REQUIRE(still.is_refused());
    CHECK(still.rejection() == refused.rejection());
    CHECK(f.events_of("a").size() == 1);
    CHECK(f.served().repeated == 2);
    const auto other = f.ask<counter::add>(call{}.once("k"), "a", 1);
    REQUIRE(other.is_error());
    CHECK(other.error().code() == errc::key_reused);
}

TEST_CASE("command server: copies on the topic have one effect, and each is replied to") {
    fixture f;
    const auto message = f.raw("a", 5);
    for (int i = 0; i < 3; ++i) f.publish(message);
    f.serve();
    std::map<std::string, int> payloads;
    for (const auto& each : f.read("c.replies.raw", 3)) {
        CHECK(header_of(each, bus_header::outcome) == "committed");
        CHECK(header_of(each, bus_header::ask) == header_of(message, bus_header::ask));
        ++payloads[each.payload];
    }
    CHECK(payloads.size() == 2);  // The first time, and twice "repeated".
    CHECK(f.events_of("a").size() == 1);
}

TEST_CASE("command server: commands of a stream keep the order of the topic, streams are apart") {
    fixture f;
    for (int i = 0; i < 20; ++i) {
        for (const auto* stream : {"a", "b", "c"}) f.publish(f.raw(stream, i % 5));
    }
    f.serve({.commands_max = 4, .uncommitted_max = 7});
    CHECK(f.read("c.replies.raw", 60).size() == 60);
    for (const auto* stream : {"a", "b", "c"}) {
        const auto events = f.events_of(stream);
        REQUIRE(events.size() == 20);
        for (int i = 0; i < 20; ++i) {
            const auto amount = "{\"amount\":" + std::to_string(i % 5) + "}";
            CHECK(events[static_cast<std::size_t>(i)].message.payload == amount);
        }
    }
    f.wait_until([&] { return f.bus.kept.lag("c", "c") == 0; });
}

TEST_CASE("command server: what cannot be replied to is a dead letter, and nobody waits for it") {
    fixture f;
    auto nameless = f.raw("a", 1);
    set(nameless, bus_header::command_id, "seventeen");
    auto elsewhere = f.raw("a", 1);
    set(elsewhere, bus_header::reply_to, "shop.events");
    auto nowhere = f.raw("b", 1);
    set(nowhere, bus_header::reply_to, "c.replies.nobody");
    const bus_message foreign{.topic = "c", .key = "", .payload = std::string(100, 'x')};
    for (const auto& each : {nameless, elsewhere, nowhere, foreign}) f.publish(each);
    f.serve();
    CHECK(f.ask<counter::add>(call{}, "a", 7).is_committed());
    std::map<std::string, int> codes;
    for (const auto& each : f.read("c.dlq", 4)) {
        ++codes[header_of(each, dead_letter_header::code)];
        CHECK(!header_of(each, dead_letter_header::reason).empty());
        CHECK(header_of(each, dead_letter_header::topic) == "c");
        CHECK(!each.payload.empty());
    }
    CHECK(codes == std::map<std::string, int>{{"malformed_payload", 3}, {"not_found", 1}});
    CHECK(f.events_of("a").size() == 1);
    CHECK(f.events_of("b").size() == 1);  // It was carried out; its reply is what nobody takes.
    CHECK(f.served().dead_letters == 4);
}

TEST_CASE("command server: what is asked wrongly is answered with the error, and not carried out") {
    fixture f;
    f.serve({.commands = {"counter.add.v1"}, .limits = {.bytes_max = 2'000}});
    const auto code_of = [&](std::string name, std::string payload, std::string category) {
        const encoded_message asked{std::move(name), std::move(payload)};
        return run(f.io, f.caller.ask_encoded(stream_id{category, "a"}, asked, call{}))
            .error()
            .code();
    };
    CHECK(code_of("counter.add.v1", "{\"amount\":\"one\"}", "counter") == errc::malformed_payload);
    CHECK(code_of("counter.add.v1", "{", "counter") == errc::malformed_payload);
    std::string deep = "{\"amount\":";
    for (int i = 0; i < 200; ++i) deep += "[";
    CHECK(code_of("counter.add.v1", deep, "counter") == errc::malformed_payload);
    CHECK(code_of("counter.clear.v1", "{}", "counter") == errc::unknown_message);
    CHECK(code_of("counter.add.v1", "{\"amount\":1}", "stranger") == errc::not_found);
    CHECK(code_of("counter.add.v1", std::string(3'000, ' '), "counter") == errc::too_large);
    CHECK(f.events_of("a").empty());
    CHECK(f.ask<counter::add>(call{}, "a", 7).is_committed());
}

TEST_CASE("command server: past its deadline a command is not started, but an answer is told") {
    fixture f;
    auto late = f.raw("a", 1);
    set(late, bus_header::deadline, to_text(f.io.clock().now() - 1s));
    auto done = f.raw("b", 1);
    f.publish(late);
    f.publish(done);
    set(done, bus_header::deadline, to_text(f.io.clock().now() - 1s));
    f.publish(done);
    f.serve();
    std::map<std::string, int> outcomes;
    for (const auto& each : f.read("c.replies.raw", 3)) {
        ++outcomes[header_of(each, bus_header::outcome)];
    }
    CHECK(outcomes == std::map<std::string, int>{{"committed", 2}, {"expired", 1}});
    CHECK(f.events_of("a").empty());
    CHECK(f.events_of("b").size() == 1);
}

TEST_CASE("command server: the offset waits for the confirmed reply, which a restart repeats") {
    fixture f;
    f.bus.refuses = "c.replies";
    f.bus.is_away = true;
    f.publish(f.raw("a", 3));
    f.serve();
    f.wait_until([&] { return f.bus.lost.load() >= 2; });
    CHECK(f.events_of("a").size() == 1);
    CHECK(f.bus.kept.lag("c", "c") == 1);
    f.stop();  // It leaves what it could not reply to.
    CHECK(f.bus.kept.lag("c", "c") == 1);
    f.bus.is_away = false;
    f.serve();
    const auto replies = f.read("c.replies.raw", 1);
    CHECK(header_of(replies.at(0), bus_header::outcome) == "committed");
    CHECK(replies.at(0).payload.find("\"is_repeated\":true") != std::string::npos);
    CHECK(f.events_of("a").size() == 1);
    f.wait_until([&] { return f.bus.kept.lag("c", "c") == 0; });
}

TEST_CASE("command server: what may pass is tried again, in order, and told as done") {
    for (const auto why : {errc::overloaded, errc::unavailable, errc::unknown_outcome,
                           errc::timed_out, errc::conflict}) {
        CAPTURE(to_string(why));
        fixture f;
        tidemark::runtime source{f.io, f.counting, f.bus};
        source.store<counter>();
        source.start();
        busy_router router{source, 3, why};
        command_server server{
            f.io, router, f.counting, f.bus, {.topic = "c", .retry = {.first = 1ms, .cap = 2ms}}};
        for (int i = 1; i <= 4; ++i) f.publish(f.raw("a", i));
        server.start();
        const auto replies = f.read("c.replies.raw", 4);
        REQUIRE(replies.size() == 4);
        for (const auto& each : replies) {
            CHECK(header_of(each, bus_header::outcome) == "committed");
        }
        const auto events = f.events_of("a");
        REQUIRE(events.size() == 4);
        CHECK(events[0].message.payload == "{\"amount\":1}");
        CHECK(events[3].message.payload == "{\"amount\":4}");
        run(f.io, server.stop());
        CHECK(server.status().retries == 12);
        CHECK(run(f.io, source.drain()).is_complete);
    }
}

TEST_CASE("command server: at its deadline a command that never got through is told so, once") {
    fixture f;
    tidemark::runtime source{f.io, f.counting, f.bus};
    source.store<counter>();
    source.start();
    for (const auto why : {errc::unavailable, errc::unknown_outcome}) {
        busy_router router{source, 1'000'000, why};
        command_server server{
            f.io,
            router,
            f.counting,
            f.bus,
            {.topic = "c", .deadline_max = 50ms, .retry = {.first = 1ms, .cap = 2ms}}};
        server.start();
        const auto told = f.ask<counter::add>(call{}, "a", 1);
        REQUIRE(told.is_error());
        const auto is_known = why == errc::unavailable;
        CHECK(told.error().code() == (is_known ? errc::timed_out : errc::unknown_outcome));
        run(f.io, server.stop());
        CHECK(server.status().failed == 1);
    }
    CHECK(f.events_of("a").empty());
    CHECK(run(f.io, source.drain()).is_complete);
}

TEST_CASE("command server: of two members, and over restarts, each command takes effect once") {
    fixture f;
    for (int i = 0; i < 200; ++i) f.publish(f.raw(std::to_string(i % 8), 1));
    f.serve();
    for (int i = 0; i < 3; ++i) {
        tidemark::runtime other{f.io, f.counting, f.bus};
        other.store<counter>();
        other.serve({.topic = "c"});
        other.start();
        const auto wanted = static_cast<std::size_t>(50 * (i + 1));
        f.wait_until([&] {
            std::size_t stored = 0;
            for (int each = 0; each < 8; ++each) stored += f.events_of(std::to_string(each)).size();
            return stored >= wanted;
        });
        CHECK(run(f.io, other.drain()).is_complete);
    }
    f.wait_until([&] { return f.bus.kept.lag("c", "c") == 0; });
    for (int i = 0; i < 8; ++i) CHECK(f.events_of(std::to_string(i)).size() == 25);
}

TEST_CASE("command server: while its topic is missing it says so, and opens when it comes") {
    fixture f;
    f.bus.has_no_topics = true;
    f.serve({.retry = {.first = 1ms, .cap = 5ms}});
    f.wait_until([&] { return f.served().failures_in_row > 1; });
    CHECK(f.served().reason == "there is no topic c");
    CHECK_FALSE(f.served().is_open);
    f.bus.has_no_topics = false;
    f.wait_until([&] { return f.served().is_open; });
    CHECK(f.served().failures_in_row == 0);
    CHECK(f.ask<counter::add>(call{}, "a", 5).is_committed());
}

TEST_CASE("command server: options that cannot be are refused, and a topic is served once") {
    fixture f;
    f.serve();
    CHECK_THROWS_AS(f.source->serve({.topic = "c"}), std::logic_error);
    CHECK_THROWS_AS(f.source->serve({}), std::invalid_argument);
    CHECK_THROWS_AS(f.source->serve({.topic = "d", .reply_prefix = "d"}), std::invalid_argument);
    CHECK_THROWS_AS(f.source->serve({.topic = "d", .dead_letter_topic = "d"}),
                    std::invalid_argument);
    CHECK_THROWS_AS(f.source->serve({.topic = "d", .commands_max = 0}), std::invalid_argument);
    CHECK_THROWS_AS(f.target.call_over({.topic = "d"}), std::invalid_argument);
    CHECK_THROWS_AS(f.target.call_over({.topic = "c", .reply_topic = "c.replies.b"}),
                    std::logic_error);
    CHECK(f.target.caller("c") == &f.caller);
    CHECK(f.target.caller("d") == nullptr);
    CHECK_THROWS_AS(f.target.call_over({.topic = "d", .reply_topic = "d"}), std::invalid_argument);
}
