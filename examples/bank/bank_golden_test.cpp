#include "tidemark/codec/golden.hpp"

#include "tidemark/examples/bank/transfer.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using bank::account, bank::money, bank::transfer;
using namespace std::chrono_literals;

// [golden]
TEST_CASE("bank: what was stored once is still read, byte for byte") {
    tidemark::golden golden{TIDEMARK_SOURCE_FOLDER "/bank.golden"};
    golden.holds<account::event>({account::opened{"ada", tidemark::instant{1'577'836'800s}},
                                  account::deposited{money{100}}, account::withdrawn{money{40}}});
    golden.holds<account::command>(
        {account::open{"ada"}, account::deposit{money{100}}, account::withdraw{money{40}}});
    golden.holds<transfer::input>({transfer::begin{{"ada"}, {"bob"}, money{40}},
                                   account::withdrawn{money{40}}, account::deposited{money{100}},
                                   tidemark::refused{"insufficient_funds"}, transfer::late{}});
    golden.holds_one(account::state{"ada", money{60}});
    golden.holds_one(transfer::state{{"bob"}});
    for (const auto& mistake : golden.mistakes()) FAIL_CHECK(mistake);
}
// [/golden]
