#include "tidemark/examples/checkout/provider.hpp"

#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"

#include <doctest/doctest.h>

#include <string>
#include <variant>

using shop::charge_card, shop::money, shop::payment, shop::provider, shop::refund_card;
using tidemark::errc;
using namespace std::chrono_literals;

namespace {

/// The provider and the calls that a shop makes to it.
struct asked {
    tidemark::io io{{.shards = 1, .blocking_threads = 1}};
    provider payments{io};

    explicit asked(double decline_rate, double failure_rate = 0) {
        payments.set({.decline_rate = decline_rate, .failure_rate = failure_rate, .latency = 0us});
    }
    tidemark::result<payment::command> charge(const std::string& key, std::uint32_t attempt = 1) {
        return run(io, payments.charge({"o1", "ada", money{90}}, call_of(key, attempt)));
    }
    tidemark::result<payment::command> refund(const std::string& key) {
        return run(io, payments.refund({"o1", "ch-1", money{90}}, call_of(key, 1)));
    }
    static tidemark::request_context call_of(const std::string& key, std::uint32_t attempt) {
        tidemark::request_context context;
        context.key = tidemark::message_id::derive({key});
        context.attempt = attempt;
        return context;
    }
};

template <class Answer>
bool says(const tidemark::result<payment::command>& told) {
    return told.has_value() && std::holds_alternative<Answer>(*told);
}

}  // namespace

TEST_CASE("provider: a charge that comes again under its key takes no money again") {
    asked world{0};
    const auto told = world.charge("a");
    REQUIRE(says<payment::note_charged>(told));
    const auto again = world.charge("a", 2);
    REQUIRE(says<payment::note_charged>(again));
    CHECK(std::get<payment::note_charged>(*told).charge ==
          std::get<payment::note_charged>(*again).charge);
    CHECK(world.payments.books().cents_held == 90);
    CHECK(world.payments.books().charges == 1);
    CHECK(world.payments.books().repeated == 1);
}

TEST_CASE("provider: a refund gives the money back once") {
    asked world{0};
    REQUIRE(says<payment::note_charged>(world.charge("a")));
    CHECK(says<payment::note_refunded>(world.refund("b")));
    CHECK(says<payment::note_refunded>(world.refund("b")));
    CHECK(world.payments.books().cents_held == 0);
    CHECK(world.payments.books().refunds == 1);
}

TEST_CASE("provider: a declined card stays declined on every attempt") {
    asked world{1};
    CHECK(says<payment::note_declined>(world.charge("a")));
    world.payments.set({.decline_rate = 0, .failure_rate = 0, .latency = 0us});
    CHECK(says<payment::note_declined>(world.charge("a", 2)));
    CHECK(world.payments.books().cents_held == 0);
}

TEST_CASE("provider: some calls fail before the money moved and some after it, none twice over") {
    asked world{0, 1};
    auto lost_answers = 0;
    for (auto i = 0; i < 100; ++i) {
        const auto key = std::to_string(i);
        world.payments.set({.decline_rate = 0, .failure_rate = 1, .latency = 0us});
        const auto before = world.payments.books().charges;
        const auto told = world.charge(key);
        if (!told) CHECK(told.error().code() == errc::unavailable);
        if (!told && world.payments.books().charges > before) ++lost_answers;
        world.payments.set({.decline_rate = 0, .failure_rate = 0, .latency = 0us});
        CHECK(says<payment::note_charged>(world.charge(key, 2)));
    }
    CHECK(lost_answers > 0);
    CHECK(world.payments.books().failures > static_cast<std::uint64_t>(lost_answers));
    CHECK(world.payments.books().charges == 100);
    CHECK(world.payments.books().cents_held == 9000);
}
