#include "tidemark/examples/bank/balances.hpp"

#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/codec/json_codec.hpp"
#include "tidemark/eventstore/memory_event_store.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

using bank::account, bank::balances, bank::money;

namespace {

/// A read model in memory and the events that are fed to it, in order.
class fed {
  public:
    template <class Event>
    void hear(const std::string& of, Event event) {
        ++last_;
        const tidemark::stream_id stream{"account", of};
        const tidemark::event_context context{
            .position = tidemark::position{last_},
            .stream = stream,
            .version = tidemark::version{++versions_[of]},
            .event = tidemark::message_id::derive({"event", std::to_string(last_)}),
            .correlation = {},
            .causation = {}};
        auto from = run(io_, rows_.load_checkpoint("balances.v1")).value();
        auto to = from;
        to.position = context.position;
        run(io_, rows_.update("balances.v1", from, to, [&](tidemark::read_model& rows) {
            balances::project(rows, event, context);
        })).value();
    }
    bank::balance_row row(const std::string& of) {
        const auto found = run(io_, rows_.find_document("balances.v1", of)).value();
        return tidemark::decode<bank::balance_row>(found.value().body).value();
    }
    std::vector<std::string> accounts_of(const std::string& owner) {
        tidemark::document_query wanted;
        wanted.index = "owner";
        wanted.value = owner;
        std::vector<std::string> out;
        for (const auto& one : run(io_, rows_.query("balances.v1", wanted)).value()) {
            out.push_back(one.key);
        }
        return out;
    }

  private:
    tidemark::io io_{{.shards = 1, .blocking_threads = 1}};
    tidemark::memory_storage rows_{io_.clock()};
    std::map<std::string, std::uint64_t> versions_;
    std::uint64_t last_ = 0;
};

}  // namespace

// [balances_test]
TEST_CASE("balances: deposits and withdrawals add up, per account") {
    fed model;
    model.hear("a1", account::opened{"ada"});
    model.hear("b1", account::opened{"bob"});
    model.hear("a1", account::deposited{money{100}});
    model.hear("a1", account::withdrawn{money{30}});
    CHECK(model.row("a1").balance == money{70});
    CHECK(model.row("a1").version == 3);
    CHECK(model.row("b1").balance == money{0});
}
// [/balances_test]

TEST_CASE("balances: accounts are found by their owner") {
    fed model;
    model.hear("a1", account::opened{"ada"});
    model.hear("b1", account::opened{"bob"});
    model.hear("a2", account::opened{"ada"});
    model.hear("a2", account::deposited{money{5}});
    CHECK(model.accounts_of("ada") == std::vector<std::string>{"a1", "a2"});
    CHECK(model.accounts_of("eve").empty());
}
