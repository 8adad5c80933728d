#include "tidemark/async/blocking_pool.hpp"

#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/async/spawn.hpp"
#include "tidemark/core/assert.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>

using namespace tidemark;
using namespace std::chrono_literals;

namespace {

struct visit {
    bool blocked_elsewhere = false;
    bool came_home = false;
};

awaitable<visit> out_and_home(io& on) {
    auto blocking = [&on] { return !on.is_on(0); };
    const auto away = co_await on.blocking().run(blocking);
    co_return visit{away.value(), on.is_on(0)};
}

awaitable<result<std::string>> call(io& on, std::function<result<std::string>()> fn) {
    co_return co_await on.blocking().run(std::move(fn));
}

awaitable<void> block(io& on, std::shared_future<void> until, std::atomic<int>& done) {
    auto blocking = [until] { until.wait(); };
    const auto ran = co_await on.blocking().run(blocking);
    if (ran) ++done;
}

awaitable<result<void>> block_for(io& on, std::shared_future<void> until, duration span) {
    std::function<void()> blocking = [until] { until.wait(); };
    auto waiting = on.blocking().run(std::move(blocking));
    const auto answer = co_await with_timeout(on, std::move(waiting), span);
    co_return answer;
}

}  // namespace

TEST_CASE("blocking pool: the call runs elsewhere, the caller goes on at home") {
    io threads{{.shards = 1}};
    const auto seen = run(threads, out_and_home(threads));
    CHECK(seen.blocked_elsewhere);
    CHECK(seen.came_home);
}

TEST_CASE("blocking pool: results, errors and exceptions come home") {
    io threads{{.shards = 1}};
    CHECK(run(threads, call(threads, [] { return result<std::string>{"yes"}; })).value() == "yes");
    const auto refused = run(threads, call(threads, []() -> result<std::string> {
                                 return error{errc::io_error, "no disk"};
                             }));
    CHECK(refused.error() == error{errc::io_error, "no disk"});
    auto throwing = []() -> result<std::string> { throw std::runtime_error{"broken"}; };
    CHECK_THROWS_WITH(run(threads, call(threads, throwing)), "broken");
}

TEST_CASE("blocking pool: one call more than the queue holds is overloaded") {
    io threads{{.shards = 1, .blocking_threads = 1, .blocking_queue_max = 2}};
    gate inside;
    std::promise<void> release;
    const auto until = release.get_future().share();
    std::atomic<int> done = 0;
    std::promise<void> busy;
    std::function<result<std::string>()> first = [&busy, until]() -> result<std::string> {
        busy.set_value();
        until.wait();
        return std::string{};
    };
    auto holding = [](io& on, std::function<result<std::string>()> fn) -> awaitable<void> {
        const auto ended = co_await on.blocking().run(std::move(fn));
        TIDEMARK_ASSERT(ended.has_value());
    };
    spawn(inside, threads.shard(0), holding(threads, first));
    busy.get_future().wait();
    spawn(inside, threads.shard(0), block(threads, until, done));
    spawn(inside, threads.shard(0), block(threads, until, done));
    const auto third = run(threads, call(threads, [] { return result<std::string>{""}; }));
    CHECK(third.error().code() == errc::overloaded);
    release.set_value();
    run(threads, inside.close());
    CHECK(done == 2);
}

TEST_CASE("blocking pool: a caller whose time is over does not wait for the call") {
    io threads{{.shards = 1, .blocking_threads = 1}};
    std::promise<void> release;
    const auto until = release.get_future().share();
    const auto late = run(threads, block_for(threads, until, 5ms));
    CHECK(late.error().code() == errc::timed_out);
    release.set_value();
}

TEST_CASE("blocking pool: after stop it refuses") {
    io threads{{.shards = 1}};
    threads.blocking().stop();
    const auto refused = run(threads, call(threads, [] { return result<std::string>{""}; }));
    CHECK(refused.error().code() == errc::shutting_down);
}
