#pragma once

#include "tidemark/async/backoff.hpp"
#include "tidemark/core/error.hpp"
#include "tidemark/eventbus/consumer_records.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark {

/// What a consumer expects of the versions of a stream.
enum class version_check : std::uint8_t {
    /// Every version from 1 on, without a hole.
    complete,
    /// Without a hole from the version that is seen first: for a topic whose oldest messages are
    /// gone.
    complete_from_first,
    /// Growing: for a topic whose relay leaves events out. A loss is not noticed.
    growing,
};

/// Takes one event in, within the consumer's transaction. Runs on the store's thread and must not
/// block. `undecodable` as answer: the event cannot be read, its stream is parked at once; any
/// other failure, or an exception: it cannot be taken in, now.
using consumer_effect = std::function<result<void>(read_model&, const recorded_event&)>;

struct consumer_rules {
    std::string name;
    std::string group;
    consumer_effect apply;
    /// Key of the document that `apply` is going to read, so that those of a batch are read at
    /// once; may be empty.
    std::function<std::string(const recorded_event&)> reads;
    version_check check = version_check::complete;
    std::uint32_t attempts_max = 5;
    backoff_policy retry{.first = std::chrono::milliseconds{100}, .cap = std::chrono::seconds{30}};
    /// Messages kept in all. At the bound the consumer stands still, loudly, until an operator has
    /// resumed a stream: nothing is lost.
    std::size_t kept_max = 10'000;
};

/// What is to be done with one event.
enum class verdict : std::uint8_t {
    apply,
    /// It has taken effect before.
    drop,
    /// Versions before it are missing: read them from the log, then ask again.
    fetch,
    /// Set it aside.
    keep,
};
[[nodiscard]] verdict judge(const stream_place& at, version arrived, version_check check,
                            bool may_fetch);

/// Events that are missing between what has taken effect and what has arrived.
struct missing_events {
    std::string place;
    stream_id stream;
    version after;
    version until;
    friend bool operator==(const missing_events&, const missing_events&) = default;
};

/// What one transaction has done.
struct intake {
    std::uint64_t applied = 0;
    std::uint64_t duplicates = 0;
    /// Set aside, in streams and without one.
    std::uint64_t kept = 0;
    std::uint64_t refused = 0;
    /// Messages that were given up: see `consumer_ledger::shelve`.
    std::uint64_t forgotten = 0;
    /// Applications that failed.
    std::uint64_t failures = 0;
    /// Those of the batch that wait for the log, and what it is to be asked for.
    std::vector<std::size_t> waiting;
    std::vector<missing_events> missing;
    /// Of the last failure.
    std::string reason;
};

/// What a consumer knows and does within one transaction: effects, places of the streams and
/// messages set aside change together. Everything is read from the transaction, nothing is
/// remembered from before: whoever else has taken the same events in was here first, and is seen.
/// No I/O of its own. Throws what the storage throws, and `std::system_error` (`overloaded`) at
/// `kept_max`: then nothing may be committed.
class consumer_ledger {
  public:
    consumer_ledger(read_model& rows, const consumer_rules& rules, instant now,
                    std::uint64_t random);

    /// Takes events in. `log`: the one that can be asked for missing events, if any; `lost`: places
    /// that it was asked for in vain.
    void take(std::span<const consumed_event> batch, const std::optional<message_id>& log,
              const std::set<std::string, std::less<>>& lost);
    /// Sets a message aside that is no event.
    void refuse(bus_message message, const error& why);
    /// Tries again what is kept of a stream, at most `limit` messages. `is_ordered`: an operator
    /// wants it; the attempts begin anew.
    void release(const std::string& place, std::size_t limit, bool is_ordered);
    /// Gives up what stands in the way of a stream: the first message kept, or what is missing
    /// before it.
    void skip(const std::string& place);
    /// What of a stream is on the dead-letter topic.
    void lettered(const std::string& place, version until);
    /// Forgets these messages without a stream.
    void letters_done(const std::vector<std::string>& keys);
    /// There is nowhere to hand these over to. They no longer count, and of more than a hundred
    /// some are forgotten: no stream waits for them, and the topic they came on has them.
    void shelve(const std::vector<std::string>& keys);
    /// What is on the shelf is to be handed over after all.
    void offer_again();
    /// Keeps an order beside what it does.
    void note(document audited);
    /// Events that have taken effect so far.
    [[nodiscard]] std::uint64_t applied() const { return done_.applied; }
    /// Writes what has changed. Last.
    [[nodiscard]] intake close();

    /// How the stream stands now.
    [[nodiscard]] const stream_place& at(const std::string& place);

  private:
    struct known_place {
        stream_place stands;
        bool has_changed = false;
    };

    [[nodiscard]] known_place& find(const std::string& key);
    [[nodiscard]] std::uint64_t total();
    void prefetch(std::span<const consumed_event> batch, const std::vector<std::string>& keys);
    void take_one(const consumed_event& arrived, known_place& place, const std::string& key);
    [[nodiscard]] std::optional<error> apply(const recorded_event& event);
    void follow(known_place& place, const std::string& key, std::size_t limit);
    [[nodiscard]] bool apply_kept(known_place& place, const document& kept);
    void failed(known_place& place, const error& why);
    void open_gap(known_place& place, version next);
    void settle(known_place& place, bool is_limit_reached, bool is_stuck);
    void keep(known_place& place, const std::string& key, const consumed_event& arrived);
    void replace_first(known_place& place, const std::string& key, const document& by,
                       const consumed_event& arrived);
    void forget(known_place& place, const std::string& kept_key);
    void put_kept(document doc, bool& is_fresh);

    read_model& rows_;
    read_model& streams_;
    read_model& parked_;
    const consumer_rules& rules_;
    instant now_;
    std::uint64_t random_;
    std::map<std::string, known_place, std::less<>> places_;
    std::optional<std::uint64_t> total_;
    bool has_total_changed_ = false;
    intake done_;
};

}  // namespace tidemark
