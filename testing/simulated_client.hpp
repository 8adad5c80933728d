#pragma once

#include "tidemark/testing/simulated_cluster.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tidemark::testing {

/// A command of a caller and everything it was told.
struct simulated_operation {
    /// The caller's key (scope "caller"): the same for every attempt.
    std::string key;
    stream_id stream;
    /// Makes the command, anew for every attempt.
    std::function<std::unique_ptr<any_command>()> command;
    /// Decisive replies, receipts and refusals, in the order in which they came.
    std::vector<outcome> replies{};
    /// An error after which trying again makes no sense.
    std::optional<error> failure{};
    /// Attempts under way or planned.
    std::uint32_t unfinished = 0;
    std::uint32_t attempts = 0;

    [[nodiscard]] bool is_decided() const { return !replies.empty() || failure.has_value(); }
    /// The id its events carry as their causation.
    [[nodiscard]] message_id id() const { return message_id::derive({"command", "caller", key}); }
};

/// The callers of a simulated world, outside of every process. Each command is sent to some living
/// process and, after an error that allows it, a death or a silence, again under the same key until
/// it is decided. Belongs to the simulation.
class simulated_client {
  public:
    simulated_client(simulated_scheduler& scheduler, simulated_cluster& cluster);
    simulated_client(const simulated_client&) = delete;
    simulated_client& operator=(const simulated_client&) = delete;

    /// Begins after `delay`, and maybe sends duplicates later. The reference stays good.
    const simulated_operation& begin(stream_id stream,
                                     std::function<std::unique_ptr<any_command>()> command,
                                     duration delay);
    [[nodiscard]] const std::deque<simulated_operation>& operations() const { return operations_; }
    /// Every command is decided and no duplicate is under way.
    [[nodiscard]] bool is_idle() const { return unfinished_ == 0; }

  private:
    struct attempt {
        simulated_operation* of = nullptr;
        std::size_t process = 0;
    };

    void plan(simulated_operation& of, duration delay);
    void send(simulated_operation& of);
    void heard(simulated_operation& of, std::uint64_t number, const outcome& told);
    void silent(std::uint64_t number);
    void died(std::size_t process);
    void end(simulated_operation& of);
    [[nodiscard]] duration up_to(duration most);

    simulated_scheduler& scheduler_;
    simulated_cluster& cluster_;
    random_source random_;
    std::deque<simulated_operation> operations_;
    std::map<std::uint64_t, attempt> attempts_;
    std::uint64_t last_attempt_ = 0;
    std::uint64_t unfinished_ = 0;
};

}  // namespace tidemark::testing
