#include "tidemark/async/clock.hpp"

#include <pthread.h>
#include <sys/random.h>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <chrono>
#include <system_error>

namespace tidemark {
namespace {

/// Grows in every forked child, so that its threads notice that their state is a copy.
std::atomic<std::uint64_t> generation{1};

void count_fork() { generation.fetch_add(1, std::memory_order_relaxed); }

/// xoshiro256** (Blackman and Vigna 2018).
struct generator {
    std::array<std::uint64_t, 4> state{};
    std::uint64_t seeded_in = 0;

    void seed() {
        static const int registered = pthread_atfork(nullptr, nullptr, count_fork);
        if (registered != 0) throw std::system_error{registered, std::generic_category(), "atfork"};
        const auto size = static_cast<ssize_t>(sizeof state);
        ssize_t got = 0;
        do {
            got = getrandom(state.data(), sizeof state, 0);
        } while (got < 0 && errno == EINTR);
        if (got != size) throw std::system_error{errno, std::generic_category(), "getrandom"};
        seeded_in = generation.load(std::memory_order_relaxed);
    }

    std::uint64_t next() {
        const auto out = std::rotl(state[1] * 5, 7) * 9;
        const auto shifted = state[1] << 17U;
        state[2] ^= state[0];
        state[3] ^= state[1];
        state[1] ^= state[2];
        state[0] ^= state[3];
        state[2] ^= shifted;
        state[3] = std::rotl(state[3], 45);
        return out;
    }
};

thread_local generator of_this_thread;

class real_timer final : public timer {
  public:
    explicit real_timer(const executor& home) : timer_{home} {}

    awaitable<bool> wait(duration span) override {
        timer_.expires_after(span);
        boost::system::error_code failure;
        boost::asio::use_awaitable_t<executor> token;
        auto redirected = boost::asio::redirect_error(token, failure);
        co_await timer_.async_wait(redirected);
        co_return !failure;
    }

    void cancel() override { timer_.cancel(); }

  private:
    boost::asio::steady_timer timer_;
};

}  // namespace

instant real_clock::now() const {
    return std::chrono::time_point_cast<duration>(std::chrono::system_clock::now());
}

duration real_clock::steady() const {
    return std::chrono::duration_cast<duration>(
        std::chrono::steady_clock::now().time_since_epoch());
}

std::uint64_t real_random::next() {
    auto& mine = of_this_thread;
    if (mine.seeded_in != generation.load(std::memory_order_relaxed)) mine.seed();
    return mine.next();
}

std::unique_ptr<timer> make_real_timer(const executor& home) {
    return std::make_unique<real_timer>(home);
}

}  // namespace tidemark
