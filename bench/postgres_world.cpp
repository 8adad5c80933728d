#include "tidemark/bench/postgres_world.hpp"

#include "tidemark/bench/closed_loop.hpp"

#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <variant>
#include <vector>

namespace bench {

using bank::account;
using bank::account_id;
using bank::money;

std::string payload_of(std::size_t bytes) {
    const std::string begin{R"({"owner":"Ada Lovelace, London","note":")"};
    const std::string end{R"(","at":"2026-01-01T00:00:00Z"})"};
    const auto fixed = begin.size() + end.size();
    return begin + std::string(bytes > fixed ? bytes - fixed : 1, 'x') + end;
}

postgres_world::postgres_world(const std::function<void(tidemark::runtime&)>& also) {
    events = tidemark::postgres_storage::open({.url = database.url()}).value();
    runtime = std::make_unique<tidemark::runtime>(io, *events, bus);
    runtime->store<account>();
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
    sent.trace = {.correlation = io.fresh_id(), .causation = io.fresh_id(), .traceparent = {}};
    auto batch = std::make_shared<const std::vector<tidemark::append_request>>(1, sent);
    const auto told = co_await events->append(batch);
    const auto* committed = std::get_if<tidemark::append_committed>(told.data());
    if (committed == nullptr) throw std::runtime_error{"an append was not committed"};
    co_return committed->position;
}

tidemark::awaitable<void> postgres_world::deposit(account_id to) {
    auto accounts = runtime->store<account>();
    const money amount{1};
    const auto told = co_await accounts.execute<account::deposit>(to, amount);
    if (!told) throw std::runtime_error{told.reason()};
}

void postgres_world::open_accounts(std::size_t count) {
    std::atomic<std::size_t> next{0};
    auto once = [&](std::uint64_t) -> tidemark::awaitable<void> {
        return open_one(std::to_string(next++));
    };
    closed_loop(io, 64, count, once);
}

tidemark::awaitable<void> postgres_world::open_one(std::string name) {
    auto accounts = runtime->store<account>();
    const account_id id(name);
    const auto told = co_await accounts.execute<account::open>(id, name);
    if (!told) throw std::runtime_error{told.reason()};
}

}  // namespace bench
