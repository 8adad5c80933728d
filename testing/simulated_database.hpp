#pragma once

#include "tidemark/async/simulated_scheduler.hpp"
#include "tidemark/core/context.hpp"
#include "tidemark/eventstore/memory_log.hpp"
#include "tidemark/eventstore/memory_models.hpp"

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

namespace tidemark::testing {

/// What goes wrong between processes and their database: chances per call or transaction, and how
/// long things take at most. The defaults are a quick database on which nothing goes wrong.
struct storage_faults {
    /// One way of a message.
    duration latency_max{500};
    /// From drawing positions to the commit.
    duration commit_max{500};
    /// A transaction stays open for up to `slow_commit_max` and holds the horizon back.
    double slow_commit = 0;
    duration slow_commit_max = std::chrono::seconds{3};
    /// The database rolls back and repeats (deadlock, serialisation failure): positions are lost.
    double rollback = 0;
    /// The connection breaks: before the request arrives, or before the reply does.
    double request_lost = 0;
    double reply_lost = 0;
    /// The connection breaks, and the request is carried out when nobody waits for it any more,
    /// maybe after the caller's next attempt.
    double executed_late = 0;
    duration late_max = std::chrono::seconds{2};
};

/// A database server with the *weak* contract of PostgreSQL: positions are drawn before the commit
/// and commits of different streams overtake each other; a reader may trust no more than the
/// horizon, which open transactions hold back; a crash loses what is not committed and lets the
/// sequence of positions fall back. Everything happens in alarms of the scheduler, outside of any
/// process, so that it goes on when a process has died. Belongs to the simulation.
class simulated_database {
  public:
    simulated_database(simulated_scheduler& scheduler, message_id incarnation);
    simulated_database(const simulated_database&) = delete;
    simulated_database& operator=(const simulated_database&) = delete;

    /// One statement: requests of a batch in one transaction. It waits for the locks on its
    /// streams, draws its positions, and some time later commits.
    struct statement {
        append_batch batch;
        std::vector<std::size_t> which;
    };
    using told_outcomes = std::function<void(std::vector<append_outcome>)>;
    /// `told` is called once: with the outcomes at the commit, or with `unknown_outcome` for all
    /// when the database crashes first.
    void append(statement work, told_outcomes told);

    [[nodiscard]] memory_log& log() { return log_; }
    [[nodiscard]] const memory_log& log() const { return log_; }
    [[nodiscard]] memory_models& models() { return models_; }
    [[nodiscard]] const memory_models& models() const { return models_; }
    [[nodiscard]] instant now() const { return scheduler_.now(); }
    [[nodiscard]] simulated_scheduler& scheduler() { return scheduler_; }

    /// No event at or below it can appear any more, unless the database crashes.
    [[nodiscard]] position horizon() const;
    /// Transactions that are open or wait for locks.
    [[nodiscard]] std::size_t unfinished() const { return open_.size() + waiting_.size(); }

    [[nodiscard]] bool is_up() const { return scheduler_.elapsed() >= up_at_; }
    /// Connections made before the last crash are broken.
    [[nodiscard]] std::uint64_t crashes() const { return crashes_; }
    /// Refuses everything for `span`; what it is doing goes on.
    void refuse_for(duration span);
    /// Loses everything uncommitted, is away for `span` and then draws positions from wherever its
    /// sequence has fallen back to.
    void crash(duration span);
    /// A transaction of somebody else draws a position, stays open for `span` and rolls back.
    void hold_horizon(duration span);

    void set_faults(const storage_faults& faults) { faults_ = faults; }
    [[nodiscard]] const storage_faults& faults() const { return faults_; }
    [[nodiscard]] bool draw(double chance) { return chance > 0 && random_.unit() < chance; }
    /// Uniform in [0, most].
    [[nodiscard]] duration draw(duration most);

    /// Called after a commit with the owner of the first committed request, for whoever kills
    /// processes between the commit and its reply.
    void watch_commits(std::function<void(const std::string& owner)> watcher) {
        watcher_ = std::move(watcher);
    }

  private:
    struct transaction {
        statement work;
        told_outcomes told;
        std::vector<std::string> streams;
        /// Last position drawn by anybody before its own.
        position mark;
        std::vector<position> drawn;
    };
    using place = std::list<transaction>::iterator;

    void start_waiting();
    [[nodiscard]] bool is_free(const transaction& candidate, place until) const;
    void start(place started);
    void finish(const transaction* finished);
    void roll_back(place failed);
    void commit(place finished);
    [[nodiscard]] duration commit_time();

    simulated_scheduler& scheduler_;
    random_source random_;
    storage_faults faults_;
    memory_log log_;
    memory_models models_;
    /// The sequence of positions: the last one drawn, committed or not.
    position last_value_;
    std::list<transaction> open_;
    /// In order of arrival.
    std::list<transaction> waiting_;
    duration up_at_{0};
    std::uint64_t crashes_ = 0;
    std::function<void(const std::string&)> watcher_;
};

}  // namespace tidemark::testing
