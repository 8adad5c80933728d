#include "tidemark/bench/postgres_world.hpp"

#include "tidemark/bench/closed_loop.hpp"
#include "tidemark/codec/json_codec.hpp"
#include "tidemark/eventbus/memory_event_bus.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace bench {

using bank::account_id;
using bank::money;

namespace {

constexpr std::size_t rows_at_once = 1'000'000;

/// Ten events a stream; ids that grow with time, as those of appends do.
std::string filling(std::size_t first, std::size_t last) {
    const auto id = [](const std::string& salt) {
        return "(lpad(to_hex(i), 12, '0') || '7' || substr(md5('" + salt +
               "' || i), 1, 3) || '8' || substr(md5('" + salt + "' || i), 4, 15))::uuid";
    };
    const auto stream = "(SELECT 'account-' || " + id("s") + " FROM (SELECT i / 10) f(i))";
    return "INSERT INTO tidemark.events(position, version, recorded_at, id, correlation, "
           "causation, stream, category, name, traceparent, payload) SELECT "
           "nextval('tidemark.positions'), i % 10 + 1, 1700000000000000 + i, " +
           id("e") + ", " + id("o") + ", " + id("a") + ", " + stream +
           ", 'account', 'account.opened.v1', '', '" + payload_of(220) +
           "'::bytea FROM generate_series(" + std::to_string(first) + ", " + std::to_string(last) +
           ") AS g(i)";
}

std::shared_ptr<const bench_database> filled_database(std::size_t rows) {
    auto made = std::make_shared<const bench_database>();
    std::ignore = tidemark::postgres_storage::open({.url = made->url()}).value();
    bare_session session{made->url()};
    for (std::size_t first = 0; first < rows; first += rows_at_once) {
        session.execute(filling(first, std::min(first + rows_at_once, rows) - 1));
    }
    session.execute("VACUUM ANALYZE tidemark.events");
    session.execute("CHECKPOINT");
    return made;
}

}  // namespace

std::shared_ptr<const bench_database> log_database() {
    const auto* rows = std::getenv("TIDEMARK_BENCH_ROWS");
    if (rows == nullptr) return std::make_shared<const bench_database>();
    static const auto filled = filled_database(std::stoul(rows));
    return filled;
}

std::string payload_of(std::size_t bytes) {
    const std::string begin{R"({"owner":"Ada Lovelace, London","note":")"};
    const std::string end{R"(","at":"2026-01-01T00:00:00Z"})"};
    const auto fixed = begin.size() + end.size();
    return begin + std::string(bytes > fixed ? bytes - fixed : 1, 'x') + end;
}

postgres_world::postgres_world(
    const std::function<void(tidemark::runtime&)>& also, const tidemark::runtime_options& how,
    const std::function<std::unique_ptr<tidemark::event_bus>(tidemark::io&)>& on) {
    bus = on ? on(io) : std::make_unique<tidemark::memory_event_bus>();
    events = tidemark::postgres_storage::open({.url = database->url()}).value();
    runtime = std::make_unique<tidemark::runtime>(io, *events, *bus, how);
    runtime->store<bank::account>();
    if (also) also(*runtime);
    runtime->start();
}

postgres_world::~postgres_world() { tidemark::run(io, runtime->drain()); }

tidemark::awaitable<void> postgres_world::append(std::size_t count, const std::string& payload) {
    co_await place(count, payload);
}

tidemark::awaitable<tidemark::position> postgres_world::place(std::size_t count,
                                                              const std::string& payload) {
    tidemark::append_request sent{
        .stream = tidemark::stream_id{"account", io.fresh_id().to_string()},
        .expected = tidemark::expected_version::none()};
    for (std::size_t i = 0; i < count; ++i) {
        sent.events.push_back({.id = io.fresh_id(), .message = {"account.opened.v1", payload}});
    }
    return write(std::move(sent));
}

tidemark::awaitable<tidemark::position> postgres_world::write(tidemark::append_request sent) {
    sent.trace = {.correlation = io.fresh_id(), .causation = io.fresh_id(), .traceparent = {}};
    auto batch = std::make_shared<const std::vector<tidemark::append_request>>(1, std::move(sent));
    const auto told = co_await events->append(batch);
    const auto* committed = std::get_if<tidemark::append_committed>(told.data());
    if (committed == nullptr) throw std::runtime_error{"an append was not committed"};
    co_return committed->position;
}

tidemark::awaitable<void> postgres_world::deposit(account_id to) {
    auto accounts = runtime->store<bank::account>();
    const money amount{1};
    const auto told = co_await accounts.execute<bank::account::deposit>(to, amount);
    if (!told) throw std::runtime_error{told.reason()};
}

account_id postgres_world::account(std::size_t number) const {
    return account_id{prefix_ + std::to_string(number)};
}

void postgres_world::open_accounts(std::size_t count, std::size_t each) {
    std::atomic<std::size_t> next{0};
    auto once = [&](std::uint64_t) -> tidemark::awaitable<void> { return open_one(next++, each); };
    closed_loop(io, 64, count, once);
}

tidemark::awaitable<void> postgres_world::reopen(std::size_t number, std::size_t times,
                                                 std::size_t bytes) {
    const auto made =
        tidemark::encode(bank::account::opened{.owner = std::string(bytes, 'x'), .at = {}});
    tidemark::append_request sent{.stream = account(number).stream(),
                                  .expected = tidemark::expected_version::any()};
    for (std::size_t i = 0; i < times; ++i) {
        sent.events.push_back({.id = io.fresh_id(), .message = made});
    }
    co_await write(std::move(sent));
}

tidemark::awaitable<void> postgres_world::open_one(std::size_t number, std::size_t each) {
    tidemark::append_request sent{.stream = account(number).stream(),
                                  .expected = tidemark::expected_version::none()};
    for (std::size_t i = 0; i < each; ++i) {
        const auto made = i == 0 ? tidemark::encode(bank::account::opened{.owner = "Ada", .at = {}})
                                 : tidemark::encode(bank::account::deposited{.amount = money{1}});
        sent.events.push_back({.id = io.fresh_id(), .message = made});
    }
    co_await write(std::move(sent));
}

}  // namespace bench
