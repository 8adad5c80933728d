#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/async/simulated_execution.hpp"
#include "tidemark/eventstore/memory_event_store.hpp"
#include "tidemark/eventstore/postgres_database.hpp"
#include "tidemark/eventstore/postgres_event_store.hpp"
#include "tidemark/runtime/runtime.hpp"
#include "tidemark/runtime/test_aggregates.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <future>
#include <iterator>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace tidemark;
using namespace std::chrono_literals;
using store_test::asker;
using store_test::counter;

namespace {

/// The outside world as the tests see it: what was asked, with which key, and what fails.
struct outside {
    std::vector<std::string> calls;
    std::vector<std::string> keys;
    std::map<std::string, int> failures;
    std::map<std::string, duration> delays;
};

/// One simulated process over a memory store that survives it.
struct world {
    simulated_scheduler scheduler{{.seed = 7}};
    simulated_execution outlasting{scheduler};
    memory_storage events{outlasting.clock()};
    store_test::unused_bus bus;
    outside there;
    std::unique_ptr<simulated_execution> process;
    std::unique_ptr<tidemark::runtime> runtime;

    world() { boot(); }
    ~world() { crash(); }

    void boot() {
        process = std::make_unique<simulated_execution>(scheduler);
        runtime = std::make_unique<tidemark::runtime>(*process, events, bus);
        runtime->store<counter>();
        runtime->store<asker>();
        runtime->perform<asker::fetch>(
            [this](asker::fetch asked, request_context context) -> awaitable<asker::take> {
                return fetch(std::move(asked), std::move(context));
            });
        runtime->start();
    }
    void crash() {
        process->kill();
        runtime.reset();
        process.reset();
    }
    awaitable<asker::take> fetch(asker::fetch asked, request_context context) {
        there.calls.push_back(asked.what);
        there.keys.push_back(context.key.to_string());
        if (const auto slow = there.delays.find(asked.what); slow != there.delays.end()) {
            const auto waiter = process->make_timer(0);
            co_await waiter->wait(slow->second);
            there.calls.push_back("end of " + asked.what);
        }
        if (there.failures[asked.what]-- > 0) throw std::runtime_error{"no connection"};
        asker::take answer{asked.what + "!"};
        co_return answer;
    }

    template <class A, class Command, class... Fields>
    outcome call(const id<A>& to, Fields... fields) {
        auto held = runtime->store<A>();
        return run(*process, held.template execute<Command>(to, fields...));
    }
    void pass(duration span) {
        const auto waiter = process->make_timer(0);
        run(*process, waiter->wait(span));
    }
    std::vector<std::string> names(const stream_id& of) {
        auto page = run(outlasting, events.read(of, version{}, 1000));
        REQUIRE(page.has_value());
        std::vector<std::string> out;
        for (const auto& event : *page) out.push_back(event.message.name);
        return out;
    }
    std::vector<dead_letter> letters() {
        auto page = run(outlasting, events.dead_letters({}));
        REQUIRE(page.has_value());
        return *page;
    }
    /// The asker fetches all of these, in the order that the command says.
    template <class Command>
    void ask_all(std::vector<std::string> what) {
        const store_test::asker_id to{"ada"};
        REQUIRE(call<asker, Command>(to, std::move(what)));
    }
    /// When in the row of calls it came; after all of them if it did not.
    [[nodiscard]] std::ptrdiff_t at(std::string_view what) const {
        return std::ranges::find(there.calls, what) - there.calls.begin();
    }
    std::size_t pending(const stream_id& of) {
        auto page = run(outlasting, events.pending(of));
        REQUIRE(page.has_value());
        return page->size();
    }
};

const store_test::asker_id ada{"ada"};

}  // namespace

TEST_CASE("effects: a send arrives as a command and its row ends") {
    world w;
    REQUIRE(w.call<asker, asker::pass_on>(ada, std::string{"c"}, 5));
    w.pass(1s);
    CHECK(w.names(id<counter>{"c"}.stream()) == std::vector<std::string>{"counter.added.v1"});
    CHECK(w.pending(ada.stream()) == 0);
}

TEST_CASE("effects: a send that is refused has its answer and is not repeated") {
    world w;
    REQUIRE(w.call<asker, asker::pass_on>(ada, std::string{"c"}, 500));
    w.pass(60s);
    CHECK(w.names(id<counter>{"c"}.stream()).empty());
    CHECK(w.pending(ada.stream()) == 0);
    CHECK(w.letters().empty());
}

TEST_CASE("effects: a request's answer comes back as a command") {
    world w;
    REQUIRE(w.call<asker, asker::ask>(ada, std::string{"weather"}));
    w.pass(1s);
    CHECK(w.names(ada.stream()) == std::vector<std::string>{"asker.asked.v1", "asker.taken.v1"});
    CHECK(w.pending(ada.stream()) == 0);
}

