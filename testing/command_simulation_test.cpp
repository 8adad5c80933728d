// Commands over a bus, a database and processes that go wrong: each takes effect at most once, and
// whoever was answered was told the truth.
#include "tidemark/async/spawn.hpp"
#include "tidemark/observability/log.hpp"
#include "tidemark/runtime/test_aggregates.hpp"
#include "tidemark/testing/seeds.hpp"
#include "tidemark/testing/simulated_bus.hpp"
#include "tidemark/testing/simulated_process.hpp"
#include "tidemark/testing/weak_faults.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace tidemark;
using namespace tidemark::testing;
using namespace std::chrono_literals;
using store_test::counter;

namespace {

constexpr std::size_t streams = 5;
constexpr std::size_t commands = 60;

/// One command and everything its asker was told, over all askings.
struct order {
    message_id id;
    stream_id stream;
    int amount = 0;
    /// Nobody asks for it at the moment.
    bool is_idle = true;
    std::vector<outcome> answers{};
    std::uint64_t unknown = 0;
};

/// What went wrong in a run, so that a run in which nothing did is noticed.
struct landed {
    std::uint64_t kills = 0;
    std::uint64_t repeated = 0;
    std::uint64_t unknown = 0;
    std::uint64_t expired = 0;
    std::uint64_t refused = 0;
    std::uint64_t dropped = 0;
    std::uint64_t retries = 0;
    void add(const command_server_status& of) {
        repeated += of.repeated;
        expired += of.expired;
        retries += of.retries;
    }
};

struct world {
    simulated_scheduler scheduler;
    random_source random;
    simulated_database source{scheduler, message_id::derive({"source"})};
    simulated_database target{scheduler, message_id::derive({"target"})};
    simulated_bus bus{scheduler};
    std::uint64_t lives = 0;
    std::array<std::unique_ptr<simulated_process>, 2> servers;
    std::unique_ptr<simulated_process> asker;
    bus_caller* caller = nullptr;
    std::unique_ptr<gate> asking = std::make_unique<gate>();
    std::vector<order> orders;
    landed seen;

    explicit world(std::uint64_t seed) : scheduler{{.seed = seed}}, random{scheduler.draw_seed()} {
        for (std::size_t i = 0; i < commands; ++i) {
            const auto number = std::to_string(i);
            orders.push_back({.id = message_id::derive({"order", number}),
                              .stream = stream_id{"counter", std::to_string(i % streams)},
                              .amount = static_cast<int>(2 + 2 * (i % 12))});
        }
    }
    ~world() {
        kill_asker();
        for (auto& each : servers) each.reset();
    }
    world(const world&) = delete;
    world& operator=(const world&) = delete;

    void go_wrong(bool is_wrong) {
        source.set_faults(is_wrong ? weak_storage : storage_faults{});
        bus.set_faults(is_wrong ? weak_bus : bus_faults{});
    }
    [[nodiscard]] simulated_process::options life() {
        return {.owner = "life-" + std::to_string(++lives)};
    }
    void start_server(std::size_t index) {
        const auto wiring = [](tidemark::runtime& app) {
            app.store<counter>();
            app.serve({.topic = "c",
                       .commands_max = 8,
                       .uncommitted_max = 12,
                       .deadline_max = 2s,
                       .retry = {.first = 2ms, .cap = 50ms}});
        };
        servers[index] = std::make_unique<simulated_process>(source, bus, wiring, life());
    }
    void kill_server(std::size_t index) {
        seen.add(servers[index]->runtime().servers().at(0));
        servers[index].reset();
        ++seen.kills;
    }
    void start_asker() {
        const auto wiring = [this](tidemark::runtime& app) {
            caller = &app.call_over(
                {.topic = "c", .reply_topic = "c.replies.a", .retry = {.first = 2ms, .cap = 50ms}});
        };
        asker = std::make_unique<simulated_process>(target, bus, wiring, life());
    }
    void kill_asker() {
        seen.dropped += asker->runtime().callers().at(0).dropped;
        asker->execution().kill();
        scheduler.kill({});
        asker.reset();
        asking = std::make_unique<gate>();
        for (auto& each : orders) each.is_idle = true;
    }
};

awaitable<void> ask(bus_caller& caller, order& of, duration within) {
    call how;
    how.known_as(of.id).within(within);
    auto given = encode(counter::add{of.amount});
    auto to = of.stream;
    auto told = co_await caller.ask_encoded(std::move(to), std::move(given), std::move(how));
    of.is_idle = true;
    if (told.is_error()) {
        of.unknown += told.error().code() == errc::unknown_outcome ? 1 : 0;
        CHECK_MESSAGE(told.error().is_retryable(), told.error().message());
    } else {
        of.answers.push_back(std::move(told));
    }
}

void ask_some(world& w, std::size_t most) {
    for (std::size_t i = 0; i < most; ++i) {
        auto& chosen = w.orders[w.random.below(commands)];
        if (!chosen.is_idle) continue;
        chosen.is_idle = false;
        const duration within = 20ms + 1ms * w.random.below(400);
        spawn(*w.asking, w.asker->execution().shard(0), ask(*w.caller, chosen, within));
    }
}

/// Ids of the commands that took effect, and how often, with the version of each.
struct effects {
    std::map<message_id, std::vector<recorded_event>> by_command;

