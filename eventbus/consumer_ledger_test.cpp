#include "tidemark/eventbus/consumer_ledger.hpp"

#include "tidemark/core/assert.hpp"
#include "tidemark/eventbus/headers.hpp"
#include "tidemark/eventstore/memory_models.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

using namespace tidemark;
using namespace std::chrono_literals;

namespace {

const auto here = message_id::derive({"log"});
const std::string place_of_a = consumer_records::place_key(here, stream_id{"order", "a"});

consumed_event event_of(const std::string& id, std::uint64_t at, std::string payload = "ok") {
    recorded_event event;
    event.position = position{at};
    event.stream = stream_id{"order", id};
    event.version = version{at};
    event.id = message_id::derive({id, std::to_string(at)});
    event.message = {"order.placed.v1", std::move(payload)};
    return consumed_from_log(std::move(event), here, "orders");
}

/// Appends the version to the stream's document; fails on the payloads "fail" and "malformed".
struct fixture {
    memory_models models{message_id::derive({"models"})};
    consumer_rules rules;
    bool is_mended = false;
    instant now{1h};

    fixture() {
        rules.name = "c.v1";
        rules.attempts_max = 2;
        rules.retry.spread = backoff_policy::jitter::none;
        rules.apply = [this](read_model& rows, const recorded_event& event) -> result<void> {
            const auto key = event.stream.text();
            const auto known = rows.get(key);
            const auto text = known ? known->body + " " : std::string{};
            rows.put({key, text + std::to_string(event.version.value()), {}});
            const auto& payload = event.message.payload;
            if (payload == "fail" && !is_mended) throw std::runtime_error{"it failed"};
            if (payload == "malformed") return error{errc::undecodable, "no json"};
            return {};
        };
    }

    template <class Work>
    intake change(const Work& work) {
        intake done;
        const checkpoint at = models.load_checkpoint("c.v1");
        const auto moved = models.update("c.v1", at, at, [&](read_model& rows) {
            consumer_ledger ledger{rows, rules, now, 0};
            work(ledger);
            done = ledger.close();
        });
        CAPTURE(moved.has_error());
        REQUIRE(moved.has_value());
        return done;
    }
    intake take(const std::vector<consumed_event>& batch, bool has_log = false,
                const std::set<std::string, std::less<>>& lost = {}) {
        const auto log = has_log ? std::optional{here} : std::nullopt;
        return change([&](consumer_ledger& ledger) { ledger.take(batch, log, lost); });
    }
    intake release(bool is_ordered) {
        return change(
            [&](consumer_ledger& ledger) { ledger.release(place_of_a, 100, is_ordered); });
    }
    std::string effects(const std::string& id = "a") {
        const auto found = models.find_document("c.v1", "order-" + id);
        return found ? found->body : "";
    }
    stream_place place() {
        const auto found = models.find_document("c.v1.streams", place_of_a);
        return found ? consumer_records::read_place(*found) : stream_place{};
    }
    std::size_t kept() { return models.query("c.v1.parked", {}).size(); }
};

}  // namespace

TEST_CASE("consumer ledger: every version is judged by how its stream stands") {
    using enum stream_state;
    struct row {
        stream_state state;
        std::uint64_t last;
        std::uint64_t arrived;
        version_check check;
        bool may_fetch;
        verdict expected;
    };
    const auto complete = version_check::complete;
    const row rows[] = {
        {flowing, 0, 1, complete, false, verdict::apply},
        {flowing, 4, 4, complete, true, verdict::drop},
        {flowing, 4, 5, complete, true, verdict::apply},
        {flowing, 4, 6, complete, true, verdict::fetch},
        {flowing, 4, 6, complete, false, verdict::keep},
        {flowing, 0, 7, complete, false, verdict::keep},
        {flowing, 0, 7, version_check::complete_from_first, false, verdict::apply},
        {flowing, 4, 7, version_check::complete_from_first, false, verdict::keep},
        {flowing, 4, 7, version_check::growing, false, verdict::apply},
        {flowing, 4, 3, version_check::growing, false, verdict::drop},
        {gap, 4, 5, complete, false, verdict::apply},
        {gap, 4, 6, complete, true, verdict::keep},
        {gap, 4, 4, complete, true, verdict::drop},
        {gap, 0, 7, version_check::complete_from_first, false, verdict::keep},
        {retrying, 4, 5, complete, true, verdict::keep},
        {retrying, 4, 4, complete, true, verdict::drop},
        {parked, 4, 5, complete, true, verdict::keep},
        {parked, 4, 9, version_check::growing, true, verdict::keep},
    };
    for (const auto& each : rows) {
        CAPTURE(tidemark_enum_text(each.state));
        CAPTURE(each.last);
        CAPTURE(each.arrived);
        stream_place at;
        at.state = each.state;
        at.version = each.last;
        CHECK(judge(at, version{each.arrived}, each.check, each.may_fetch) == each.expected);
    }
}

