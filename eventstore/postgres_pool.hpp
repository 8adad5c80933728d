#pragma once

#include "tidemark/core/error.hpp"
#include "tidemark/eventstore/postgres_connection.hpp"

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tidemark {

/// The connections of one process to one database, between `connections_min` and
/// `connections_max`. The one used last is used next, so that a crowd of them ages and leaves. A
/// lost one is replaced when it is next wanted; while the server cannot be reached attempts come
/// with growing, jittered pauses, whoever asks. Thread-safe; every lease ends before the pool.
class postgres_pool {
  public:
    /// `prepare` readies a connection for its first call: once when it is opened.
    using prepare_function = std::function<void(postgres_connection&)>;
    explicit postgres_pool(postgres_options options, prepare_function prepare = nullptr);
    ~postgres_pool();
    postgres_pool(const postgres_pool&) = delete;
    postgres_pool& operator=(const postgres_pool&) = delete;

    /// A connection for one user at a time; given back at its end, closed if it was lost or left
    /// inside a transaction.
    class lease {
      public:
        lease(lease&& other) noexcept
            : pool_{std::exchange(other.pool_, nullptr)},
              connection_{std::move(other.connection_)},
              opened_at_{other.opened_at_},
              is_spent_{other.is_spent_} {}
        lease& operator=(lease&&) = delete;
        ~lease();
        [[nodiscard]] postgres_connection& operator*() const { return *connection_; }
        [[nodiscard]] postgres_connection* operator->() const { return connection_.get(); }
        /// To be closed when it is given back: its server is not the one that is wanted any more.
        void spend() { is_spent_ = true; }

      private:
        friend class postgres_pool;
        lease(postgres_pool& pool, std::unique_ptr<postgres_connection> connection,
              duration opened_at)
            : pool_{&pool}, connection_{std::move(connection)}, opened_at_{opened_at} {}

        postgres_pool* pool_;
        std::unique_ptr<postgres_connection> connection_;
        duration opened_at_;
        bool is_spent_ = false;
    };

    /// Opens `connections_min` connections. The error of the first that fails.
    [[nodiscard]] std::optional<error> warm_up();

    /// A connection that answered a moment ago, at the latest at `until` of `real_clock::steady`.
    /// `overloaded` if all were in use until then, `unavailable` if the server could not be
    /// reached until then, at once a refusal that will not change (`bad_setting`), and
    /// `shutting_down` once stopped. Blocks.
    [[nodiscard]] result<lease> acquire(duration until);

    /// Whoever waits and whoever comes is told `shutting_down`.
    void stop();

    struct counts {
        std::size_t idle = 0;
        std::size_t busy = 0;
        /// Callers that wait for a connection now.
        std::size_t waiting = 0;
        /// Since the start: connections opened, attempts that failed, callers that waited in vain.
        std::uint64_t opened = 0;
        std::uint64_t failed = 0;
        std::uint64_t timed_out = 0;
        /// Leases given out, and how long their callers waited for them, all together.
        std::uint64_t taken = 0;
        duration waited{};
    };
    [[nodiscard]] counts count() const;
    /// What a caller is told who waited in vain elsewhere, for a thread; it is counted.
    [[nodiscard]] error too_late();
    [[nodiscard]] std::size_t connections_max() const { return options_.connections_max; }
    /// The server without its password.
    [[nodiscard]] const std::string& place() const { return place_; }

  private:
    struct idle_connection {
        std::unique_ptr<postgres_connection> connection;
        duration opened_at{};
        duration idle_since{};
    };
    using lock = std::unique_lock<std::mutex>;

    [[nodiscard]] std::optional<idle_connection> take_idle();
    [[nodiscard]] bool is_usable(idle_connection& one) const;
    [[nodiscard]] result<std::optional<lease>> open_one(lock& held);
    void note_failure(const postgres_failure& failed);
    [[nodiscard]] bool may_open(duration now) const;
    [[nodiscard]] error late();
    [[nodiscard]] error note_late();
    [[nodiscard]] lease take(lease found, duration since);
    [[nodiscard]] std::unique_ptr<postgres_connection> trim();
    void give_back(lease& done);

    const postgres_options options_;
    const prepare_function prepare_;
    const std::string place_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<idle_connection> idle_;
    /// Idle, leased and being opened.
    std::size_t open_ = 0;
    /// Attempts failed since the last that succeeded, what the last said, and when the next may be.
    std::uint32_t failures_ = 0;
    std::optional<postgres_failure> last_failure_;
    duration retry_at_{};
    bool is_stopping_ = false;
    counts counts_;
};

}  // namespace tidemark
