#pragma once

#include "tidemark/async/event.hpp"
#include "tidemark/async/gate.hpp"
#include "tidemark/runtime/command_router.hpp"
#include "tidemark/runtime/effect_options.hpp"
#include "tidemark/runtime/shard_runtime.hpp"

#include <atomic>
#include <map>
#include <memory>
#include <vector>

namespace tidemark {

/// Carries effects out: sends, requests, settles, due timers. What its shard's appends stored is
/// claimed with them and runs at once; everything else (retries, timers, the work of a killed
/// process) is claimed from the store when due. At most `effect_concurrency` at a time; beyond that
/// effects wait in the store. Owned by the runtime, lives on its shard.
class effect_runner final : public shard_runtime::commit_listener {
  public:
    effect_runner(shard_runtime& shard, command_router& router);

    void start();
    /// Claims nothing more: new effects wait in the store for the next process. On its shard.
    void stop_claiming();
    /// Returns when what runs has ended.
    [[nodiscard]] awaitable<void> stop();

    /// Something may have become due that this process did not store: from any thread. Nothing
    /// happens before `start`.
    void look_again();

    [[nodiscard]] bool has_room() const override;
    void claimed(std::vector<held_effect> effects) override;
    void may_become_due(instant due) override;

    [[nodiscard]] std::size_t running() const { return running_.size(); }

  private:
    /// How one attempt ended.
    struct attempt_end {
        enum class kind : std::uint8_t {
            /// The effect has ended and its row is gone.
            done,
            /// The work is done; its row is still to be removed.
            to_complete,
            /// Somebody else holds or ended it.
            lost,
            /// Try again after a pause.
            failed,
            /// No attempt can succeed.
            hopeless,
            /// The work was not begun; the attempt does not count.
            not_begun,
        };
        kind what = kind::done;
        error why{errc::stale, ""};
    };

    [[nodiscard]] awaitable<void> poll();
    [[nodiscard]] awaitable<void> claim_due();
    [[nodiscard]] awaitable<void> pause_until_due();
    [[nodiscard]] awaitable<void> renew();
    void start_effect(held_effect held);
    [[nodiscard]] awaitable<void> run(held_effect held);
    [[nodiscard]] awaitable<attempt_end> attempt(const held_effect& held,
                                                 const effect_options& options);
    [[nodiscard]] awaitable<attempt_end> attempt_send(const held_effect& held,
                                                      const effect_options& options);
    [[nodiscard]] awaitable<attempt_end> attempt_request(const held_effect& held,
                                                         const effect_options& options);
    [[nodiscard]] awaitable<attempt_end> attempt_settle(const held_effect& held,
                                                        const effect_options& options);
    [[nodiscard]] awaitable<attempt_end> attempt_timer(const held_effect& held,
                                                       const effect_options& options);
    [[nodiscard]] awaitable<attempt_end> bring_answer(const held_effect& held, answer first,
                                                      std::vector<message_id> closes);
    [[nodiscard]] awaitable<attempt_end> deliver_back(const held_effect& held,
                                                      std::unique_ptr<any_command> command,
                                                      std::vector<message_id> closes);
    [[nodiscard]] awaitable<result<std::vector<recorded_event>>> caused_events(const answer& first);
    [[nodiscard]] awaitable<void> end_attempt(const held_effect& held,
                                              const effect_options& options, attempt_end end);
    [[nodiscard]] awaitable<void> try_again_or_park(const held_effect& held,
                                                    const effect_options& options,
                                                    const attempt_end& end);
    [[nodiscard]] static attempt_end judged(const error& why);
    [[nodiscard]] envelope_ptr envelope_for(const held_effect& held,
                                            std::unique_ptr<any_command> command,
                                            duration timeout) const;
    [[nodiscard]] duration retry_delay(const held_effect& held,
                                       const effect_options& options) const;

    shard_runtime& shard_;
    command_router& router_;
    /// Effect → fencing token of its key, while it runs here.
    std::map<message_id, std::uint64_t> running_;
    /// Something of ours may wait behind what runs: look again when it ends.
    bool expects_more_ = true;
    std::atomic<bool> is_started_ = false;
    bool is_stopping_ = false;
    instant next_due_ = instant::max();
    event wake_;
    std::unique_ptr<timer> renewal_;
    tidemark::gate gate_;
};

}  // namespace tidemark