TEST_CASE("consumer ledger: what comes again takes no effect, in one batch or later") {
    fixture f;
    const auto first = f.take({event_of("a", 1), event_of("a", 1), event_of("a", 2)});
    CHECK(first.applied == 2);
    CHECK(first.duplicates == 1);
    const auto second = f.take({event_of("a", 2), event_of("b", 1), event_of("a", 3)});
    CHECK(second.applied == 2);
    CHECK(second.duplicates == 1);
    CHECK(f.effects() == "1 2 3");
    CHECK(f.effects("b") == "1");
    CHECK(f.kept() == 0);
}

TEST_CASE("consumer ledger: the same stream of another log is another stream") {
    fixture f;
    CHECK(f.take({event_of("a", 1)}).applied == 1);
    auto other = event_of("a", 1);
    other.log = message_id::derive({"another log"});
    CHECK(f.take({other}).applied == 1);
}

TEST_CASE("consumer ledger: an event that fails leaves no trace and holds up its stream only") {
    fixture f;
    const auto done =
        f.take({event_of("a", 1), event_of("a", 2, "fail"), event_of("a", 3), event_of("b", 1)});
    CHECK(done.applied == 2);
    CHECK(done.kept == 2);
    CHECK(f.effects() == "1");
    CHECK(f.effects("b") == "1");
    CHECK(f.place().state == stream_state::retrying);
    CHECK(f.place().attempts == 1);
    CHECK(f.place().due > f.now);
    CHECK(f.place().reason.find("version 2): it failed") != std::string::npos);
    CHECK(f.take({event_of("a", 3), event_of("a", 4)}).kept == 1);
    CHECK(f.place().kept == 3);
}

TEST_CASE("consumer ledger: out of attempts a stream is parked, and resumed in order") {
    fixture f;
    f.take({event_of("a", 1, "fail"), event_of("a", 2)});
    f.release(false);
    CHECK(f.place().state == stream_state::parked);
    CHECK(f.place().attempts == 2);
    f.take({event_of("a", 3)});
    f.is_mended = true;
    CHECK(f.release(true).applied == 3);
    CHECK(f.effects() == "1 2 3");
    CHECK(f.place().state == stream_state::flowing);
    CHECK(f.kept() == 0);
    CHECK(f.take({event_of("a", 4)}).applied == 1);
}

TEST_CASE("consumer ledger: an order that does not help begins the attempts anew") {
    fixture f;
    f.take({event_of("a", 1, "fail"), event_of("a", 2)});
    f.release(false);
    CHECK(f.release(true).failures == 1);
    CHECK(f.place().state == stream_state::retrying);
    CHECK(f.place().attempts == 1);
    CHECK(f.effects().empty());
}

TEST_CASE("consumer ledger: missing versions are asked of the log, otherwise waited for") {
    fixture f;
    SUBCASE("the log can be asked") {
        const auto done = f.take({event_of("a", 1), event_of("a", 4), event_of("a", 5)}, true);
        CHECK(done.applied == 1);
        CHECK(done.waiting == std::vector<std::size_t>{1, 2});
        REQUIRE(done.missing.size() == 1);
        CHECK(done.missing[0] ==
              missing_events{place_of_a, stream_id{"order", "a"}, version{1}, version{4}});
        CHECK(f.kept() == 0);
    }
    SUBCASE("the log has them not") {
        CHECK(f.take({event_of("a", 2)}, true, {place_of_a}).kept == 1);
        CHECK(f.place().state == stream_state::gap);
    }
    SUBCASE("they come later") {
        f.take({event_of("a", 1), event_of("a", 4), event_of("a", 3)});
        CHECK(f.place().state == stream_state::gap);
        CHECK(f.place().reason.find("version 2 has not come") != std::string::npos);
        CHECK(f.take({event_of("a", 2)}).applied == 3);
        CHECK(f.effects() == "1 2 3 4");
        CHECK(f.place().state == stream_state::flowing);
        CHECK(f.kept() == 0);
    }
    SUBCASE("some of them come later") {
        f.take({event_of("a", 1), event_of("a", 3), event_of("a", 5)});
        CHECK(f.take({event_of("a", 2)}).applied == 2);
        CHECK(f.place().state == stream_state::gap);
        CHECK(f.take({event_of("a", 4)}).applied == 2);
        CHECK(f.effects() == "1 2 3 4 5");
    }
}

TEST_CASE("consumer ledger: what is skipped is given up, and nothing else") {
    fixture f;
    SUBCASE("an event that failed") {
        f.take({event_of("a", 1, "fail"), event_of("a", 2), event_of("a", 3)});
        f.change([](consumer_ledger& ledger) { ledger.skip(place_of_a); });
        CHECK(f.effects() == "2 3");
    }
    SUBCASE("versions that are missing") {
        f.take({event_of("a", 1), event_of("a", 4), event_of("a", 5)});
        f.change([](consumer_ledger& ledger) { ledger.skip(place_of_a); });
        CHECK(f.effects() == "1 4 5");
    }
    CHECK(f.place().state == stream_state::flowing);
    CHECK(f.kept() == 0);
}

