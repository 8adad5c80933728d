#pragma once

#include "tidemark/async/executor.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <memory>
#include <utility>

namespace tidemark {

/// Hands a value to one suspended coroutine, from any thread. Keeps the coroutine's executor busy
/// until then. Destroyed without a value it destroys the coroutine.
template <class T>
class resumption {
  public:
    virtual ~resumption() = default;
    /// The coroutine goes on on its own executor. At most once.
    virtual void resume(T value) = 0;
};

template <class T, class Handler>
class resumption_of final : public resumption<T> {
  public:
    explicit resumption_of(Handler handler)
        : handler_{std::move(handler)},
          executor_{boost::asio::prefer(executor{boost::asio::get_associated_executor(handler_)},
                                        boost::asio::execution::outstanding_work.tracked)} {}

    void resume(T value) override {
        auto home = std::move(executor_);
        auto go_on = [handler = std::move(handler_), kept = std::move(value)]() mutable {
            std::move(handler)(std::move(kept));
        };
        boost::asio::post(home, std::move(go_on));
    }

  private:
    Handler handler_;
    executor executor_;
};

/// Suspends the caller; `start(std::unique_ptr<resumption<T>>)` is called once it is suspended.
template <class T, class Start>
awaitable<T> suspend(Start start) {
    auto begin = [](auto handler, Start start_now) {
        using made = resumption_of<T, decltype(handler)>;
        start_now(std::unique_ptr<resumption<T>>{std::make_unique<made>(std::move(handler))});
    };
    return boost::asio::async_initiate<const boost::asio::use_awaitable_t<executor>&, void(T)>(
        std::move(begin), boost::asio::use_awaitable_t<executor>{}, std::move(start));
}

}  // namespace tidemark
