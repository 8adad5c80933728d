#include "tidemark/async/timeout.hpp"

#include "tidemark/async/event.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include <exception>

namespace tidemark {
namespace asio = boost::asio;

namespace {

/// Shared by the caller and the coroutine it times.
struct race {
    asio::cancellation_signal stop;
    event over;
    bool ended = false;
    std::exception_ptr failure;
    /// The caller's own cancellation, passed on after the work has ended.
    std::exception_ptr aborted;
};

bool is_cancellation(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const boost::system::system_error& e) {
        return e.code() == asio::error::operation_aborted;
    } catch (...) {
        return false;
    }
}

/// Waits until the work has ended or `span` is over. The caller's own cancellation is kept.
awaitable<void> watch(execution& on, race& r, duration span) {
    try {
        co_await r.over.wait_for(on, span);
    } catch (const boost::system::system_error&) {
        r.aborted = std::current_exception();
    }
}

awaitable<void> join(race& r) {
    try {
        while (!r.ended) co_await r.over.wait();
    } catch (const boost::system::system_error&) {
        r.aborted = std::current_exception();
    }
}

}  // namespace

awaitable<bool> finish_within(execution& on, awaitable<void> work, duration span) {
    const auto home = co_await asio::this_coro::executor;
    auto r = std::make_shared<race>();
    asio::co_spawn(home, std::move(work),
                   asio::bind_cancellation_slot(r->stop.slot(), [r](std::exception_ptr failure) {
                       r->failure = std::move(failure);
                       r->ended = true;
                       r->over.notify();
                   }));
    co_await watch(on, *r, span);
    const bool in_time = r->ended;
    if (!in_time) r->stop.emit(asio::cancellation_type::terminal);
    while (!r->ended) {
        // The wait is not cut short, even by cancellation: the work may use what the caller owns.
        if (r->aborted) {
            co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
        }
        co_await join(*r);
    }
    if (r->aborted) {
        co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
        std::rethrow_exception(r->aborted);
    }
    if (r->failure && (in_time || !is_cancellation(r->failure))) {
        std::rethrow_exception(r->failure);
    }
    co_return in_time || !r->failure;
}

error timed_out_after(duration span) {
    return {errc::timed_out, "no answer within " + std::to_string(span.count()) +
                                 " us; try again later or allow more time"};
}

awaitable<result<void>> with_timeout(execution& on, awaitable<void> work, duration span) {
    const bool ended = co_await finish_within(on, std::move(work), span);
    if (!ended) co_return timed_out_after(span);
    co_return result<void>{};
}

}  // namespace tidemark
