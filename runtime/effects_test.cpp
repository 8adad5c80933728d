#include "tidemark/async/simulated_execution.hpp"
#include "tidemark/eventstore/memory_event_store.hpp"
#include "tidemark/runtime/runtime.hpp"
#include "tidemark/runtime/test_aggregates.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
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