    explicit effects(world& w) {
        for (std::size_t i = 0; i < streams; ++i) {
            const stream_id stream{"counter", std::to_string(i)};
            for (auto& event : w.source.log().read(stream, version{}, 1'000)) {
                by_command[event.trace.causation].push_back(std::move(event));
            }
        }
    }
};

/// True at every moment, not only at the end.
void judge(world& w) {
    const effects found{w};
    std::size_t known = 0;
    for (const auto& one : w.orders) {
        const auto place = found.by_command.find(one.id);
        const auto times = place == found.by_command.end() ? 0 : place->second.size();
        known += times == 0 ? 0 : 1;
        CHECK(times <= 1);
        for (const auto& told : one.answers) {
            CHECK(told.command() == one.id);
            CHECK(told.is_committed() == (times == 1));
            if (told.is_committed() && times == 1) {
                CHECK(told.receipt().version == place->second.front().version);
                CHECK(told.receipt().position == place->second.front().position);
            }
        }
    }
    CHECK(found.by_command.size() == known);
}

landed run_seed(std::uint64_t seed) {
    world w{seed};
    w.go_wrong(true);
    for (std::size_t i = 0; i < w.servers.size(); ++i) w.start_server(i);
    w.start_asker();
    for (std::size_t round = 0; round < 60; ++round) {
        ask_some(w, 4);
        w.scheduler.run_for(duration{static_cast<duration::rep>(w.random.below(60'000))});
        const auto fate = w.random.below(100);
        if (fate < 12) {
            w.kill_server(fate % 2);
            w.scheduler.run_for(duration{static_cast<duration::rep>(w.random.below(400'000))});
            w.start_server(fate % 2);
        }
        if (fate == 12 || fate == 13) {
            w.kill_asker();
            w.start_asker();
        }
        if (fate == 14) w.source.refuse_for(300ms);
        if (fate == 15) w.source.crash(100ms);
        judge(w);
    }
    w.go_wrong(false);
    // Who was not answered asks again, under the same id, until it is.
    const auto is_answered = [](const order& one) { return !one.answers.empty(); };
    for (std::size_t turn = 0; turn < 60; ++turn) {
        for (auto& one : w.orders) {
            if (is_answered(one) || !one.is_idle) continue;
            one.is_idle = false;
            spawn(*w.asking, w.asker->execution().shard(0), ask(*w.caller, one, 5s));
        }
        w.scheduler.run_for(1s);
        if (std::ranges::all_of(w.orders, is_answered)) break;
    }
    CHECK(std::ranges::all_of(w.orders, is_answered));
    w.scheduler.run_for(10s);  // Copies that are late.
    judge(w);
    for (auto& each : w.servers) w.seen.add(each->runtime().servers().at(0));
    w.seen.dropped += w.asker->runtime().callers().at(0).dropped;
    for (const auto& one : w.orders) {
        w.seen.unknown += one.unknown;
        for (const auto& told : one.answers) w.seen.refused += told.is_refused() ? 1 : 0;
    }
    CHECK(w.bus.messages("c.dlq").empty());
    return w.seen;
}

}  // namespace

TEST_CASE("bus commands: in every history each takes effect once and every answer is true") {
    log::set_default_level(log::level::critical);
    landed all;
    const auto tried = seeds(100);
    for (const auto seed : tried) {
        CAPTURE(seed);
        const auto one = run_seed(seed);
        all.kills += one.kills;
        all.repeated += one.repeated;
        all.unknown += one.unknown;
        all.expired += one.expired;
        all.refused += one.refused;
        all.dropped += one.dropped;
        all.retries += one.retries;
    }
    MESSAGE("servers killed ", all.kills, ", copies ", all.repeated, ", unknown ", all.unknown,
            ", expired ", all.expired, ", refused ", all.refused, ", replies dropped ", all.dropped,
            ", attempts after the first ", all.retries);
    if (tried.size() < 100) return;
    CHECK(all.kills > 0);
    CHECK(all.repeated > 0);
    CHECK(all.unknown > 0);
    CHECK(all.expired > 0);
    CHECK(all.refused > 0);
    CHECK(all.dropped > 0);
    CHECK(all.retries > 0);
}
