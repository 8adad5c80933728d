#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/eventbus/memory_event_bus.hpp"
#include "tidemark/eventstore/memory_event_store.hpp"
#include "tidemark/eventstore/sqlite_event_store.hpp"
#include "tidemark/eventstore/subscription.hpp"
#include "tidemark/eventstore/temporary_folder.hpp"
#include "tidemark/examples/bank/balances.hpp"
#include "tidemark/examples/bank/bank_api.hpp"
#include "tidemark/examples/bank/transfer.hpp"
#include "tidemark/sagas/saga_type.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>

using bank::account, bank::account_id, bank::money, bank::transfer, bank::transfer_id;
using tidemark::call, tidemark::run, tidemark::version;
using namespace std::chrono_literals;

namespace {

// [wire]
/// Registers everything the bank is made of, and starts it.
void start_bank(tidemark::runtime& app) {
    app.store<account>();
    app.store<transfer>();
    app.project<bank::balances>();
    app.start();
}
// [/wire]

tidemark::awaitable<void> find_event(tidemark::subscription& log, tidemark::stream_id stream,
                                     version at) {
    for (;;) {
        auto page = co_await log.next();
        for (const auto& event : page.value().events) {
            if (event.stream == stream && event.version == at) co_return;
        }
    }
}

/// Returns once the stream has that version; nothing is polled, the log wakes its reader.
void wait_for_version(tidemark::io& io, tidemark::storage& events, tidemark::stream_id stream,
                      version at) {
    tidemark::subscription log{events, io};
    run(io, find_event(log, std::move(stream), at));
}

std::string state_of(tidemark::io& io, tidemark::runtime& app, const account_id& of) {
    return run(io, app.state_of(of.stream(), std::nullopt)).value().state;
}

void open_with(tidemark::io& io, tidemark::runtime& app, const account_id& of, money amount) {
    const auto accounts = app.store<account>();
    REQUIRE(run(io, accounts.execute<account::open>(of, of.text())));
    if (amount > money{}) REQUIRE(run(io, accounts.execute<account::deposit>(of, amount)));
}

/// A transfer that goes through and one that is taken back.
void try_transfers(tidemark::io& io, tidemark::runtime& app) {
    open_with(io, app, "ada", money{100});
    open_with(io, app, "bob", money{0});
    const auto transfers = app.store<transfer>();
    const account_id ada{"ada"};
    const account_id bob{"bob"};
    const account_id nobody{"nobody"};

    REQUIRE(run(io, transfers.execute<transfer::begin>("t1", ada, bob, money{40})));
    wait_for_version(io, app.events(), bob.stream(), version{2});
    CHECK(state_of(io, app, ada) == R"({"owner":"ada","balance":60})");
    CHECK(state_of(io, app, bob) == R"({"owner":"bob","balance":40})");

    // The debit happens, the credit is refused, the undo deposits again: versions 4 and 5.
    REQUIRE(run(io, transfers.execute<transfer::begin>("t2", ada, nobody, money{25})));
    wait_for_version(io, app.events(), ada.stream(), version{5});
    CHECK(state_of(io, app, ada) == R"({"owner":"ada","balance":60})");
}

tidemark::http::request request_of(tidemark::io& io, tidemark::http::method how, std::string path) {
    tidemark::http::request out;
    out.method = how;
    out.target = path;
    out.path = std::move(path);
    out.deadline = io.clock().steady() + 10s;
    return out;
}

tidemark::http::response post(tidemark::io& io, const tidemark::http::router& api, std::string path,
                              const std::string& key, std::string body) {
    auto asked = request_of(io, tidemark::http::method::post, std::move(path));
    asked.headers.add("Idempotency-Key", key);
    asked.body = std::move(body);
    return run(io, api.dispatch(std::move(asked))).reply;
}

}  // namespace

// [store_test]
TEST_CASE("bank: a command is decided on what was committed before it") {
    tidemark::io io{{.shards = 2}};
    tidemark::memory_storage events{io.clock()};
    tidemark::memory_event_bus bus;
    tidemark::runtime app{io, events, bus};
    start_bank(app);

    const auto accounts = app.store<account>();
    const account_id ada{"ada"};
    REQUIRE(run(io, accounts.execute<account::open>(ada, "Ada Lovelace")));
    REQUIRE(run(io, accounts.execute<account::deposit>(ada, money{100})));
    const auto paid = run(io, accounts.execute<account::withdraw>(ada, money{40}));
    REQUIRE(paid);
    CHECK(paid.receipt().version == version{3});
    const auto refused = run(io, accounts.execute<account::withdraw>(ada, money{61}));
    CHECK(refused.reason() == "insufficient_funds");

    CHECK(run(io, app.drain()).is_complete);
}
// [/store_test]

