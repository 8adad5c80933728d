#include "tidemark/async/event.hpp"

#include "tidemark/async/suspension.hpp"
#include "tidemark/core/assert.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <mutex>
#include <utility>

namespace tidemark {
namespace asio = boost::asio;

namespace {

/// Swapped, never assigned: in Boost 1.81 its move assignment recurses for ever.
using waiter = asio::any_completion_handler<void()>;

/// Never inline: a notifier must not run the code it wakes.
void resume(const executor& home, waiter who) {
    asio::require(home, asio::execution::blocking.never).execute([who = std::move(who)]() mutable {
        std::move(who)();
    });
}

}  // namespace

/// Outlives the event while a notifier, an alarm or a wait under way holds it.
struct event::core : suspension, std::enable_shared_from_this<core> {
    enum class end { notified, expired, cancelled };

    std::mutex mutex;
    bool set = false;
    /// Number of the wait under way or the last one: an alarm of an older one is late.
    std::uint64_t turn = 0;
    /// How the last wait ended. Written before the waiter is resumed, read by the waiter.
    end last = end::notified;
    waiter who;
    executor home;

    std::uint64_t next_turn() {
        const std::scoped_lock lock{mutex};
        return ++turn;
    }

    /// Ends wait `at` if it is under way.
    void finish(std::uint64_t at, end how) {
        std::unique_lock lock{mutex};
        if (!who || at != turn) return;
        last = how;
        wake(lock);
    }

    void notify() {
        std::unique_lock lock{mutex};
        if (!who) {
            set = true;
            return;
        }
        last = end::notified;
        wake(lock);
    }

    void wake(std::unique_lock<std::mutex>& lock) {
        leave_suspension(home, *this);
        waiter woken;
        woken.swap(who);
        auto on = std::exchange(home, executor{});
        lock.unlock();
        resume(on, std::move(woken));
    }

    void abandon() override {
        const auto self = shared_from_this();
        std::unique_lock lock{mutex};
        if (!who) return;
        leave_suspension(home, *this);
        waiter dropped;
        dropped.swap(who);
        home = executor{};
        lock.unlock();  // what the coroutine owns may notify us while it is destroyed
    }

    template <class Handler>
    void begin(std::uint64_t at, Handler handler) {
        auto on = asio::get_associated_executor(handler);
        waiter mine{std::move(handler)};  // first: it takes the slot of the handler for itself
        if (auto slot = mine.get_cancellation_slot(); slot.is_connected()) {
            slot.assign([weak = weak_from_this(), at](asio::cancellation_type) {
                if (const auto self = weak.lock()) self->finish(at, end::cancelled);
            });
        }
        std::unique_lock lock{mutex};
        TIDEMARK_ASSERT(!who, "an event has one waiter at a time");
        home = std::move(on);
        who.swap(mine);
        enter_suspension(home, *this);
        if (!std::exchange(set, false)) return;
        last = end::notified;
        wake(lock);
    }

    awaitable<end> wait(std::uint64_t at) {
        const auto self = weak_from_this();  // strong would keep a waiting coroutine alive for ever
        auto start = [this, at](auto handler) { begin(at, std::move(handler)); };
        asio::use_awaitable_t<executor> token;
        co_await asio::async_initiate<asio::use_awaitable_t<executor>, void()>(start, token);
        const auto kept = self.lock();
        const auto how = kept ? last : end::cancelled;
        if (how == end::cancelled) {
            throw boost::system::system_error{asio::error::operation_aborted, "event::wait"};
        }
        co_return how;
    }
};

namespace {

/// Ends a wait when its time is over. Shared by the waiter and the coroutine that sleeps for it.
template <class Core>
struct alarm {
    std::shared_ptr<Core> core;
    std::unique_ptr<timer> sleep;
    std::uint64_t turn;
    bool off = false;
};

template <class Core>
awaitable<void> ring(std::shared_ptr<alarm<Core>> a, duration span) {
    if (a->off) co_return;
    const bool passed = co_await a->sleep->wait(span);
    if (passed) a->core->finish(a->turn, Core::end::expired);
}

template <class Core>
struct switch_off {
    std::shared_ptr<alarm<Core>> a;
    explicit switch_off(std::shared_ptr<alarm<Core>> which) : a{std::move(which)} {}
    switch_off(const switch_off&) = delete;
    switch_off& operator=(const switch_off&) = delete;
    ~switch_off() {
        a->off = true;
        a->sleep->cancel();
    }
};

}  // namespace

event::event() : core_{std::make_shared<core>()} {}
event::~event() { core_->abandon(); }

void event::notify() { core_->notify(); }

awaitable<void> event::wait() {
    const auto turn = core_->next_turn();
    co_await core_->wait(turn);
}

awaitable<bool> event::wait_for(execution& on, duration span) {
    const auto turn = core_->next_turn();
    const auto home = co_await asio::this_coro::executor;
    auto a = std::make_shared<alarm<core>>(core_, on.make_timer(home), turn);
    const switch_off<core> at_exit{a};
    asio::co_spawn(home, ring(std::move(a), span), [](std::exception_ptr failure) {
        if (failure) std::rethrow_exception(failure);
    });
    const auto how = co_await core_->wait(turn);
    co_return how == core::end::notified;
}

std::function<void()> event::notifier() const {
    return [core = core_] { core->notify(); };
}

}  // namespace tidemark
