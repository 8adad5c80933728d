#include "tidemark/async/timeout.hpp"

#include "tidemark/async/event.hpp"
#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/async/simulated_execution.hpp"

#include <doctest/doctest.h>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include <stdexcept>
#include <string>

using namespace tidemark;
using namespace std::chrono_literals;

namespace {

/// Counts itself, so that a test sees whether a coroutine was unwound.
struct presence {
    explicit presence(int& count) : count_{count} { ++count_; }
    presence(const presence&) = delete;
    presence& operator=(const presence&) = delete;
    ~presence() { --count_; }

  private:
    int& count_;
};

awaitable<int> answer_after(execution& on, duration span, int& running) {
    const presence here{running};
    auto sleep = on.make_timer(0);
    co_await sleep->wait(span);
    event never;
    const bool woken = co_await never.wait_for(on, 1us);
    co_return woken ? 0 : 42;
}

awaitable<result<int>> refuse(execution& on) {
    auto sleep = on.make_timer(0);
    co_await sleep->wait(1s);
    co_return error{errc::conflict, "lost"};
}

awaitable<void> fail(execution& on) {
    auto sleep = on.make_timer(0);
    co_await sleep->wait(1s);
    throw std::runtime_error{"broken"};
}

awaitable<void> wait_for_ever(event& never, int& running) {
    const presence here{running};
    co_await never.wait();
}

awaitable<result<int>> bounded(execution& on, duration work, duration span, int& running) {
    auto working = answer_after(on, work, running);
    co_return co_await with_timeout(on, std::move(working), span);
}

awaitable<result<void>> nested(execution& on, event& never, int& running, duration outer) {
    auto waiting = wait_for_ever(never, running);
    auto inner = with_timeout(on, std::move(waiting), 1h);
    co_return co_await with_timeout(on, std::move(inner), outer);
}

awaitable<std::string> twice(execution& on, int& running) {
    const auto first = co_await bounded(on, 10s, 1s, running);
    const auto second = co_await bounded(on, 1s, 10s, running);
    co_return std::string{first ? "in time" : "late"} + ", " + (second ? "in time" : "late");
}

struct fixture {
    simulated_scheduler world;
    simulated_execution on{world};
    int running = 0;
};

}  // namespace

TEST_CASE("timeout: an answer in time is handed on and the timer ends") {
    fixture f;
    CHECK(run(f.on, bounded(f.on, 1s, 10s, f.running)).value() == 42);
    f.world.run_until_idle();
    CHECK(f.world.elapsed() < 2s);
}

TEST_CASE("timeout: late work is cancelled, unwound and answered as timed out") {
    fixture f;
    const auto late = run(f.on, bounded(f.on, 1h, 10s, f.running));
    CHECK(late.error().code() == errc::timed_out);
    CHECK(f.running == 0);
    CHECK(f.world.elapsed() < 11s);
}

TEST_CASE("timeout: after one that ended another can be awaited") {
    fixture f;
    CHECK(run(f.on, twice(f.on, f.running)) == "late, in time");
}

TEST_CASE("timeout: a result is not wrapped again") {
    fixture f;
    const result<int> refused = run(f.on, with_timeout(f.on, refuse(f.on), 5s));
    CHECK(refused.error() == error{errc::conflict, "lost"});
}

TEST_CASE("timeout: what the work throws is thrown to the caller") {
    fixture f;
    CHECK_THROWS_WITH(run(f.on, with_timeout(f.on, fail(f.on), 5s)), "broken");
}

TEST_CASE("timeout: an event is a place where work can be cancelled") {
    fixture f;
    event never;
    const auto late = run(f.on, with_timeout(f.on, wait_for_ever(never, f.running), 5s));
    CHECK(late.error().code() == errc::timed_out);
    CHECK(f.running == 0);
}

TEST_CASE("timeout: the outer one of two ends both") {
    fixture f;
    event never;
    const auto late = run(f.on, nested(f.on, never, f.running, 3s));
    CHECK(late.error().code() == errc::timed_out);
    CHECK(f.running == 0);
    CHECK(f.world.elapsed() < 4s);
}

TEST_CASE("timeout: real shards and timers behave the same") {
    io threads{{.shards = 1}};
    int running = 0;
    event never;
    CHECK(run(threads, bounded(threads, 1ms, 60s, running)).value() == 42);
    CHECK(run(threads, bounded(threads, 60s, 2ms, running)).error().code() == errc::timed_out);
    CHECK(run(threads, nested(threads, never, running, 2ms)).error().code() == errc::timed_out);
    CHECK(running == 0);
}
