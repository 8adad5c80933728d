#pragma once

#include "tidemark/async/executor.hpp"
#include "tidemark/examples/checkout/payment.hpp"
#include "tidemark/runtime/performer.hpp"

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace shop {

/// How the fake payment provider behaves; set through `POST /sim/payments`.
struct provider_knobs {
    /// Share of charges that the bank declines, 0 to 1.
    double decline_rate = 0.05;
    /// Share of calls that fail as if the connection broke, half of them after the money moved.
    double failure_rate = 0.0;
    tidemark::duration latency = std::chrono::milliseconds{20};
};
TIDEMARK_STRUCT(provider_knobs, decline_rate, failure_rate, latency)

/// What it did, for people and tests: books that must balance with the shop's.
struct provider_books {
    std::uint64_t calls = 0;
    std::uint64_t charges = 0;
    std::uint64_t refunds = 0;
    std::uint64_t declined = 0;
    std::uint64_t failures = 0;
    /// Calls that came again under a known key and were answered as the first time.
    std::uint64_t repeated = 0;
    std::int64_t cents_held = 0;
};
TIDEMARK_STRUCT(provider_books, calls, charges, refunds, declined, failures, repeated, cents_held)

/// A payment provider that takes no money: like a real one it is slow, fails, and answers a known
/// idempotency key as the first time. Its memory is this process (a real one keeps its own):
/// charges it does not know are refunded all the same. Thread-safe; outlives the runtime.
class provider {
  public:
    explicit provider(tidemark::execution& world) : world_{world} {}

    void set(const provider_knobs& knobs);
    [[nodiscard]] provider_knobs knobs() const;
    [[nodiscard]] provider_books books() const;

    [[nodiscard]] tidemark::awaitable<tidemark::result<payment::command>> charge(
        charge_card asked, tidemark::request_context context);
    [[nodiscard]] tidemark::awaitable<tidemark::result<payment::command>> refund(
        refund_card asked, tidemark::request_context context);

  private:
    /// False: the connection breaks here.
    [[nodiscard]] tidemark::awaitable<bool> reach(const tidemark::request_context& context,
                                                  int moment);
    [[nodiscard]] bool is_hit(double rate, const tidemark::request_context& context,
                              int moment) const;

    tidemark::execution& world_;
    mutable std::mutex mutex_;
    provider_knobs knobs_;
    provider_books books_;
    /// Idempotency key → what it was answered. Bounded: the oldest keys in order go first.
    std::map<std::string, payment::command> answered_;
};

}  // namespace shop
