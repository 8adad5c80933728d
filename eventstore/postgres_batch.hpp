#pragma once

#include "tidemark/eventstore/append.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace tidemark {

class postgres_connection;

/// Appends for one statement, checked and stored in one transaction. Owned by a writer's thread;
/// the requests outlive it.
///
/// Within a statement the database checks the appends of one stream in order, but looks at
/// everything else (ids, commands, effects, timers, consumptions) once for all of them. So no two
/// requests that name the same of these go together: `try_add` refuses the second, which then goes
/// with the next statement.
class postgres_batch {
  public:
    /// False if it must wait for the next statement. One alone is always taken.
    [[nodiscard]] bool try_add(const append_request& request);
    [[nodiscard]] std::size_t size() const { return requests_.size(); }

    /// Stores what [begin, end) of the requests ask for in one statement and transaction. The
    /// outcomes are in the order of the requests; none is an error that the database told of: these
    /// are thrown as `postgres_failure`. `now`: nothing, by the database's clock. `checks_ids`:
    /// some ids may be stored already (after a unique violation or an unknown outcome).
    [[nodiscard]] std::vector<append_outcome> run(postgres_connection& session, std::size_t begin,
                                                  std::size_t end, std::optional<instant> now,
                                                  bool checks_ids) const;
    void clear();

    /// The statement, to be prepared before the first append.
    static void prepare(postgres_connection& session);

  private:
    [[nodiscard]] std::vector<std::uint64_t> names_of(const append_request& request) const;

    std::vector<const append_request*> requests_;
    /// Hashes of what the requests name.
    std::unordered_set<std::uint64_t> names_;
};

}  // namespace tidemark
