#pragma once

#include "tidemark/bench/bare_postgres.hpp"
#include "tidemark/bench/latencies.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace bench {

/// Group commit by hand, the limit of appends from many clients: each is a number on one thread
/// that sends its next event as soon as it is told that the one before is on the disk, and what
/// waits goes with the next statement of a session that is free. Nothing is checked.
class group_commit {
  public:
    /// Clients share the sessions evenly; every event has `payload`.
    group_commit(const std::string& url, std::size_t sessions, std::size_t clients,
                 std::string payload);

    /// Until so many events are stored and told; tells `took` how long each client waited.
    void run(std::uint64_t calls, latencies& took);

  private:
    struct writer {
        std::unique_ptr<bare_session> session;
        /// Whose events are under way; none while it is free.
        std::vector<std::size_t> clients;
    };

    void begin(std::size_t client);
    void send(writer& by);
    void await_answers();
    /// How many clients were told.
    std::uint64_t tell(writer& by, latencies& took);

    std::vector<writer> writers_;
    std::vector<latencies::clock::time_point> begun_;
    std::vector<std::size_t> waiting_;
    std::string payload_;
    std::size_t share_;
    std::uint64_t left_ = 0;
    std::uint64_t named_ = 0;
};

}  // namespace bench
