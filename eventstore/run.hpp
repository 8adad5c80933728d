#pragma once

#include "tidemark/async/executor.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>
#include <optional>
#include <utility>

namespace tidemark::testing {

template <class T>
awaitable<void> keep(awaitable<T> work, std::optional<T>& out) {
    auto value = co_await std::move(work);
    out.emplace(std::move(value));
}

/// Runs one coroutine to its end on an io_context of its own, on the calling thread. For tests.
template <class T>
T run(awaitable<T> work) {
    boost::asio::io_context context;
    std::optional<T> out;
    std::exception_ptr thrown;
    boost::asio::co_spawn(executor{context.get_executor()}, keep(std::move(work), out),
                          [&thrown](std::exception_ptr e) { thrown = std::move(e); });
    context.run();
    if (thrown) std::rethrow_exception(thrown);
    return std::move(*out);
}

}  // namespace tidemark::testing
