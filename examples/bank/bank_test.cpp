#include "tidemark/examples/bank/account.hpp"
#include "tidemark/examples/bank/transfer.hpp"
#include "tidemark/testing/scenario.hpp"

#include <doctest/doctest.h>

#include <limits>

using bank::account, bank::account_id, bank::money, bank::transfer;
using tidemark::testing::given, tidemark::testing::scenario_start;
using namespace std::chrono_literals;

TEST_CASE("account: opening records the owner and the time of the decision") {
    auto decided = given<account>().when(account::open{"ada"});
    CHECK(decided == account::opened{"ada", scenario_start});
}

TEST_CASE("account: an open account is not opened again") {
    auto decided = given<account>(account::opened{"ada"}).when(account::open{"bob"});
    CHECK(decided == tidemark::reject("already_open"));
}

// [account_test]
TEST_CASE("account: a withdrawal within the balance is recorded") {
    auto decided = given<account>(account::opened{"ada"}, account::deposited{money{100}})
                       .when(account::withdraw{money{40}});
    CHECK(decided == account::withdrawn{money{40}});
}
TEST_CASE("account: a withdrawal beyond the balance is rejected") {
    auto decided = given<account>(account::opened{"ada"}).when(account::withdraw{money{40}});
    CHECK(decided == tidemark::reject("insufficient_funds"));
}
// [/account_test]

TEST_CASE("account: the whole balance can be withdrawn, and not a cent more") {
    const auto ada = given<account>(account::opened{"ada"}, account::deposited{money{100}},
                                    account::withdrawn{money{60}});
    CHECK(ada.when(account::withdraw{money{40}}) == account::withdrawn{money{40}});
    CHECK(ada.when(account::withdraw{money{41}}) == tidemark::reject("insufficient_funds"));
}

TEST_CASE("account: nothing moves before it is open") {
    CHECK(given<account>().when(account::deposit{money{1}}) == tidemark::reject("not_open"));
    CHECK(given<account>().when(account::withdraw{money{1}}) == tidemark::reject("not_open"));
}

TEST_CASE("account: amounts are positive") {
    const auto ada = given<account>(account::opened{"ada"}, account::deposited{money{5}});
    for (const auto amount : {money{0}, money{-1}}) {
        CHECK(ada.when(account::deposit{amount}) == tidemark::reject("amount_not_positive"));
        CHECK(ada.when(account::withdraw{amount}) == tidemark::reject("amount_not_positive"));
    }
}

TEST_CASE("account: a deposit beyond the range of money is never carried into the state") {
    const auto most = money{std::numeric_limits<std::int64_t>::max()};
    auto ada = given<account>(account::opened{"ada"}, account::deposited{most}).state();
    CHECK_THROWS_AS(tidemark::evolve<account>(ada, account::deposited{money{1}}),
                    std::overflow_error);
}

// [transfer_test]
TEST_CASE("transfer: the debit is sent with its undo, under a deadline") {
    auto steps = given<transfer>().when(transfer::begin{{"ada"}, {"bob"}, money{40}});
    CHECK(steps == transfer::steps{tidemark::send(account_id{"ada"}, account::withdraw{money{40}})
                                       .undone_by(account::deposit{money{40}}),
                                   tidemark::schedule("late", 30s, transfer::late{})});
}

TEST_CASE("transfer: a debit sends the credit, from which there is no way back") {
    auto steps = given<transfer>(transfer::begin{{"ada"}, {"bob"}, money{40}})
                     .when(account::withdrawn{money{40}});
    CHECK(steps == tidemark::send(account_id{"bob"}, account::deposit{money{40}}).pivot());
}
// [/transfer_test]

TEST_CASE("transfer: the credit ends it and its deadline") {
    auto steps =
        given<transfer>(transfer::begin{{"ada"}, {"bob"}, money{40}}, account::withdrawn{money{40}})
            .when(account::deposited{money{40}});
    CHECK(steps == transfer::steps{tidemark::cancel("late"), tidemark::complete()});
}

TEST_CASE("transfer: a refusal fails it with the reason it heard") {
    auto steps = given<transfer>(transfer::begin{{"ada"}, {"bob"}, money{40}})
                     .when(tidemark::refused{"insufficient_funds"});
    CHECK(steps == tidemark::fail("insufficient_funds"));
}

TEST_CASE("transfer: the deadline fails it") {
    auto steps =
        given<transfer>(transfer::begin{{"ada"}, {"bob"}, money{40}}).when(transfer::late{});
    CHECK(steps == tidemark::fail("timed_out"));
}
