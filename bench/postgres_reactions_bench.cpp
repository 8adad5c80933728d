/// What happens after an append on PostgreSQL: how soon it is seen (W7), and a saga that answers it
/// with a command to another aggregate (W8).

#include "tidemark/async/event.hpp"
#include "tidemark/async/spawn.hpp"
#include "tidemark/bench/closed_loop.hpp"
#include "tidemark/bench/latencies.hpp"
#include "tidemark/bench/postgres_world.hpp"
#include "tidemark/eventstore/subscription.hpp"
#include "tidemark/sagas/saga_type.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>

namespace reward_saga {

using bank::account;
using bank::account_id;
using bank::money;

/// One command to another aggregate, and its answer.
struct reward {
    static constexpr std::string_view category = "reward";
    using targets = tidemark::types<account>;

    struct begin {
        account_id to;
        money amount;
    };
    using input = std::variant<begin, account::deposited, tidemark::refused>;
    struct state {
        account_id to;
    };

    using steps = tidemark::steps<reward>;
    static steps react(const state&, const begin& b) {
        return tidemark::send(b.to, account::deposit{b.amount}).pivot();
    }
    static steps react(const state&, const account::deposited&) { return tidemark::complete(); }
    static steps react(const state&, const tidemark::refused& r) {
        return tidemark::fail(r.reason);
    }
    static void evolve(state& s, const begin& b) { s.to = b.to; }
    static void evolve(state&, const auto&) {}
};
using reward_id = tidemark::id<reward>;

TIDEMARK_MESSAGE(reward::begin, "reward.begin.v1", to, amount)
TIDEMARK_STATE(reward::state, "reward.state.v1", to)

}  // namespace reward_saga

namespace {

using bank::account_id;
using bench::latencies;
using bench::postgres_world;
using reward_saga::reward;
using reward_saga::reward_id;
using namespace std::chrono_literals;

/// Reads the accounts of a log behind a position and tells every event to `seen`, until it is
/// stopped.
class follower {
  public:
    follower(tidemark::io& io, tidemark::event_store& log, tidemark::position from,
             std::function<void(const tidemark::recorded_event&)> seen)
        : io_{io},
          subscription_{log, io, {.from = from, .category = "account"}},
          seen_{std::move(seen)} {
        tidemark::spawn(gate_, io.shard(0), follow(this));
    }
    ~follower() {
        subscription_.close();
        tidemark::run(io_, gate_.close());
    }

  private:
    static tidemark::awaitable<void> follow(follower* self) {
        for (;;) {
            const auto page = co_await self->subscription_.next();
            if (!page) co_return;
            for (const auto& event : page->events) self->seen_(event);
        }
    }

    tidemark::io& io_;
    tidemark::subscription subscription_;
    std::function<void(const tidemark::recorded_event&)> seen_;
    tidemark::gate gate_;
};

/// Where a log ends that may hold more than this row has made.
tidemark::position end_of(postgres_world& w) {
    return tidemark::run(w.io, w.place(1, bench::payload_of(220)));
}

using moments = std::map<std::uint64_t, latencies::clock::time_point>;

/// One append after the other with 10 ms between; when each had returned, by position.
tidemark::awaitable<void> append_slowly(postgres_world& w, std::uint64_t calls, moments& returned) {
    const auto payload = bench::payload_of(220);
    const auto timer = w.io.make_timer(0);
    for (std::uint64_t i = 0; i < calls; ++i) {
        const auto position = co_await w.place(1, payload);
        returned[position.value()] = latencies::clock::now();
        co_await timer->wait(10ms);
    }
}

/// W7: 100 appends a second; from when the append returned until a subscriber has the event, who
/// may be in another process.
void append_until_seen(benchmark::State& state) {
    postgres_world w;
    std::unique_ptr<tidemark::postgres_storage> other;
    if (state.range(0) == 1) {
        other = tidemark::postgres_storage::open({.url = w.database->url()}).value();
    }
    moments returned;
    // Of the reader alone until it has ended.
    moments seen;
    tidemark::event are_all_seen;
    const auto calls = bench::calls_of(200);
    {
        const follower reader{w.io, other ? *other : *w.events, end_of(w),
                              [&](const tidemark::recorded_event& event) {
                                  seen[event.position.value()] = latencies::clock::now();
                                  if (seen.size() == calls) are_all_seen.notify();
                              }};
        for (auto _ : state) tidemark::run(w.io, append_slowly(w, calls, returned));
        tidemark::run(w.io, are_all_seen.wait());
    }
    latencies took{1};
    for (const auto& [position, at] : returned) {
        took.add(0, std::max(seen.at(position) - at, latencies::clock::duration{}));
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(calls));
    took.tell(state);
}
BENCHMARK(append_until_seen)->Name("postgres/W7_same")->Arg(0)->UseRealTime()->Iterations(1);
BENCHMARK(append_until_seen)->Name("postgres/W7_other")->Arg(1)->UseRealTime()->Iterations(1);

/// W8: each client begins a saga and waits until the account it sends a command to has the money;
/// each client has its account.
void reward_until_paid(benchmark::State& state) {
    postgres_world w{[](tidemark::runtime& on) { on.store<reward>(); }};
    const auto clients = static_cast<std::uint64_t>(state.range(0));
    w.open_accounts(clients);
    std::deque<tidemark::event> paid(clients);
    const follower reader{w.io, *w.events, end_of(w), [&](const tidemark::recorded_event& event) {
                              if (event.message.name != "account.deposited.v1") return;
                              const std::string id{event.stream.id()};
                              paid[std::stoul(id.substr(id.find('.') + 1))].notify();
                          }};
    struct client {
        static tidemark::awaitable<void> begin(postgres_world& w, std::uint64_t number,
                                               tidemark::event& paid) {
            auto rewards = w.runtime->store<reward>();
            const reward_id id{w.io.fresh_id().to_string()};
            const auto to = w.account(number);
            const bank::money amount{1};
            const auto told = co_await rewards.execute<reward::begin>(id, to, amount);
            if (!told) throw std::runtime_error{told.reason()};
            co_await paid.wait();
        }
    };
    latencies took{clients};
    auto once = [&](std::uint64_t number) {
        return took.timed(number, client::begin(w, number, paid[number]));
    };
    const auto calls = bench::calls_of(4'000);
    for (auto _ : state) bench::closed_loop(w.io, clients, calls, once);
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(calls));
    took.tell(state);
}
BENCHMARK(reward_until_paid)->Name("postgres/W8_C16")->Arg(16)->UseRealTime()->Iterations(1);
BENCHMARK(reward_until_paid)->Name("postgres/W8_C128")->Arg(128)->UseRealTime()->Iterations(1);

}  // namespace

BENCHMARK_MAIN();
