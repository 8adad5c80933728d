#include "tidemark/eventstore/postgres_pool.hpp"

#include "tidemark/async/backoff.hpp"
#include "tidemark/async/clock.hpp"
#include "tidemark/eventstore/postgres_connect.hpp"

#include <algorithm>

namespace tidemark {
namespace {

constexpr backoff_policy reconnecting{.first = std::chrono::milliseconds{50},
                                      .factor = 2,
                                      .cap = std::chrono::seconds{2},
                                      .spread = backoff_policy::jitter::full};

/// Servers are waited for in real time, whatever clock the store is given.
duration now() { return real_clock{}.steady(); }

}  // namespace

postgres_pool::postgres_pool(postgres_options options, prepare_function prepare)
    : options_{std::move(options)},
      prepare_{std::move(prepare)},
      place_{mask_postgres_url(options_.url)} {}

postgres_pool::~postgres_pool() = default;

postgres_pool::lease::~lease() {
    if (pool_ != nullptr) pool_->give_back(*this);
}

std::optional<error> postgres_pool::warm_up() {
    std::vector<lease> held;
    while (held.size() < std::min(options_.connections_min, options_.connections_max)) {
        auto one = acquire(now() + options_.connect_timeout);
        if (!one) return one.error();
        held.push_back(std::move(*one));
    }
    return std::nullopt;
}

result<postgres_pool::lease> postgres_pool::acquire(duration until) {
    const auto since = now();
    lock held{mutex_};
    ++counts_.waiting;
    for (;;) {
        if (is_stopping_) {
            --counts_.waiting;
            return error{errc::shutting_down, "PostgreSQL at " + place_ + ": the store is closing"};
        }
        if (auto found = take_idle()) {
            held.unlock();
            const auto is_good = is_usable(*found);
            held.lock();
            if (is_good) {
                return take(lease{*this, std::move(found->connection), found->opened_at}, since);
            }
            --open_;
            continue;
        }
        const auto at = now();
        if (may_open(at)) {
            auto opened = open_one(held);
            if (opened && *opened) return take(std::move(**opened), since);
            if (opened) continue;
            --counts_.waiting;
            return opened.error();
        }
        if (at >= until) return late();
        const auto is_pausing = open_ < options_.connections_max;
        changed_.wait_for(held, (is_pausing ? std::min(until, retry_at_) : until) - at);
    }
}

postgres_pool::lease postgres_pool::take(lease found, duration since) {
    --counts_.waiting;
    ++counts_.taken;
    counts_.waited += now() - since;
    return found;
}

std::optional<postgres_pool::idle_connection> postgres_pool::take_idle() {
    if (idle_.empty()) return std::nullopt;
    auto found = std::move(idle_.back());
    idle_.pop_back();
    return found;
}

bool postgres_pool::is_usable(idle_connection& one) const {
    const auto at = now();
    if (at - one.opened_at > options_.lifetime) return false;
    if (!one.connection->is_alive()) return false;
    if (at - one.idle_since <= options_.idle_max) return true;
    try {
        one.connection->ping(options_.acquire_timeout);
        return true;
    } catch (const postgres_failure&) {
        return false;
    }
}

bool postgres_pool::may_open(duration at) const {
    return open_ < options_.connections_max && at >= retry_at_;
}

/// Nothing if the attempt failed in a way that another may not.
result<std::optional<postgres_pool::lease>> postgres_pool::open_one(lock& held) {
    ++open_;
    held.unlock();
    std::unique_ptr<postgres_connection> made;
    std::optional<postgres_failure> failed;
    try {
        made = std::make_unique<postgres_connection>(options_);
        if (prepare_) prepare_(*made);
    } catch (const postgres_failure& refused) {
        failed = refused;
    }
    held.lock();
    if (!failed) {
        ++counts_.opened;
        failures_ = 0;
        last_failure_.reset();
        retry_at_ = {};
        return std::optional<lease>{lease{*this, std::move(made), now()}};
    }
    --open_;
    note_failure(*failed);
    changed_.notify_all();
    if (failed->verdict() != postgres_verdict::permanent) return std::optional<lease>{};
    return failed->as_error(place_, postgres_failure::purpose::read);
}

void postgres_pool::note_failure(const postgres_failure& failed) {
    ++counts_.failed;
    ++failures_;
    last_failure_ = failed;
    retry_at_ = now() + backoff(reconnecting, failures_, real_random{}.next());
}

error postgres_pool::late() {
    --counts_.waiting;
    return note_late();
}

error postgres_pool::too_late() {
    const lock held{mutex_};
    return note_late();
}

error postgres_pool::note_late() {
    ++counts_.timed_out;
    if (last_failure_) return last_failure_->as_error(place_, postgres_failure::purpose::read);
    return {errc::overloaded, "PostgreSQL at " + place_ + ": all " +
                                  std::to_string(options_.connections_max) +
                                  " connections were in use for too long; try again later, or "
                                  "raise postgres.connections_max"};
}

void postgres_pool::give_back(lease& done) {
    auto& connection = done.connection_;
    const auto is_good = !done.is_spent_ && connection->is_alive() && !connection->in_transaction();
    // What is left in the lease, and what was trimmed, is closed outside the lock.
    std::unique_ptr<postgres_connection> trimmed;
    const lock held{mutex_};
    if (is_good && !is_stopping_) {
        idle_.push_back({.connection = std::move(connection),
                         .opened_at = done.opened_at_,
                         .idle_since = now()});
        trimmed = trim();
    } else {
        --open_;
    }
    changed_.notify_one();
}

/// The one that nobody has needed for longest, if it may go.
std::unique_ptr<postgres_connection> postgres_pool::trim() {
    auto& oldest = idle_.front();
    const auto is_spare =
        open_ > options_.connections_min && now() - oldest.idle_since > options_.idle_close;
    if (!is_spare) return nullptr;
    auto trimmed = std::move(oldest.connection);
    idle_.erase(idle_.begin());
    --open_;
    return trimmed;
}

void postgres_pool::stop() {
    const lock held{mutex_};
    is_stopping_ = true;
    changed_.notify_all();
}

postgres_pool::counts postgres_pool::count() const {
    const lock held{mutex_};
    auto seen = counts_;
    seen.idle = idle_.size();
    seen.busy = open_ - idle_.size();
    return seen;
}

}  // namespace tidemark
