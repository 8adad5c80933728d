#include "tidemark/eventstore/postgres_notices.hpp"

#include "tidemark/async/backoff.hpp"
#include "tidemark/async/clock.hpp"
#include "tidemark/eventstore/postgres_connection.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

namespace tidemark {
namespace {

constexpr auto listen_at_most = std::chrono::minutes{1};
/// Between two messages: what is committed meanwhile is told by the next.
constexpr auto rest_between = std::chrono::milliseconds{1};
constexpr backoff_policy reconnect_policy{.first = std::chrono::milliseconds{50},
                                          .cap = std::chrono::seconds{5}};

/// Waits until the descriptor is readable or the time is over.
void rest(int descriptor, int milliseconds) {
    pollfd ready{.fd = descriptor, .events = POLLIN, .revents = 0};
    std::ignore = ::poll(&ready, 1, milliseconds);
}

}  // namespace

postgres_notices::postgres_notices(const postgres_options& options, std::function<void()> woken)
    : options_{options},
      woken_{std::move(woken)},
      descriptor_{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)} {
    if (descriptor_ < 0) throw std::system_error{errno, std::generic_category(), "eventfd"};
    thread_ = std::thread{[this] { loop(); }};
}

postgres_notices::~postgres_notices() {
    is_stopping_ = true;
    wake_thread();
    thread_.join();
    ::close(descriptor_);
}

void postgres_notices::tell() {
    if (!has_news_.exchange(true)) wake_thread();
}

void postgres_notices::wake_thread() const {
    const std::uint64_t one = 1;
    std::ignore = ::write(descriptor_, &one, sizeof one);
}

void postgres_notices::loop() {
    std::uint32_t failures = 0;
    while (!is_stopping_) {
        if (!connect()) {
            const auto pause = backoff(reconnect_policy, ++failures, real_random{}.next());
            const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(pause);
            // News that nobody can be told now must not cut the pause short.
            std::uint64_t told = 0;
            std::ignore = ::read(descriptor_, &told, sizeof told);
            if (!is_stopping_) rest(descriptor_, static_cast<int>(milliseconds.count()));
            continue;
        }
        failures = 0;
        try {
            listen_once();
        } catch (const postgres_failure&) {
            // Whatever was missed meanwhile is looked for once the session stands again.
            session_.reset();
        }
    }
}

bool postgres_notices::connect() {
    if (session_) return true;
    try {
        auto made = std::make_unique<postgres_connection>(options_);
        // A message says nothing that must survive a power cut.
        made->execute("SET synchronous_commit = off");
        made->execute("LISTEN " + options_.schema);
        session_ = std::move(made);
    } catch (const postgres_failure&) {
        return false;
    }
    woken_();
    return true;
}

void postgres_notices::listen_once() {
    if (session_->wait_notification(listen_at_most, descriptor_)) woken_();
    std::uint64_t told = 0;
    std::ignore = ::read(descriptor_, &told, sizeof told);
    if (is_stopping_ || !has_news_.exchange(false)) return;
    session_->execute("NOTIFY " + options_.schema);
    if (session_->wait_notification(rest_between, -1)) woken_();
}

}  // namespace tidemark
