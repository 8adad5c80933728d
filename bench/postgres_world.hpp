#pragma once

#include "tidemark/async/io.hpp"
#include "tidemark/bench/bare_postgres.hpp"
#include "tidemark/eventbus/event_bus.hpp"
#include "tidemark/eventstore/postgres_event_store.hpp"
#include "tidemark/examples/bank/account.hpp"
#include "tidemark/runtime/runtime.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace bench {

/// JSON of about that many bytes: 200 is the size of a business event.
[[nodiscard]] std::string payload_of(std::size_t bytes);

/// A database of its own; where TIDEMARK_BENCH_ROWS is set, one for all of the process in whose
/// log so many events stand already.
[[nodiscard]] std::shared_ptr<const bench_database> log_database();

/// A bank on PostgreSQL.
struct postgres_world {
    std::shared_ptr<const bench_database> database = log_database();
    tidemark::io io;
    std::unique_ptr<tidemark::postgres_storage> events;
    std::unique_ptr<tidemark::event_bus> bus;
    std::unique_ptr<tidemark::runtime> runtime;

    /// `also` registers more on the runtime before it starts. `on`: makes its bus; empty: one of
    /// the memory.
    explicit postgres_world(
        const std::function<void(tidemark::runtime&)>& also = {},
        const tidemark::runtime_options& how = {},
        const std::function<std::unique_ptr<tidemark::event_bus>(tidemark::io&)>& on = {});
    ~postgres_world();
    postgres_world(const postgres_world&) = delete;
    postgres_world& operator=(const postgres_world&) = delete;

    /// W1, W2: so many events to a fresh stream.
    tidemark::awaitable<void> append(std::size_t count, const std::string& payload);
    /// The same; the position of the last of them.
    tidemark::awaitable<tidemark::position> place(std::size_t count, const std::string& payload);
    /// W3, W4: a command on one of the accounts.
    tidemark::awaitable<void> deposit(bank::account_id to);
    /// So many accounts with so many events each, at least one.
    void open_accounts(std::size_t count, std::size_t events = 1);
    /// One of them opened again so many times, in events of about that many bytes.
    tidemark::awaitable<void> reopen(std::size_t number, std::size_t times, std::size_t bytes);
    /// One of these, the first being 0.
    [[nodiscard]] bank::account_id account(std::size_t number) const;

  private:
    tidemark::awaitable<void> open_one(std::size_t number, std::size_t events);
    tidemark::awaitable<tidemark::position> write(tidemark::append_request sent);

    /// Of the accounts, so that they are fresh in a database that is used again.
    std::string prefix_ = io.fresh_id().to_string() + ".";
};

}  // namespace bench
