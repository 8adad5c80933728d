#pragma once

#include "tidemark/core/error.hpp"
#include "tidemark/core/version.hpp"
#include "tidemark/eventbus/event_bus.hpp"
#include "tidemark/eventstore/read_model.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace tidemark {

/// One event of a page as the relay sees it.
struct relay_entry {
    position at;
    /// Events with one key stay in order.
    std::string key;
    /// False: the mapping left it out; the checkpoint passes it by.
    bool wanted = true;
};

/// What the relay has to do next.
namespace relay_action {
/// Load the checkpoint and the incarnation of the log.
struct load {
    friend bool operator==(const load&, const load&) = default;
};
/// Read events after this position.
struct read {
    position after;
    friend bool operator==(const read&, const read&) = default;
};
/// Publish these events of the page, in this order.
struct publish {
    std::vector<position> events;
    friend bool operator==(const publish&, const publish&) = default;
};
/// Move the stored checkpoint, if it is still `from`.
struct advance {
    checkpoint from;
    checkpoint to;
    friend bool operator==(const advance&, const advance&) = default;
};
/// Nothing to read: wait for a commit or the time of the next poll.
struct idle {
    friend bool operator==(const idle&, const idle&) = default;
};
/// Something failed for the `failures`-th time in a row: wait before going on.
struct back_off {
    std::uint32_t failures = 1;
    friend bool operator==(const back_off&, const back_off&) = default;
};
/// The producer is broken for good: make another one.
struct renew {
    friend bool operator==(const renew&, const renew&) = default;
};
/// Wait for an operator, loudly. Nothing behind it is published. No reason: parked still.
struct park {
    std::string reason;
    friend bool operator==(const park&, const park&) = default;
};
/// Another relay publishes this topic: wait, then look again.
struct stand_by {
    friend bool operator==(const stand_by&, const stand_by&) = default;
};
/// Everything in flight is decided: end.
struct stop {
    friend bool operator==(const stop&, const stop&) = default;
};
using any = std::variant<load, read, publish, advance, idle, back_off, renew, park, stand_by, stop>;
}  // namespace relay_action

/// From the log to the bus: what to read and send, when the checkpoint may move, when to stop.
/// Pure: each call tells what happened and answers what to do; one action is under way at a time,
/// which is all the memory there is (one page) and keeps keys in order.
///
/// The checkpoint moves only behind events that are reported as persisted, in log order; not with
/// every page (`unsaved_max`, `save_soon`), because each move is a commit that the next page would
/// wait for. Anything else is published again, together with every later event of the same key, so
/// that a key's last copies are in order; consumers drop what they have. `refused` parks: an
/// operator is needed. `fatal` renews the producer and publishes everything behind the checkpoint
/// again.
class relay_fsm {
  public:
    enum class phase : std::uint8_t {
        loading,
        reading,
        publishing,
        advancing,
        waiting,
        backing_off,
        renewing,
        parked,
        standing_by,
        stopped,
    };

    /// `unsaved_max`: so many events may be on the bus and not behind the checkpoint while others
    /// follow: they are published again after a crash. 0: it moves with each page.
    explicit relay_fsm(std::size_t unsaved_max = 0) : unsaved_max_{unsaved_max} {}

    [[nodiscard]] relay_action::any start();
    /// `log`: the end of the log and which one it is.
    [[nodiscard]] relay_action::any loaded(const checkpoint& stored, const checkpoint& log);
    /// Another relay holds the lease of this topic; nothing of the page may be published any more.
    [[nodiscard]] relay_action::any held_elsewhere();
    /// A load, read or advance failed. `stale`: another relay moved the checkpoint; load it anew.
    /// Not retryable: park.
    [[nodiscard]] relay_action::any failed(const error& why);
    /// What the last read brought. `seen`: position of the last event looked at.
    [[nodiscard]] relay_action::any arrived(std::vector<relay_entry> page, position seen);
    /// One report per published event, in order. Missing ones count as `possibly_persisted`.
    [[nodiscard]] relay_action::any reported(const std::vector<delivery_report>& reports);
    [[nodiscard]] relay_action::any advanced();
    [[nodiscard]] relay_action::any renewed();
    /// A wait (idle, back_off, park) is over.
    [[nodiscard]] relay_action::any waited();

    /// Something is on the bus, or passed over, that the stored checkpoint is not behind.
    [[nodiscard]] bool has_unsaved() const { return reached_ != stored_.position; }
    /// Move the checkpoint before anything else is published.
    void save_soon() { must_save_ = true; }
    /// From now on nothing begins; what is in flight is decided and the checkpoint moved first.
    void stop() { is_stopping_ = true; }
    /// An operator says that the reason is gone: the wait of `park` ends with a fresh load.
    void resume() { may_resume_ = true; }

    [[nodiscard]] phase where() const { return phase_; }
    [[nodiscard]] const checkpoint& at() const { return stored_; }
    /// Everything up to here is on the bus; the checkpoint may follow later.
    [[nodiscard]] position reached() const { return reached_; }
    /// Events published again so far.
    [[nodiscard]] std::uint64_t repeated() const { return repeated_; }

  private:
    enum class fate : std::uint8_t { done, open };
    struct item {
        relay_entry entry;
        fate state = fate::open;
        bool was_sent = false;
    };

    [[nodiscard]] relay_action::any load();
    [[nodiscard]] relay_action::any read();
    [[nodiscard]] relay_action::any publish();
    [[nodiscard]] relay_action::any advance();
    [[nodiscard]] relay_action::any idle();
    [[nodiscard]] relay_action::any back_off();
    [[nodiscard]] relay_action::any park(std::string reason);
    [[nodiscard]] relay_action::any end();
    void pass_decided();
    [[nodiscard]] bool must_advance() const;
    /// What follows when some of the page is decided.
    [[nodiscard]] relay_action::any save_or_go_on();
    /// What follows when the checkpoint stands where it can.
    [[nodiscard]] relay_action::any go_on();
    void reopen_followers();
    [[nodiscard]] position decided() const;
    [[nodiscard]] bool is_page_done() const;

    phase phase_ = phase::loading;
    std::size_t unsaved_max_;
    checkpoint stored_;
    position reached_;
    /// Events between the two.
    std::size_t unsaved_ = 0;
    position seen_;
    position target_;
    std::vector<item> page_;
    std::vector<std::size_t> in_flight_;
    std::uint32_t failures_ = 0;
    std::uint64_t repeated_ = 0;
    /// What the reports of the last publish demand once the checkpoint has moved.
    bool must_renew_ = false;
    bool must_wait_ = false;
    bool must_save_ = false;
    /// The last read found nothing: there is nothing to do once the checkpoint has moved.
    bool is_at_end_ = false;
    std::optional<std::string> park_reason_;
    /// What to do after back_off: the phase that failed.
    phase after_wait_ = phase::loading;
    bool is_stopping_ = false;
    bool may_resume_ = false;
};

}  // namespace tidemark
