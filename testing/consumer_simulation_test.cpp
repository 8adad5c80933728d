// A relay and two consumers over a bus, a database and processes that go wrong: every committed
// event takes effect exactly once, in the order of its stream.
#include "tidemark/eventbus/bus_consumer.hpp"
#include "tidemark/eventbus/relay.hpp"
#include "tidemark/testing/seeds.hpp"
#include "tidemark/testing/simulated_bus.hpp"
#include "tidemark/testing/simulated_storage.hpp"
#include "tidemark/testing/weak_faults.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace tidemark;
using namespace tidemark::testing;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t streams = 7;
constexpr std::size_t commits = 120;

/// What went wrong in a run, so that a run in which nothing did is noticed.
struct landed {
    std::uint64_t duplicates = 0;
    std::uint64_t rebalances = 0;
    std::uint64_t kills = 0;
    std::uint64_t failures = 0;
    std::uint64_t fetched = 0;
    void add(const consumer_status& of) {
        duplicates += of.duplicates;
        rebalances += of.rebalances;
        failures += of.failures;
        fetched += of.fetched;
    }
};

/// The services of the source and of the target have a database each; the target's may be asked to
/// reach the source's log.
struct world {
    simulated_scheduler scheduler;
    random_source random;
    simulated_database source{scheduler, message_id::derive({"source"})};
    simulated_database target{scheduler, message_id::derive({"target"})};
    simulated_bus bus{scheduler};
    bool reaches_log;
    /// Chance that the effect of an event throws.
    double clumsiness = 0.03;
    landed seen;

    explicit world(std::uint64_t seed)
        : scheduler{{.seed = seed}}, random{scheduler.draw_seed()}, reaches_log{seed % 2 == 0} {}
    void go_wrong(bool is_wrong) {
        source.set_faults(is_wrong ? weak_storage : storage_faults{});
        target.set_faults(is_wrong ? weak_storage : storage_faults{});
        bus.set_faults(is_wrong ? weak_bus : bus_faults{});
        clumsiness = is_wrong ? 0.03 : 0;
    }
    void append(std::size_t number) {
        append_request request;
        request.stream = stream_id{"order", std::to_string(random.below(streams))};
        request.expected = expected_version::any();
        request.events.push_back(
            {message_id::derive({std::to_string(number)}), {"order.placed.v1", "{}"}});
        auto batch = std::make_shared<std::vector<append_request>>();
        batch->push_back(std::move(request));
        source.append({std::move(batch), {0}}, [](const std::vector<append_outcome>& told) {
            REQUIRE(std::holds_alternative<append_committed>(told.front()));
        });
    }
};

/// One life of a process; its end is a crash.
template <class Loop>
class life {
  public:
    template <class Start>
    life(world& in, const Start& start)
        : process_{in.scheduler}, target_{in.target, process_}, source_{in.source, process_} {
        loop_ = start(process_, target_, source_);
        loop_->start();
    }
    life(const life&) = delete;
    life& operator=(const life&) = delete;
    ~life() {
        process_.kill();
        process_.scheduler().kill({});
    }
    Loop& loop() { return *loop_; }

  private:
    simulated_execution process_;
    simulated_storage target_;
    simulated_storage source_;
    std::unique_ptr<Loop> loop_;
};

std::unique_ptr<life<relay>> start_relay(world& in) {
    return std::make_unique<life<relay>>(in, [&](auto& process, auto&, auto& source) {
        relay_options options;
        options.topic = "orders";
        options.batch_max = 8;
        options.poll_interval = 20ms;
        options.retry = {.first = 5ms, .cap = 50ms};
        return std::make_unique<relay>(process, source, source, in.bus, options);
    });
}

/// The body lists the versions that took effect.
result<void> list_version(world& in, read_model& rows, const recorded_event& event) {
    const auto known = rows.get(event.stream.text());
    const auto before = known ? known->body + "," : std::string{};
    rows.put({event.stream.text(), before + std::to_string(event.version.value()), {}});
    if (in.clumsiness > 0 && in.random.unit() < in.clumsiness) throw std::runtime_error{"oops"};
    return {};
}

