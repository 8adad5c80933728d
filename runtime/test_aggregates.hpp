#pragma once

#include "tidemark/core/core.hpp"
#include "tidemark/eventbus/event_bus.hpp"
#include "tidemark/eventstore/read_model.hpp"

#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

/// Aggregates of the runtime's own tests.
namespace store_test {

/// A bus for runtimes without a relay.
class unused_bus final : public tidemark::event_bus {
  public:
    tidemark::awaitable<std::vector<tidemark::delivery_report>> publish(
        std::vector<tidemark::bus_message> batch) override {
        co_return std::vector<tidemark::delivery_report>(batch.size());
    }
    std::unique_ptr<consumer> subscribe(std::string, std::string) override { return nullptr; }
    tidemark::awaitable<tidemark::result<void>> ensure_topic(std::string) override {
        co_return tidemark::result<void>{};
    }
    [[nodiscard]] bus_status status() const override {
        return {"none", "", false, "nothing is relayed"};
    }
};

/// Counts to 100 and can be made to throw: at negative numbers in `decide`, at 13 in `evolve`.
struct counter {
    static constexpr std::string_view category = "counter";

    struct add {
        int amount;
    };
    struct clear {};
    using command = std::variant<add, clear>;

    struct added {
        int amount;
    };
    struct cleared {};
    using event = std::variant<added, cleared>;

    struct state {
        int value;
    };

    using decision = tidemark::decision<counter>;
    static decision decide(const state& s, const add& c) {
        if (c.amount < 0) throw std::runtime_error{"negative amount"};
        if (s.value + c.amount > 100) return tidemark::reject("too_much");
        return added{c.amount};
    }
    static decision decide(const state&, const clear&) { return cleared{}; }
    static void evolve(state& s, const added& e) {
        if (e.amount == 13) throw std::runtime_error{"unlucky"};
        s.value += e.amount;
    }
    static void evolve(state& s, const cleared&) { s.value = 0; }
};
using counter_id = tidemark::id<counter>;

TIDEMARK_MESSAGE(counter::add, "counter.add.v1", amount)
TIDEMARK_MESSAGE(counter::clear, "counter.clear.v1")
TIDEMARK_MESSAGE(counter::added, "counter.added.v1", amount)
TIDEMARK_MESSAGE(counter::cleared, "counter.cleared.v1")
TIDEMARK_STATE(counter::state, "counter.state.v1", value)

/// All that was ever added to counters, in the document "sum".
struct sums {
    static constexpr std::string_view name = "sums.v1";
    using sources = tidemark::types<counter>;
    static void project(tidemark::read_model& to, const counter::added& e,
                        const tidemark::event_context&) {
        const auto known = to.get("sum");
        const auto sum = (known ? std::stoi(known->body) : 0) + e.amount;
        to.put({"sum", std::to_string(sum), {}});
    }
    static void project(tidemark::read_model&, const counter::cleared&,
                        const tidemark::event_context&) {}
};

/// Asks the outside world and other counters for things.
struct asker {
    static constexpr std::string_view category = "asker";

    struct fetch {
        std::string what;
    };
    using requests = tidemark::types<fetch>;

    struct ask {
        std::string what;
    };
    struct ask_in_order {
        std::string first;
        std::string second;
    };
    /// The first two side by side, then the third.
    struct ask_together {
        std::vector<std::string> what;
    };
    /// The first and then the second, beside them the third; then the fourth.
    struct ask_nested {
        std::vector<std::string> what;
    };
    struct pass_on {
        std::string counter;
        int amount;
    };
    struct remind {
        std::string name;
        std::int64_t after_us;
    };
    struct forget {
        std::string name;
    };
    struct take {
        std::string answer;
    };
    struct ring {
        std::string name;
    };
    using command = std::variant<ask, ask_in_order, ask_together, ask_nested, pass_on, remind,
                                 forget, take, ring>;

    struct asked {
        std::string what;
    };
    struct taken {
        std::string answer;
    };
    struct rung {
        std::string name;
    };
    using event = std::variant<asked, taken, rung>;

    struct state {
        int taken;
    };

    using decision = tidemark::decision<asker>;
    static auto fetch_of(std::string what) {
        return tidemark::request(fetch{std::move(what)}, {.retry = quickly()});
    }
    static decision decide(const state&, const ask& c) {
        return {asked{c.what}, tidemark::request(fetch{c.what}, {.retry = quickly()})};
    }
    static decision decide(const state&, const ask_in_order& c) {
        return tidemark::sequence{tidemark::request(fetch{c.first}, {.retry = quickly()}),
                                  tidemark::request(fetch{c.second}, {.retry = quickly()})};
    }
    static decision decide(const state&, const ask_together& c) {
        return tidemark::sequence{
            tidemark::parallel{fetch_of(c.what.at(0)), fetch_of(c.what.at(1))},
            fetch_of(c.what.at(2))};
    }
    static decision decide(const state&, const ask_nested& c) {
        const tidemark::sequence in_order{fetch_of(c.what.at(0)), fetch_of(c.what.at(1))};
        return tidemark::sequence{tidemark::parallel{in_order, fetch_of(c.what.at(2))},
                                  fetch_of(c.what.at(3))};
    }
    static decision decide(const state&, const pass_on& c) {
        return tidemark::send(counter_id{c.counter}, counter::add{c.amount});
    }
    static decision decide(const state&, const remind& c) {
        return tidemark::schedule(c.name, tidemark::duration{c.after_us}, ring{c.name});
    }
    static decision decide(const state&, const forget& c) { return tidemark::cancel(c.name); }
    static decision decide(const state&, const take& c) { return taken{c.answer}; }
    static decision decide(const state&, const ring& c) { return rung{c.name}; }
    static void evolve(state&, const asked&) {}
    static void evolve(state& s, const taken&) { ++s.taken; }
    static void evolve(state&, const rung&) {}

    static tidemark::retry_policy quickly() {
        return {.attempts_max = 3,
                .first = tidemark::duration{1000},
                .factor = 2,
                .cap = tidemark::duration{2000}};
    }
};
using asker_id = tidemark::id<asker>;

TIDEMARK_MESSAGE(asker::fetch, "asker.fetch.v1", what)
TIDEMARK_MESSAGE(asker::ask, "asker.ask.v1", what)
TIDEMARK_MESSAGE(asker::ask_in_order, "asker.ask_in_order.v1", first, second)
TIDEMARK_MESSAGE(asker::ask_together, "asker.ask_together.v1", what)
TIDEMARK_MESSAGE(asker::ask_nested, "asker.ask_nested.v1", what)
TIDEMARK_MESSAGE(asker::pass_on, "asker.pass_on.v1", counter, amount)
TIDEMARK_MESSAGE(asker::remind, "asker.remind.v1", name, after_us)
TIDEMARK_MESSAGE(asker::forget, "asker.forget.v1", name)
TIDEMARK_MESSAGE(asker::take, "asker.take.v1", answer)
TIDEMARK_MESSAGE(asker::ring, "asker.ring.v1", name)
TIDEMARK_MESSAGE(asker::asked, "asker.asked.v1", what)
TIDEMARK_MESSAGE(asker::taken, "asker.taken.v1", answer)
TIDEMARK_MESSAGE(asker::rung, "asker.rung.v1", name)
TIDEMARK_STATE(asker::state, "asker.state.v1", taken)

}  // namespace store_test