TEST_CASE("effects: a failing request is tried again under the same key") {
    world w;
    w.there.failures["weather"] = 2;
    REQUIRE(w.call<asker, asker::ask>(ada, std::string{"weather"}));
    w.pass(60s);
    CHECK(w.there.calls.size() == 3);
    CHECK(std::ranges::count(w.there.keys, w.there.keys.front()) == 3);
    CHECK(w.names(ada.stream()).back() == "asker.taken.v1");
}

TEST_CASE("effects: out of attempts a request is a dead letter, and replay makes it due") {
    world w;
    w.there.failures["weather"] = 3;
    REQUIRE(w.call<asker, asker::ask>(ada, std::string{"weather"}));
    w.pass(60s);
    CHECK(w.there.calls.size() == 3);
    const auto letters = w.letters();
    REQUIRE(letters.size() == 1);
    CHECK(letters[0].error_code == "user_code_threw");
    CHECK(letters[0].error_message.find("no connection") != std::string::npos);
    auto replayed =
        run(w.outlasting, w.events.replay(letters[0].work.effect.id, {"ann", "it is back"}));
    REQUIRE(replayed.has_value());
    w.runtime->wake_effects();
    w.pass(5s);
    CHECK(w.names(ada.stream()).back() == "asker.taken.v1");
    CHECK(w.letters().empty());
}

TEST_CASE("effects: in a sequence the next one starts after the one before has ended") {
    world w;
    w.there.delays["slow"] = 500ms;
    REQUIRE(w.call<asker, asker::ask_in_order>(ada, std::string{"slow"}, std::string{"quick"}));
    w.pass(10s);
    CHECK(w.there.calls == std::vector<std::string>{"slow", "end of slow", "quick"});
}

TEST_CASE("effects: side by side they start together, and the next one after the last has ended") {
    world w;
    w.there.delays["slow"] = 500ms;
    w.ask_all<asker::ask_together>({"slow", "quick", "next"});
    w.pass(400ms);
    CHECK(w.there.calls.size() == 2);
    CHECK(w.at("quick") < 2);
    w.pass(10s);
    CHECK(w.there.calls.size() == 4);
    CHECK(w.at("end of slow") == 2);
    CHECK(w.at("next") == 3);
    CHECK(w.pending(ada.stream()) == 0);
}

TEST_CASE("effects: a sequence inside a parallel holds back only what is behind it") {
    world w;
    w.there.delays["first"] = 500ms;
    w.there.delays["beside"] = 2s;
    w.ask_all<asker::ask_nested>({"first", "second", "beside", "last"});
    w.pass(1s);
    CHECK(w.at("beside") < 2);
    CHECK(w.at("end of first") == 2);
    CHECK(w.at("second") == 3);
    CHECK(w.there.calls.size() == 4);
    w.pass(10s);
    CHECK(w.at("end of beside") == 4);
    CHECK(w.at("last") == 5);
    CHECK(w.there.calls.size() == 6);
}

TEST_CASE(
    "effects: what follows a parallel waits for a dead letter in it, and comes after replay") {
    world w;
    w.there.failures["quick"] = 3;
    w.ask_all<asker::ask_together>({"slow", "quick", "next"});
    w.pass(60s);
    const auto letters = w.letters();
    REQUIRE(letters.size() == 1);
    CHECK(w.at("next") == std::ssize(w.there.calls));
    REQUIRE(run(w.outlasting, w.events.replay(letters[0].work.effect.id, {"ann", "it is back"})));
    w.runtime->wake_effects();
    w.pass(5s);
    CHECK(w.there.calls.back() == "next");
    CHECK(w.pending(ada.stream()) == 0);
}

TEST_CASE("effects: a timer fires once, not before it is due") {
    world w;
    REQUIRE(w.call<asker, asker::remind>(ada, std::string{"tea"}, std::int64_t{3'000'000}));
    w.pass(2900ms);
    CHECK(w.names(ada.stream()).empty());
    w.pass(200ms);
    CHECK(w.names(ada.stream()) == std::vector<std::string>{"asker.rung.v1"});
    w.pass(60s);
    CHECK(w.names(ada.stream()).size() == 1);
}

TEST_CASE("effects: a cancelled timer never takes effect") {
    world w;
    REQUIRE(w.call<asker, asker::remind>(ada, std::string{"tea"}, std::int64_t{3'000'000}));
    REQUIRE(w.call<asker, asker::forget>(ada, std::string{"tea"}));
    w.pass(60s);
    CHECK(w.names(ada.stream()).empty());
}

TEST_CASE("effects: a timer set again replaces the one before") {
    world w;
    REQUIRE(w.call<asker, asker::remind>(ada, std::string{"tea"}, std::int64_t{1'000'000}));
    REQUIRE(w.call<asker, asker::remind>(ada, std::string{"tea"}, std::int64_t{5'000'000}));
    w.pass(4s);
    CHECK(w.names(ada.stream()).empty());
    w.pass(2s);
    CHECK(w.names(ada.stream()).size() == 1);
}

