// Who publishes: a relay's lease and its writer.
#include "tidemark/eventbus/relay.hpp"
#include "tidemark/observability/log.hpp"

#include <stdexcept>
#include <utility>

namespace tidemark {

/// What to do instead, if the lease and the checkpoint could not be had.
awaitable<std::optional<relay_action::any>> relay::hold_or_yield(checkpoint from, checkpoint to) {
    const auto is_held = co_await hold(from, to);
    if (!is_held) co_return failed(is_held.error());
    if (*is_held) co_return std::nullopt;
    pass_on_orders();
    co_return fsm_.held_elsewhere();
}

/// Takes or renews the lease, and moves the checkpoint with it; false if another relay has it.
awaitable<result<bool>> relay::hold(checkpoint from, checkpoint to) {
    struct seen {
        relay_lease held;
        bool is_lost = false;
    };
    const auto told = std::make_shared<seen>();
    const auto now = on_.clock().now();
    const bool is_moving = from != to;
    const auto ended = observed_.ended(on_.clock().steady());
    std::function<void(read_model&)> take = [told, now, is_moving, ended, who = owner_,
                                             span = options_.lease](read_model& in) {
        told->held = take_lease(in, who, now, span, ended);
        told->is_lost = told->held.owner != who;
        if (told->is_lost && is_moving) throw std::runtime_error{"another relay holds the lease"};
    };
    const auto moved = co_await checkpoints_.update(name_, from, to, std::move(take));
    if (!moved && !told->is_lost) co_return moved.error();
    lease_ = told->held;
    observed_.saw(lease_, on_.clock().steady());
    {
        const std::scoped_lock lock{mutex_};
        status_.owner = lease_.owner;
        status_.token = lease_.token;
    }
    co_return !told->is_lost;
}

/// So that another relay need not wait for the end of the lease. Best effort.
awaitable<void> relay::let_go() {
    if (lease_.owner != owner_) co_return;
    std::function<void(read_model&)> release = [who = owner_](read_model& in) {
        release_lease(in, who);
    };
    const auto at = fsm_.at();
    const auto freed = co_await checkpoints_.update(name_, at, at, std::move(release));
    if (!freed) log::debug("lease of a relay not released", {"reason", freed.error().message()});
}

/// Who holds the lease alone may do it. What to do instead, if it could not be done.
awaitable<std::optional<relay_action::any>> relay::shut_others_out() {
    if (!bus_.has_writers() || (writer_ && writer_token_ == lease_.token)) co_return std::nullopt;
    writer_.reset();
    auto opened = co_await bus_.open_writer(incarnation_.to_string() + "." + name_);
    if (!opened) co_return failed(opened.error());
    writer_ = std::move(*opened);
    writer_token_ = lease_.token;
    co_return std::nullopt;
}

/// A relay that was shut out looks at the lease first, so as not to shut out its successor.
awaitable<relay_action::any> relay::renew() {
    if (options_.renew_producer) options_.renew_producer();
    if (!writer_) co_return fsm_.renewed();
    writer_.reset();
    auto yielded = co_await hold_or_yield(fsm_.at(), fsm_.at());
    if (yielded) co_return std::move(*yielded);
    auto stopped = co_await shut_others_out();
    if (stopped) co_return std::move(*stopped);
    pass_on_orders();
    co_return fsm_.renewed();
}

}  // namespace tidemark
