#include "tidemark/async/io.hpp"

#include "tidemark/async/run.hpp"
#include "tidemark/async/spawn.hpp"

#include <doctest/doctest.h>

#include <array>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

using namespace tidemark;
using namespace std::chrono_literals;

namespace {

awaitable<bool> is_on(io& on, std::size_t index) { co_return on.is_on(index); }

awaitable<bool> nap(execution& on, duration span) {
    auto sleep = on.make_timer(0);
    co_return co_await sleep->wait(span);
}

awaitable<int> fail() {
    throw std::runtime_error{"broken"};
    co_return 0;
}

awaitable<void> end_other(timer& other) {
    other.cancel();
    co_return;
}

awaitable<bool> cancelled_nap(execution& on, gate& inside) {
    auto sleep = on.make_timer(0);
    spawn(inside, on.shard(0), end_other(*sleep));
    co_return co_await sleep->wait(1h);
}

awaitable<void> sleep_for_ever(execution& on) {
    auto sleep = on.make_timer(0);
    co_await sleep->wait(24h);
}

}  // namespace

TEST_CASE("io: work runs on the shard it was given to") {
    io threads{{.shards = 3}};
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(run(threads, is_on(threads, i), i));
        CHECK_FALSE(run(threads, is_on(threads, i), (i + 1) % 3));
    }
}

TEST_CASE("io: without a number there is a shard per core, at least one") {
    io threads{};
    CHECK(threads.shard_count() >= 1);
}

TEST_CASE("io: what the work throws is thrown to the caller of run") {
    io threads{{.shards = 1}};
    CHECK_THROWS_WITH(run(threads, fail()), "broken");
}

TEST_CASE("io: a timer waits at least its span of steady time") {
    io threads{{.shards = 1}};
    const auto before = threads.clock().steady();
    CHECK(run(threads, nap(threads, 2ms)));
    CHECK(threads.clock().steady() - before >= 2ms);
}

TEST_CASE("io: a cancelled timer says that its time has not passed") {
    io threads{{.shards = 1}};
    gate inside;
    CHECK_FALSE(run(threads, cancelled_nap(threads, inside)));
    run(threads, inside.close());
}

TEST_CASE("io: coroutines left at the end are unwound, across shards too") {
    auto alive = std::make_shared<int>(1);
    gate inside;
    {
        io threads{{.shards = 2}};
        spawn(inside, threads.shard(0), sleep_for_ever(threads));
        spawn(inside, threads.shard(1), sleep_for_ever(threads));
        CHECK(inside.inside() == 2);
    }
    CHECK(inside.inside() == 0);
}

TEST_CASE("io: random bits do not repeat, on any thread") {
    io threads{{.shards = 2}};
    std::set<std::uint64_t> seen;
    for (auto i = 0; i < 1000; ++i) seen.insert(threads.random().next());
    auto draw = [](io& on) -> awaitable<std::uint64_t> { co_return on.random().next(); };
    for (std::size_t i = 0; i < 200; ++i) seen.insert(run(threads, draw(threads), i % 2));
    CHECK(seen.size() == 1200);
}

TEST_CASE("io: fresh ids are distinct and grow with time") {
    io threads{{.shards = 1}};
    const auto first = threads.fresh_id();
    run(threads, nap(threads, 2ms));
    const auto second = threads.fresh_id();
    CHECK(first < second);
}

TEST_CASE("io: a stream's shard is written in stone and spread over all shards") {
    CHECK(shard_of(stream_id{"account", "ada"}, 8) == shard_of(stream_id{"account", "ada"}, 8));
    CHECK(shard_of(stream_id{"account", "ada"}, 1) == 0);
    std::array<int, 4> hits{};
    for (auto i = 0; i < 4000; ++i) {
        ++hits.at(shard_of(stream_id{"account", std::to_string(i)}, 4));
    }
    for (const auto count : hits) {
        CHECK(count > 850);
        CHECK(count < 1150);
    }
}
