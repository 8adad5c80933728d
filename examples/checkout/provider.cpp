#include "tidemark/examples/checkout/provider.hpp"

#include <boost/asio/this_coro.hpp>

namespace shop {

namespace {

using tidemark::awaitable;
using tidemark::errc;
using tidemark::error;
using tidemark::request_context;
using tidemark::result;

constexpr std::size_t keys_max = 1'000'000;

error broken() {
    return error{errc::unavailable,
                 "the payment provider did not answer (its failure rate is a knob: POST "
                 "/sim/payments)"};
}

}  // namespace

void provider::set(const provider_knobs& knobs) {
    const std::scoped_lock lock{mutex_};
    knobs_ = knobs;
}

provider_knobs provider::knobs() const {
    const std::scoped_lock lock{mutex_};
    return knobs_;
}

provider_books provider::books() const {
    const std::scoped_lock lock{mutex_};
    return books_;
}

/// Chance that depends on the call alone, so that a run can be repeated.
bool provider::is_hit(double rate, const request_context& context, int moment) const {
    const auto id = tidemark::message_id::derive(
        {context.key.to_string(), std::to_string(context.attempt), std::to_string(moment)});
    std::uint64_t seed = 0;
    for (const auto byte : id.value()) seed = seed << 8U | byte;
    return tidemark::random_source{seed}.unit() < rate;
}

awaitable<bool> provider::reach(const request_context& context, int moment) {
    const tidemark::executor here = co_await boost::asio::this_coro::executor;
    const auto wire = world_.make_timer(here);
    const auto now = knobs();
    co_await wire->wait(now.latency / 2);
    const std::scoped_lock lock{mutex_};
    if (moment == 0) ++books_.calls;
    if (!is_hit(now.failure_rate / 2, context, moment)) co_return true;
    ++books_.failures;
    co_return false;
}

awaitable<result<payment::command>> provider::charge(charge_card asked, request_context context) {
    const auto is_there = co_await reach(context, 0);
    if (!is_there) co_return broken();
    const auto key = context.key.to_string();
    payment::command told;
    {
        const std::scoped_lock lock{mutex_};
        // The bank decides once: an attempt number would give a declined card another chance.
        request_context first = context;
        first.attempt = 0;
        const auto known = answered_.find(key);
        if (known != answered_.end()) {
            ++books_.repeated;
            told = known->second;
        } else if (is_hit(knobs_.decline_rate, first, 2)) {
            ++books_.declined;
            told = payment::note_declined{"card_declined"};
        } else {
            ++books_.charges;
            books_.cents_held += asked.amount.value();
            told = payment::note_charged{"ch_" + key.substr(0, 8) + key.substr(24)};
        }
        answered_.emplace(key, told);
        if (answered_.size() > keys_max) answered_.erase(answered_.begin());
    }
    const auto is_back = co_await reach(context, 1);
    if (!is_back) co_return broken();
    co_return told;
}

awaitable<result<payment::command>> provider::refund(refund_card asked, request_context context) {
    const auto is_there = co_await reach(context, 0);
    if (!is_there) co_return broken();
    const payment::command told = payment::note_refunded{};
    {
        const std::scoped_lock lock{mutex_};
        if (answered_.emplace(context.key.to_string(), told).second) {
            ++books_.refunds;
            books_.cents_held -= asked.amount.value();
        } else {
            ++books_.repeated;
        }
    }
    const auto is_back = co_await reach(context, 1);
    if (!is_back) co_return broken();
    co_return told;
}

}  // namespace shop