// [once]
TEST_CASE("bank: the same key withdraws once, however often it is sent") {
    tidemark::io io{{.shards = 2}};
    tidemark::memory_storage events{io.clock()};
    tidemark::memory_event_bus bus;
    tidemark::runtime app{io, events, bus};
    start_bank(app);
    open_with(io, app, "ada", money{100});

    const auto accounts = app.store<account>();
    const account_id ada{"ada"};
    for (auto i = 0; i < 3; ++i) {
        auto how = call{}.once("rent for May").within(2s);
        const auto paid = run(io, accounts.execute<account::withdraw>(how, ada, money{40}));
        REQUIRE(paid);
        CHECK(paid.receipt().version == version{3});
        CHECK(paid.is_repeated() == (i > 0));
    }

    CHECK(run(io, app.drain()).is_complete);
}
// [/once]

TEST_CASE("bank: transfers move money or give it back, in memory") {
    tidemark::io io{{.shards = 2}};
    tidemark::memory_event_bus bus;
    // [memory]
    tidemark::memory_storage events{io.clock()};
    tidemark::runtime app{io, events, bus};
    // [/memory]
    start_bank(app);
    try_transfers(io, app);
    CHECK(run(io, app.drain()).is_complete);
}

TEST_CASE("bank: transfers move money or give it back, in a file that outlives the process") {
    const tidemark::testing::temporary_folder folder;
    const auto path = folder.file("bank.db");
    tidemark::io io{{.shards = 2}};
    tidemark::memory_event_bus bus;
    {
        // [sqlite]
        const auto events = tidemark::sqlite_storage::open(io.clock(), {.path = path});
        tidemark::runtime app{io, **events, bus};
        // [/sqlite]
        start_bank(app);
        try_transfers(io, app);
        CHECK(run(io, app.drain()).is_complete);
    }
    const auto events = tidemark::sqlite_storage::open(io.clock(), {.path = path});
    tidemark::runtime app{io, **events, bus};
    start_bank(app);
    CHECK(state_of(io, app, "ada") == R"({"owner":"ada","balance":60})");
    CHECK(state_of(io, app, "bob") == R"({"owner":"bob","balance":40})");
    CHECK(run(io, app.drain()).is_complete);
}

// [api_test]
TEST_CASE("bank: a caller reads its own write") {
    tidemark::io io{{.shards = 2}};
    tidemark::memory_storage events{io.clock()};
    tidemark::memory_event_bus bus;
    tidemark::runtime app{io, events, bus};
    start_bank(app);
    tidemark::http::router api;
    bank::add_api(api, app);

    const std::string ada = "/api/v1/accounts/a1";
    CHECK(post(io, api, ada + "/open", "k1", R"({"owner":"ada"})").status == 200);
    const auto paid = post(io, api, ada + "/deposit", "k2", R"({"amount":100})");
    REQUIRE(paid.status == 200);
    CHECK(paid.headers.find("ETag") == R"("v2")");

    auto asked = request_of(io, tidemark::http::method::get, ada);
    asked.query.add("wait_for_position",
                    std::string{paid.headers.find("Tidemark-Position").value()});
    const auto shown = run(io, api.dispatch(std::move(asked))).reply;
    CHECK(shown.body == R"({"account":"a1","owner":"ada","balance":100,"version":2})");

    CHECK(run(io, app.drain()).is_complete);
}
// [/api_test]

TEST_CASE("bank: what the API refuses has a stable code") {
    tidemark::io io{{.shards = 2}};
    tidemark::memory_storage events{io.clock()};
    tidemark::memory_event_bus bus;
    tidemark::runtime app{io, events, bus};
    start_bank(app);
    tidemark::http::router api;
    bank::add_api(api, app);

    const auto code_of = [&](std::string path, std::string body) {
        const auto said = post(io, api, path, path, std::move(body));
        REQUIRE(said.failure.has_value());
        return std::to_string(said.failure->status) + " " + said.failure->code;
    };
    CHECK(code_of("/api/v1/accounts/a1/withdraw", R"({"amount":1})") == "409 not_open");
    CHECK(code_of("/api/v1/accounts/a1/burn", "{}") == "400 unknown_message");
    CHECK(code_of("/api/v1/accounts/a1/deposit", R"({"amount":"1"})") == "400 malformed_payload");
    CHECK(code_of("/api/v1/transfers/t1", R"({"from":"a1"})") == "400 malformed_payload");
    const auto begun =
        post(io, api, "/api/v1/transfers/t2", "k", R"({"from":"a1","to":"b1","amount":1})");
    CHECK(begun.status == 202);

    CHECK(run(io, app.drain()).is_complete);
}