TEST_CASE("effects: after a crash another process takes over when the lease has run out") {
    world w;
    w.there.delays["weather"] = 1h;
    REQUIRE(w.call<asker, asker::ask>(ada, std::string{"weather"}));
    w.pass(1s);
    CHECK(w.there.calls.size() == 1);
    w.crash();
    w.there.delays.clear();
    w.boot();
    w.pass(5s);
    CHECK(w.there.calls.size() == 1);
    w.pass(8s);
    CHECK(w.there.calls.size() == 2);
    CHECK(w.there.keys[0] == w.there.keys[1]);
    CHECK(w.names(ada.stream()).back() == "asker.taken.v1");
}

TEST_CASE("effects: timers survive a crash") {
    world w;
    REQUIRE(w.call<asker, asker::remind>(ada, std::string{"tea"}, std::int64_t{3'000'000}));
    w.crash();
    w.boot();
    w.pass(4s);
    CHECK(w.names(ada.stream()) == std::vector<std::string>{"asker.rung.v1"});
}

TEST_CASE("effects: a request nobody performs is a dead letter that says so") {
    simulated_scheduler scheduler{{.seed = 1}};
    simulated_execution process{scheduler};
    memory_storage events{process.clock()};
    store_test::unused_bus bus;
    tidemark::runtime runtime{process, events, bus};
    auto askers = runtime.store<asker>();
    runtime.start();
    REQUIRE(run(process, askers.execute<asker::ask>(ada, std::string{"weather"})));
    const auto waiter = process.make_timer(0);
    run(process, waiter->wait(1s));
    auto letters = run(process, events.dead_letters({}));
    REQUIRE(letters.has_value());
    REQUIRE(letters->size() == 1);
    CHECK(letters->front().error_message.find("asker.fetch.v1") != std::string::npos);
    process.kill();
}

namespace {

/// Short, so that the test is; nobody may need longer than this to renew it.
constexpr duration short_lease = 2s;

awaitable<asker::take> tell_and_hang(execution& on, int told, std::string key) {
    if (::write(told, key.data(), key.size()) != static_cast<ssize_t>(key.size())) ::_exit(1);
    const auto waiter = on.make_timer(0);
    co_await waiter->wait(1h);
    asker::take never{};
    co_return never;
}

awaitable<asker::take> tell_and_answer(std::promise<std::string>& told, std::string key) {
    told.set_value(std::move(key));
    asker::take answer{"sunny"};
    co_return answer;
}

/// A process of its own, whose provider tells by which key it was asked and never answers.
[[noreturn]] void ask_and_hang(const postgres_options& database, int told) {
    io world{{.shards = 1}};
    const auto events = postgres_storage::open(database);
    if (!events) ::_exit(1);
    store_test::unused_bus bus;
    tidemark::runtime app{world, **events, bus, {.lease = short_lease}};
    const auto askers = app.store<asker>();
    app.perform<asker::fetch>([&world, told](asker::fetch, const request_context& context) {
        return tell_and_hang(world, told, context.key.to_string());
    });
    app.start();
    if (!run(world, askers.execute<asker::ask>(ada, std::string{"weather"}))) ::_exit(1);
    for (;;) ::pause();
}

/// Kills such a process once its provider was asked; the key.
std::string ask_and_kill(const postgres_options& database) {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    const auto child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        ::close(ends[0]);
        ask_and_hang(database, ends[1]);
    }
    ::close(ends[1]);
    std::string key(message_id{}.to_string().size(), ' ');
    const auto got = ::read(ends[0], key.data(), key.size());
    ::kill(child, SIGKILL);
    int ended = 0;
    ::waitpid(child, &ended, 0);
    ::close(ends[0]);
    REQUIRE(got == static_cast<ssize_t>(key.size()));
    return key;
}

}  // namespace

TEST_CASE("effects: on PostgreSQL the work of a killed process is taken over once its lease ends") {
    if (!testing::has_postgres()) return;
    const testing::postgres_database database;
    const auto key = ask_and_kill(database.options());
    const auto killed = std::chrono::steady_clock::now();

    io world{{.shards = 1}};
    const auto events = postgres_storage::open(database.options()).value();
    store_test::unused_bus bus;
    tidemark::runtime app{world, *events, bus, {.lease = short_lease}};
    app.store<asker>();
    std::promise<std::string> told;
    app.perform<asker::fetch>([&told](asker::fetch, const request_context& context) {
        return tell_and_answer(told, context.key.to_string());
    });
    app.start();
    auto asked = told.get_future();
    REQUIRE(asked.wait_for(60s) == std::future_status::ready);
    CHECK(asked.get() == key);
    // The lease, and a second until somebody looks; the rest is for a busy machine.
    CHECK(std::chrono::steady_clock::now() - killed < short_lease + 20s);
    CHECK(run(world, app.drain()).is_complete);
    const auto stream = run(world, events->read(ada.stream(), version{}, 10)).value();
    REQUIRE(stream.size() == 2);
    CHECK(stream.back().message.name == "asker.taken.v1");
}