std::unique_ptr<life<bus_consumer>> start_consumer(world& in) {
    return std::make_unique<life<bus_consumer>>(in, [&](auto& process, auto& target, auto& source) {
        consumer_options options;
        options.name = "board.v1";
        options.topic = "orders";
        options.batch_max = 6;
        options.attempts_max = 1'000;
        options.poll_interval = 20ms;
        options.retry = {.first = 5ms, .cap = 50ms};
        options.log = in.reaches_log ? &source : nullptr;
        options.apply = [&in](read_model& rows, const recorded_event& event) {
            return list_version(in, rows, event);
        };
        return std::make_unique<bus_consumer>(process, target, in.bus, std::move(options));
    });
}

std::string counted_to(std::uint64_t last) {
    std::string out;
    for (std::uint64_t i = 1; i <= last; ++i) out += (i > 1 ? "," : "") + std::to_string(i);
    return out;
}

bool is_complete(world& in) {
    for (std::size_t i = 0; i < streams; ++i) {
        const stream_id stream{"order", std::to_string(i)};
        const auto events = in.source.log().read(stream, version{}, 1'000);
        const auto doc = in.target.models().find_document("board.v1", stream.text());
        if ((doc ? doc->body : "") != counted_to(events.size())) return false;
    }
    return true;
}

/// What took effect so far is a beginning of each stream: never wrong, not even for a moment.
bool is_beginning(world& in) {
    for (std::size_t i = 0; i < streams; ++i) {
        const stream_id stream{"order", std::to_string(i)};
        const auto events = in.source.log().read(stream, version{}, 1'000);
        const auto doc = in.target.models().find_document("board.v1", stream.text());
        if (doc && !counted_to(events.size()).starts_with(doc->body)) return false;
    }
    return true;
}

landed run_seed(std::uint64_t seed) {
    world w{seed};
    w.go_wrong(true);
    auto carrier = start_relay(w);
    std::unique_ptr<life<bus_consumer>> members[] = {start_consumer(w), start_consumer(w)};
    const auto renew = [&](std::unique_ptr<life<bus_consumer>>& member) {
        w.seen.add(member->loop().status());
        member.reset();
        ++w.seen.kills;
        member = start_consumer(w);
    };
    for (std::size_t i = 0; i < commits; ++i) {
        w.append(i);
        w.scheduler.run_for(duration{static_cast<duration::rep>(w.random.below(20'000))});
        const auto fate = w.random.below(100);
        if (fate < 6) renew(members[fate % 2]);
        if (fate == 6) {
            carrier.reset();
            carrier = start_relay(w);
        }
        if (fate == 7) w.target.refuse_for(300ms);
        if (fate == 8) w.target.crash(100ms);
        CHECK(is_beginning(w));
    }
    w.go_wrong(false);
    const auto is_done = [&] { return w.source.unfinished() == 0 && is_complete(w); };
    const auto end = w.scheduler.run_until(is_done, 60s);
    CHECK(end == run_end::reached);
    CHECK(w.target.models().query("board.v1.parked", {}).empty());
    for (auto& member : members) w.seen.add(member->loop().status());
    return w.seen;
}

}  // namespace

TEST_CASE("bus consumer: in every history each committed event takes effect once, in order") {
    landed all;
    const auto tried = seeds(200);
    for (const auto seed : tried) {
        CAPTURE(seed);
        const auto one = run_seed(seed);
        all.duplicates += one.duplicates;
        all.rebalances += one.rebalances;
        all.kills += one.kills;
        all.failures += one.failures;
        all.fetched += one.fetched;
    }
    MESSAGE("duplicates ", all.duplicates, ", rebalances ", all.rebalances, ", kills ", all.kills,
            ", failed effects ", all.failures, ", fetched ", all.fetched);
    if (tried.size() < 100) return;
    CHECK(all.duplicates > 0);
    CHECK(all.rebalances > 0);
    CHECK(all.kills > 0);
    CHECK(all.failures > 0);
}
