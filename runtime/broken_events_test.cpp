/// Events in the log that a program cannot read: of a name it does not know, or whose payload does
/// not fit. A projection that hears them stops or parks them, by its policy; others go on.

#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/eventstore/memory_event_store.hpp"
#include "tidemark/runtime/runtime.hpp"
#include "tidemark/runtime/test_aggregates.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace tidemark;
using store_test::asker;
using store_test::counter;

void count_up(read_model& to) {
    const auto known = to.get("heard");
    to.put({"heard", std::to_string((known ? std::stoi(known->body) : 0) + 1), {}});
}

/// Hears counters.
struct additions {
    static constexpr std::string_view name = "additions.v1";
    using sources = tidemark::types<counter>;
    static void project(read_model& to, const counter::added&, const event_context&) {
        count_up(to);
    }
    static void project(read_model&, const counter::cleared&, const event_context&) {}
};

/// Hears others.
struct questions {
    static constexpr std::string_view name = "questions.v1";
    using sources = tidemark::types<asker>;
    static void project(read_model& to, const asker::asked&, const event_context&) { count_up(to); }
    static void project(read_model&, const asker::taken&, const event_context&) {}
    static void project(read_model&, const asker::rung&, const event_context&) {}
};

struct world {
    tidemark::io io{{.shards = 1}};
    memory_storage events{io.clock()};
    store_test::unused_bus bus;
    tidemark::runtime runtime{io, events, bus};

    explicit world(projection_failure policy) {
        const projection_options options{.on_failure = policy,
                                         .attempts_max = 1,
                                         .retry_first = std::chrono::milliseconds{1},
                                         .retry_cap = std::chrono::milliseconds{1}};
        runtime.project<additions>(options);
        runtime.project<questions>(options);
    }
    ~world() { CHECK(run(io, runtime.drain()).is_complete); }

    void store(const stream_id& stream, std::string name, std::string payload) {
        append_request made{.stream = stream, .expected = expected_version::any()};
        made.events.push_back({message_id::derive({std::to_string(++stored)}),
                               {std::move(name), std::move(payload)}});
        const std::vector<append_request> batch{std::move(made)};
        const auto told =
            run(io, events.append(std::make_shared<const std::vector<append_request>>(batch)));
        REQUIRE(std::holds_alternative<append_committed>(told.at(0)));
    }
    void wait_for(const std::string& projection) {
        const auto seen =
            run(io, runtime.wait_for(projection, position{stored}, std::chrono::minutes{1}));
        REQUIRE(seen.has_value());
        REQUIRE(*seen);
    }
    std::string heard(const std::string& by) {
        const auto row = run(io, events.find_document(by, "heard"));
        REQUIRE(row.has_value());
        return row->has_value() ? (*row)->body : "0";
    }
    /// The status of that projection, once it has something to complain of.
    projection_status complaint(const std::string& of) {
        for (;;) {
            for (auto& one : runtime.projections()) {
                if (one.name == of && !one.reason.empty()) return std::move(one);
            }
        }
    }

    std::uint64_t stored = 0;
};

struct row {
    const char* what;
    std::string name;
    std::string payload;
    const char* told;
};
const row rows[] = {
    {"an unknown name", "counter.invented.v7", "{}", "counter.invented.v7"},
    {"a payload that is no JSON", "counter.added.v1", "{\"amount\":", "counter.added.v1"},
    {"a payload of another type", "counter.added.v1", R"({"amount":"x"})", "amount"},
};

/// An event that is read, the one that is not, one behind it, and one of another category.
void store_all(world& w, const row& broken) {
    w.store({"counter", "a"}, "counter.added.v1", R"({"amount":1})");
    w.store({"counter", "b"}, broken.name, broken.payload);
    w.store({"counter", "a"}, "counter.added.v1", R"({"amount":1})");
    w.store({"asker", "c"}, "asker.asked.v1", R"({"what":"it"})");
    w.runtime.start();
    w.wait_for("questions.v1");
}

}  // namespace

TEST_CASE("broken events: a projection stops there and says which one, others go on") {
    for (const auto& broken : rows) {
        CAPTURE(broken.what);
        world w{projection_failure::stop};
        store_all(w, broken);
        const auto told = w.complaint("additions.v1");
        for (const auto* part : {"position 2", "counter-b", "version 1", broken.told}) {
            CAPTURE(part);
            CHECK_MESSAGE(told.reason.find(part) != std::string::npos, told.reason);
        }
        CHECK(told.state == "retrying");
        CHECK(w.heard("additions.v1") == "1");
        CHECK(w.heard("questions.v1") == "1");
    }
}

TEST_CASE("broken events: parked with their reason they stop nobody") {
    for (const auto& broken : rows) {
        CAPTURE(broken.what);
        world w{projection_failure::park};
        store_all(w, broken);
        w.wait_for("additions.v1");
        CHECK(w.heard("additions.v1") == "2");
        const auto parked = run(
            w.io, w.events.query("additions.v1.parked", {.index = "stream", .value = "counter-b"}));
        REQUIRE(parked.has_value());
        REQUIRE(parked->size() == 1);
        CHECK(parked->front().body == broken.payload);
    }
}
