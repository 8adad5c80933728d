#pragma once

#include "tidemark/async/executor.hpp"
#include "tidemark/core/error.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tidemark::http {

/// A named question about one dependency, asked again and again in the background.
struct health_check {
    std::string name;
    /// An error says why the dependency cannot be used. Cancelled when the checks are drained.
    std::function<awaitable<result<void>>()> ask;
    /// A failing critical check makes the process not ready; another is only listed.
    bool is_critical = true;
    /// Between two questions.
    duration period = std::chrono::seconds{2};
    /// No answer for so long is an answer: failing.
    duration patience = std::chrono::seconds{2};
};

/// How a check stands. Its answer was given in the background, so that reading it takes no time
/// even while the dependency hangs.
struct health_state {
    std::string name;
    bool is_critical = true;
    bool is_passing = false;
    /// Why not; empty when passing.
    std::string reason;
    /// Since the last answer; since the start if there was none.
    duration age{};
};

/// The health of a process: whether it has started, drains, and what its dependencies say. Lives on
/// one executor, the admin server's; owned by whoever owns that server and destroyed after `drain`.
class health {
  public:
    health(execution& world, executor on);
    health(const health&) = delete;
    health& operator=(const health&) = delete;
    ~health();

    /// Before `start`, at most 64 checks. Throws `std::invalid_argument` for a name used twice or
    /// one check too many.
    void add(health_check check);
    /// Begins to ask. Once.
    void start();
    /// Everything is set up: `/startupz` passes from now on. From any thread.
    void set_started();
    /// The process drains: not ready from now on, alive until it ends. From any thread.
    void set_draining();

    [[nodiscard]] bool has_started() const;
    [[nodiscard]] bool is_draining() const;
    /// Started, not draining, and every critical check passing. On the executor.
    [[nodiscard]] bool is_ready() const;
    /// On the executor.
    [[nodiscard]] std::vector<health_state> states() const;
    /// {"status":"ready|not_ready|starting|draining","checks":[…]}. On the executor.
    [[nodiscard]] std::string to_json() const;

    /// Stops asking; returns when the last question has ended. From any executor.
    [[nodiscard]] awaitable<void> drain();

  private:
    struct state;
    std::unique_ptr<state> state_;
};

}  // namespace tidemark::http
