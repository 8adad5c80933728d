#pragma once

#include "tidemark/async/io.hpp"
#include "tidemark/bench/bare_postgres.hpp"
#include "tidemark/eventbus/memory_event_bus.hpp"
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

/// A bank on a database of its own.
struct postgres_world {
    bench_database database;
    tidemark::io io;
    std::unique_ptr<tidemark::postgres_storage> events;
    tidemark::memory_event_bus bus;
    std::unique_ptr<tidemark::runtime> runtime;

    /// `also` registers more on the runtime before it starts.
    explicit postgres_world(const std::function<void(tidemark::runtime&)>& also = {});
    ~postgres_world();
    postgres_world(const postgres_world&) = delete;
    postgres_world& operator=(const postgres_world&) = delete;

    /// W1, W2: so many events to a fresh stream.
    tidemark::awaitable<void> append(std::size_t count, const std::string& payload);
    /// The same; the position of the last of them.
    tidemark::awaitable<tidemark::position> place(std::size_t count, const std::string& payload);
    /// W3, W4: a command on one of the accounts.
    tidemark::awaitable<void> deposit(bank::account_id to);
    /// Accounts "0", "1", …
    void open_accounts(std::size_t count);

  private:
    tidemark::awaitable<void> open_one(std::string name);
};

}  // namespace bench