TEST_CASE("consumer ledger: an event that cannot be read parks its stream at once") {
    for (const auto check : {version_check::complete, version_check::growing}) {
        fixture f;
        f.rules.check = check;
        const auto done = f.take({event_of("a", 1, "malformed"), event_of("b", 1)}, true);
        CHECK(done.failures == 1);
        CHECK(done.applied == 1);
        CHECK(f.effects().empty());
        CHECK(f.place().version == 0);
        CHECK(f.place().state == stream_state::parked);
        CHECK(f.place().code == "undecodable");
        CHECK(f.take({event_of("a", 1, "malformed")}, true).kept == 0);
        // Nothing goes past it, and the log is not asked for what is here.
        const auto next = f.take({event_of("a", 2), event_of("a", 4)}, true);
        CHECK(next.kept == 2);
        CHECK(next.missing.empty());
        const auto kept = f.models.query("c.v1.parked", {});
        REQUIRE(kept.size() == 3);
        const auto content = consumer_records::read_kept(kept[0]);
        CHECK(content.message.payload == "malformed");
        CHECK(content.note.code == "undecodable");
    }
}

TEST_CASE("consumer ledger: what stands in the way is replaced by a copy that is not the same") {
    fixture f;
    std::string bad;
    SUBCASE("that can be read") { bad = "malformed"; }
    SUBCASE("that does not fail") { bad = "fail"; }
    f.take({event_of("a", 1, bad), event_of("a", 2), event_of("a", 3, bad)});
    CHECK(f.take({event_of("a", 2, "other")}).applied == 0);
    CHECK(f.take({event_of("a", 1)}).applied == 2);
    CHECK(f.effects() == "1 2");
    CHECK(f.place().version == 2);
    CHECK(f.kept() == 1);
    CHECK(f.take({event_of("a", 3)}).applied == 1);
    CHECK(f.place().state == stream_state::flowing);
    CHECK(f.kept() == 0);
}

TEST_CASE("consumer ledger: a message of any bytes can be kept") {
    fixture f;
    bus_message message;
    message.topic = "orders";
    message.key = std::string{"\0\xff", 2};
    message.payload = std::string{"\xfe\0{", 3};
    message.headers.push_back({"x", "\x80"});
    f.change([&](consumer_ledger& ledger) { ledger.refuse(message, {errc::too_large, "why"}); });
    const auto kept = f.models.query("c.v1.parked", {});
    REQUIRE(kept.size() == 1);
    CHECK(consumer_records::read_kept(kept[0]).message == message);
}

TEST_CASE("consumer ledger: what nobody takes is shelved, bounded, and does not count") {
    fixture f;
    f.rules.kept_max = 150;
    const auto refuse = [&f](int from, int to) {
        std::vector<std::string> keys;
        f.change([&](consumer_ledger& ledger) {
            for (int i = from; i < to; ++i) {
                ledger.refuse({"orders", "k", std::to_string(i), {}}, {errc::too_large, "why"});
            }
        });
        document_query asked;
        asked.index = "stream";
        asked.value = consumer_records::no_stream;
        asked.limit = 1'000;
        for (const auto& each : f.models.query("c.v1.parked", asked)) keys.push_back(each.key);
        return keys;
    };
    const auto shelve = [&f](const std::vector<std::string>& keys) {
        return f.change([&](consumer_ledger& ledger) { ledger.shelve(keys); }).forgotten;
    };
    CHECK(shelve(refuse(0, 90)) == 0);
    CHECK(f.kept() == 90);
    // They do not count: as many again have room.
    CHECK(shelve(refuse(90, 220)) == 120);
    CHECK(f.kept() == 100);
    CHECK(refuse(220, 221).size() == 1);
    f.change([](consumer_ledger& ledger) { ledger.offer_again(); });
    CHECK(refuse(0, 0).size() == 101);
}

TEST_CASE("consumer ledger: at kept_max nothing more is taken in until there is room") {
    fixture f;
    f.rules.kept_max = 2;
    f.take({event_of("a", 1, "fail"), event_of("a", 2)});
    const auto at = f.models.load_checkpoint("c.v1");
    const std::vector<consumed_event> more{event_of("b", 1), event_of("a", 3)};
    const auto full = f.models.update("c.v1", at, at, [&](read_model& rows) {
        consumer_ledger ledger{rows, f.rules, f.now, 0};
        CHECK_THROWS_AS(ledger.take(more, std::nullopt, {}), std::system_error);
        throw std::runtime_error{"full"};
    });
    CHECK(full.has_error());
    CHECK(f.effects("b").empty());
    f.is_mended = true;
    CHECK(f.release(true).applied == 2);
    CHECK(f.take(more).applied == 2);
    CHECK(f.effects() == "1 2 3");
}
