#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/eventbus/memory_event_bus.hpp"
#include "tidemark/eventstore/memory_event_store.hpp"
#include "tidemark/runtime/runtime.hpp"
#include "tidemark/runtime/test_aggregates.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>

using namespace tidemark;
using namespace std::chrono_literals;
using store_test::counter;

namespace {

/// What another service makes of the counters' events.
struct sums {
    static constexpr std::string_view name = "sums.v1";
    using sources = tidemark::types<counter>;
    static void project(read_model& to, const counter::added& e, const event_context& context) {
        const auto key = context.stream.text();
        const auto known = to.get(key);
        to.put({key, std::to_string((known ? std::stoi(known->body) : 0) + e.amount), {}});
    }
    static void project(read_model& to, const counter::cleared&, const event_context& context) {
        to.erase(context.stream.text());
    }
};

/// Two services on one bus: one that counts and publishes, one that consumes.
struct neighbours {
    tidemark::io io{{.shards = 2}};
    memory_storage counting{io.clock()};
    memory_storage summing{io.clock()};
    memory_event_bus bus;
    tidemark::runtime source{io, counting, bus};
    tidemark::runtime target{io, summing, bus};
    tidemark::store<counter> counters{source.store<counter>()};

    neighbours() { source.relay({.topic = "counters"}); }
    ~neighbours() {
        CHECK(run(io, source.drain()).is_complete);
        CHECK(run(io, target.drain()).is_complete);
    }
    void add(const std::string& to, int amount) {
        const id<counter> which{to};
        REQUIRE(run(io, counters.execute<counter::add>(which, amount)));
    }
    std::string sum_of(const std::string& key) {
        const auto found = run(io, summing.find_document("sums.v1", "counter-" + key)).value();
        return found ? found->body : "";
    }
    void wait_for_sum(const std::string& key, const std::string& expected) {
        tidemark::event never;
        const auto until = io.clock().steady() + 1min;
        while (sum_of(key) != expected && io.clock().steady() < until) {
            CHECK(!run(io, never.wait_for(io, 1ms)));
        }
        CHECK(sum_of(key) == expected);
    }
};

}  // namespace

TEST_CASE("consume: the events of another service fold into documents of this one") {
    neighbours s;
    s.target.consume<sums>({.topic = "counters"});
    s.source.start();
    s.target.start();
    s.add("a", 3);
    s.add("b", 1);
    s.add("a", 4);
    s.wait_for_sum("a", "7");
    s.wait_for_sum("b", "1");
    REQUIRE(s.target.consumers().size() == 1);
    CHECK(s.target.consumers()[0].name == "sums.v1");
    CHECK(s.target.consumers()[0].group == "sums.v1");
    CHECK(s.target.consumer("sums.v1") != nullptr);
    CHECK(s.target.consumer("none") == nullptr);
}

TEST_CASE("consume: events of names and categories that it does not know are passed over") {
    neighbours s;
    s.target.consume<sums>({.topic = "counters"});
    s.source.start();
    s.target.start();
    for (const auto* stream : {"counter-unknown", "elsewhere-a"}) {
        append_request request;
        request.stream = *stream_id::parse(stream);
        request.expected = expected_version::any();
        request.events.push_back({s.io.fresh_id(), {"counter.renamed.v1", "{}"}});
        auto batch = std::make_shared<std::vector<append_request>>();
        batch->push_back(std::move(request));
        const auto told = run(s.io, s.counting.append(std::move(batch)));
        REQUIRE(std::holds_alternative<append_committed>(told.front()));
    }
    s.add("a", 2);
    s.wait_for_sum("a", "2");
    CHECK(s.target.consumers()[0].waiting_streams == 0);
}

TEST_CASE("consume: two readers of one name are refused when they are registered") {
    neighbours s;
    s.target.consume<sums>({.topic = "counters"});
    CHECK_THROWS_AS(s.target.consume<sums>({.topic = "others"}), std::logic_error);
    s.source.project<sums>();
    CHECK_THROWS_AS(s.source.consume<sums>({.topic = "counters"}), std::logic_error);
    s.source.start();
    s.target.start();
}
