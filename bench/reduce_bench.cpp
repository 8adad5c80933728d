/// Decide and evolve in memory: an account's deposit through `reduce`, folding, and the limit, the
/// same rule written by hand on plain structs.

#include "tidemark/examples/bank/account.hpp"

#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

namespace {

using bank::account;
using bank::money;

tidemark::context a_context() {
    tidemark::context out;
    out.stream = tidemark::stream_id{"account", "ada"};
    return out;
}

void reduce_deposit(benchmark::State& state) {
    account::state s{"ada", money{0}};
    const account::command command = account::deposit{money{1}};
    const auto given = a_context();
    for (auto _ : state) {
        auto decided = tidemark::reduce<account>(s, command, given);
        benchmark::DoNotOptimize(decided);
        benchmark::DoNotOptimize(s);
    }
}
BENCHMARK(reduce_deposit)->Name("reduce/deposit");

struct plain_account {
    bool is_open = true;
    std::int64_t balance = 0;
};

/// Not inlined, as the rule of an aggregate is not.
[[gnu::noinline]] bool deposit_by_hand(plain_account& s, std::int64_t amount) {
    if (!s.is_open) return false;
    return !__builtin_add_overflow(s.balance, amount, &s.balance);
}

void reduce_by_hand(benchmark::State& state) {
    plain_account s;
    for (auto _ : state) {
        auto is_done = deposit_by_hand(s, 1);
        benchmark::DoNotOptimize(is_done);
        benchmark::DoNotOptimize(s);
    }
}
BENCHMARK(reduce_by_hand)->Name("reduce/deposit/limit");

void fold_events(benchmark::State& state) {
    std::vector<account::event> events;
    events.emplace_back(account::opened{"ada"});
    for (int i = 1; i < 1000; ++i) events.emplace_back(account::deposited{money{1}});
    for (auto _ : state) {
        auto s = tidemark::fold<account>(events);
        benchmark::DoNotOptimize(s);
    }
    state.SetItemsProcessed(state.iterations() * 1000);
}
BENCHMARK(fold_events)->Name("reduce/fold_1000");

}  // namespace

BENCHMARK_MAIN();
