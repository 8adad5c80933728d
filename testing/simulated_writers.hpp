#pragma once

#include "tidemark/async/event.hpp"
#include "tidemark/async/simulated_execution.hpp"
#include "tidemark/eventstore/wake_list.hpp"
#include "tidemark/testing/simulated_database.hpp"

#include <array>
#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tidemark::testing {

/// The connections on which one process appends. A stream stays on one of them while an append of
/// it is under way, so that they leave and take effect in order; what breaks a connection breaks
/// that order, as it does in reality. Shared with the alarms of what is under way; shut when the
/// process dies.
class simulated_writers : public std::enable_shared_from_this<simulated_writers> {
  public:
    simulated_writers(simulated_database& database, simulated_execution& process)
        : database_{database}, process_{&process} {}

    /// A batch and what has become of it so far.
    struct delivery {
        append_batch batch;
        std::vector<append_outcome> outcomes;
        std::size_t missing = 0;
        event done;
    };
    [[nodiscard]] std::shared_ptr<delivery> send(append_batch batch);
    /// The process is dead: nothing more is sent, nobody hears a reply.
    void shut();

    [[nodiscard]] wake_list& wakes() { return wakes_; }

  private:
    struct statement {
        std::shared_ptr<delivery> of;
        std::vector<std::size_t> which;
    };
    struct writer {
        std::deque<statement> queued;
        bool is_busy = false;
    };
    struct latch {
        std::size_t writer = 0;
        std::size_t appends = 0;
    };

    void pump(std::size_t at);
    void carry(std::size_t at, const statement& sent);
    void lose(std::size_t at, const statement& sent);
    void carry_late(std::size_t at, const statement& sent);
    void arrive(std::size_t at, const statement& sent, std::uint64_t crashes_before);
    void reply(std::size_t at, const statement& sent, std::vector<append_outcome> outcomes);
    void answer(std::size_t at, const statement& sent, std::vector<append_outcome> outcomes,
                duration after);
    void finish(std::size_t at, const statement& sent, std::vector<append_outcome> outcomes);

    simulated_database& database_;
    /// Null once the process is dead.
    simulated_execution* process_;
    std::array<writer, 2> writers_;
    std::map<std::string, latch, std::less<>> latches_;
    wake_list wakes_;
};

}  // namespace tidemark::testing
