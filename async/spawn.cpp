#include "tidemark/async/spawn.hpp"

#include "tidemark/core/assert.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <string>
#include <utility>

namespace tidemark {
namespace {

std::string text_of(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& e) {
        return e.what();
    } catch (...) {
        return "an exception that is not a std::exception";
    }
}

void report(const std::exception_ptr& failure, const error_sink& errors) {
    if (!failure) return;
    if (errors) return errors(failure);
    const auto text = "a spawned coroutine without an error sink threw: " + text_of(failure);
    TIDEMARK_ASSERT(failure == nullptr, text.c_str());
}

}  // namespace

bool spawn_here(gate& inside, const executor& on, awaitable<void> work, error_sink errors) {
    auto held = inside.try_enter();
    if (!held) return false;
    auto end = [held = std::move(held), errors = std::move(errors)](
                   const std::exception_ptr& failure) { report(failure, errors); };
    boost::asio::co_spawn(on, std::move(work), std::move(end));
    return true;
}

bool spawn(gate& inside, const executor& on, awaitable<void> work, error_sink errors) {
    auto held = inside.try_enter();
    if (!held) return false;
    // Posted, because co_spawn on the shard itself would run the work before this returns.
    auto start = [on, held = std::move(held), work = std::move(work),
                  errors = std::move(errors)]() mutable {
        auto end = [held = std::move(held), errors = std::move(errors)](
                       const std::exception_ptr& failure) { report(failure, errors); };
        boost::asio::co_spawn(on, std::move(work), std::move(end));
    };
    boost::asio::post(on, std::move(start));
    return true;
}

}  // namespace tidemark
