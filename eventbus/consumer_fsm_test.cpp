#include "tidemark/eventbus/consumer_fsm.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace tidemark;
namespace act = tidemark::consumer_action;

namespace {

constexpr std::size_t limit = 10;
const error away{errc::unavailable, "away"};
const error late{errc::stale, "rebalanced"};
const error broken{errc::corrupt, "broken"};

template <class T>
bool is(const act::any& action) {
    return std::holds_alternative<T>(action);
}

/// A consumer that polls and has nothing to commit.
consumer_fsm polling() {
    consumer_fsm fsm{3};
    REQUIRE(is<act::open>(fsm.start()));
    REQUIRE(is<act::tend>(fsm.opened()));
    REQUIRE(is<act::poll>(fsm.tended()));
    return fsm;
}

/// A consumer that has polled a batch and stores it.
consumer_fsm storing(std::size_t messages = 1) {
    auto fsm = polling();
    REQUIRE(is<act::store>(fsm.polled(messages, limit)));
    return fsm;
}

}  // namespace

TEST_CASE("consumer fsm: while messages come a commit waits until it is due") {
    auto fsm = storing();
    CHECK(fsm.where() == consumer_fsm::phase::storing);
    CHECK(is<act::poll>(fsm.stored(false)));
    CHECK(is<act::store>(fsm.polled(1, limit)));
    fsm.commit_soon();
    CHECK(is<act::commit>(fsm.stored(false)));
    CHECK(is<act::poll>(fsm.committed()));
    fsm.commit_soon();
    CHECK(is<act::poll>(fsm.polled(0, limit)));
}

TEST_CASE("consumer fsm: a batch that is not stored is not committed, whatever is due") {
    auto fsm = storing();
    CHECK(is<act::poll>(fsm.stored(false)));
    CHECK(is<act::store>(fsm.polled(1, limit)));
    CHECK(is<act::back_off>(fsm.failed(away)));
    fsm.commit_soon();
    fsm.tend_soon();
    CHECK(is<act::tend>(fsm.waited()));
    CHECK(is<act::store>(fsm.tended()));
    CHECK(is<act::commit>(fsm.stored(false)));
    CHECK(is<act::poll>(fsm.committed()));
}

TEST_CASE("consumer fsm: small batches are committed with as many messages as full ones have") {
    auto fsm = storing(limit - 1);
    for (const auto messages : {limit - 1, limit - 1, std::size_t{2}}) {
        CHECK(is<act::poll>(fsm.stored(false)));
        CHECK(is<act::store>(fsm.polled(messages, limit)));
    }
    CHECK(is<act::poll>(fsm.stored(false)));
    CHECK(is<act::store>(fsm.polled(1, limit)));
    CHECK(is<act::commit>(fsm.stored(false)));
    CHECK(is<act::poll>(fsm.committed()));
}

TEST_CASE("consumer fsm: full batches are committed together") {
    auto fsm = storing(limit);
    CHECK(is<act::poll>(fsm.stored(false)));
    CHECK(is<act::store>(fsm.polled(limit, limit)));
    CHECK(is<act::poll>(fsm.stored(false)));
    CHECK(is<act::store>(fsm.polled(limit, limit)));
    CHECK(is<act::commit>(fsm.stored(false)));
    CHECK(is<act::poll>(fsm.committed()));
}

TEST_CASE("consumer fsm: a poll that finds nothing commits what full batches have left") {
    auto fsm = storing(limit);
    CHECK(is<act::poll>(fsm.stored(false)));
    CHECK(is<act::commit>(fsm.polled(0, limit)));
    CHECK(is<act::poll>(fsm.committed()));
    CHECK(is<act::poll>(fsm.polled(0, limit)));
}

TEST_CASE("consumer fsm: what is missing is fetched before the rest of the batch is stored") {
    auto fsm = storing();
    CHECK(is<act::fetch>(fsm.stored(true)));
    CHECK(is<act::store>(fsm.fetched()));
    CHECK(is<act::poll>(fsm.stored(false)));
    CHECK(is<act::commit>(fsm.polled(0, limit)));
}

TEST_CASE("consumer fsm: a storage that is away is asked again for the same batch") {
    auto fsm = storing();
    CHECK(fsm.failed(away) == act::any{act::back_off{1}});
    CHECK(is<act::store>(fsm.waited()));
    CHECK(fsm.failed(away) == act::any{act::back_off{2}});
    CHECK(is<act::store>(fsm.waited()));
    CHECK(is<act::poll>(fsm.stored(false)));
    CHECK(is<act::commit>(fsm.polled(0, limit)));
}

TEST_CASE("consumer fsm: a log that is away does not lose the batch either") {
    auto fsm = storing();
    CHECK(is<act::fetch>(fsm.stored(true)));
    CHECK(is<act::back_off>(fsm.failed(away)));
    CHECK(is<act::store>(fsm.waited()));
    CHECK(is<act::fetch>(fsm.stored(true)));
}

TEST_CASE("consumer fsm: what is due goes before a batch that waits") {
    auto fsm = storing();
    CHECK(is<act::back_off>(fsm.failed(away)));
    fsm.tend_soon();
    CHECK(is<act::tend>(fsm.waited()));
    CHECK(is<act::store>(fsm.tended()));
}

TEST_CASE("consumer fsm: the failures of tending are its own") {
    auto fsm = polling();
    fsm.tend_soon();
    CHECK(is<act::tend>(fsm.polled(0, limit)));
    CHECK(is<act::back_off>(fsm.failed(away)));
    CHECK(is<act::tend>(fsm.waited()));
    CHECK(is<act::poll>(fsm.tended()));
}

TEST_CASE("consumer fsm: the bus may say anything and is polled again") {
    auto fsm = polling();
    CHECK(is<act::back_off>(fsm.failed(away)));
    CHECK(is<act::poll>(fsm.waited()));
    CHECK(fsm.failed({errc::not_found, "no topic"}) == act::any{act::back_off{2}});
    CHECK(is<act::poll>(fsm.waited()));
    CHECK(is<act::store>(fsm.polled(1, limit)));
    CHECK(fsm.failed(away) == act::any{act::back_off{1}});
}

TEST_CASE("consumer fsm: a commit that comes too late is a rebalance; what came behind it is due") {
    auto fsm = storing();
    CHECK(is<act::poll>(fsm.stored(false)));
    CHECK(is<act::commit>(fsm.polled(0, limit)));
    CHECK(is<act::poll>(fsm.not_committed()));
    CHECK(is<act::commit>(fsm.polled(0, limit)));
    CHECK(is<act::poll>(fsm.committed()));
    CHECK(is<act::poll>(fsm.polled(0, limit)));
}

TEST_CASE("consumer fsm: a commit that the bus did not take is made after the next poll") {
    auto fsm = storing();
    CHECK(is<act::poll>(fsm.stored(false)));
    CHECK(is<act::commit>(fsm.polled(0, limit)));
    CHECK(is<act::poll>(fsm.not_committed()));
    CHECK(is<act::commit>(fsm.polled(0, limit)));
    CHECK(is<act::poll>(fsm.committed()));
    CHECK(is<act::poll>(fsm.polled(0, limit)));
}

TEST_CASE("consumer fsm: what does not pass by itself parks until an operator resumes") {
    auto fsm = storing();
    CHECK(std::get<act::park>(fsm.failed(broken)).reason == "corrupt: broken");
    CHECK(fsm.waited() == act::any{act::park{}});
    fsm.resume();
    CHECK(is<act::store>(fsm.waited()));
}

TEST_CASE("consumer fsm: a place that was replaced is learned anew, and the batch kept") {
    auto fsm = storing();
    CHECK(is<act::back_off>(fsm.failed(late)));
    CHECK(is<act::open>(fsm.waited()));
    CHECK(is<act::tend>(fsm.opened()));
    CHECK(is<act::store>(fsm.tended()));
}

TEST_CASE("consumer fsm: who stops finishes the batch, commits and leaves") {
    SUBCASE("while storing") {
        auto fsm = storing(limit);
        fsm.stop();
        CHECK(is<act::commit>(fsm.stored(false)));
        CHECK(is<act::stop>(fsm.committed()));
        CHECK(fsm.where() == consumer_fsm::phase::stopped);
    }
    SUBCASE("while fetching") {
        auto fsm = storing();
        CHECK(is<act::fetch>(fsm.stored(true)));
        fsm.stop();
        CHECK(is<act::store>(fsm.fetched()));
        SUBCASE("it was there") { CHECK(is<act::commit>(fsm.stored(false))); }
        SUBCASE("it was not: the batch comes again") { CHECK(is<act::stop>(fsm.stored(true))); }
    }
    SUBCASE("while polling") {
        auto fsm = polling();
        fsm.stop();
        CHECK(is<act::stop>(fsm.polled(0, limit)));
    }
    SUBCASE("while polling, with full batches behind") {
        auto fsm = storing(limit);
        CHECK(is<act::poll>(fsm.stored(false)));
        fsm.stop();
        CHECK(is<act::commit>(fsm.polled(0, limit)));
        CHECK(is<act::stop>(fsm.not_committed()));
    }
    SUBCASE("before it began") {
        consumer_fsm fsm;
        fsm.stop();
        CHECK(is<act::stop>(fsm.start()));
    }
}

TEST_CASE("consumer fsm: who stops does not wait for what is away or parked") {
    auto fsm = storing();
    SUBCASE("at the failure") {
        fsm.stop();
        CHECK(is<act::stop>(fsm.failed(away)));
    }
    SUBCASE("while it waits") {
        CHECK(is<act::back_off>(fsm.failed(away)));
        fsm.stop();
        CHECK(is<act::stop>(fsm.waited()));
    }
    SUBCASE("while it is parked") {
        CHECK(is<act::park>(fsm.failed(broken)));
        fsm.stop();
        CHECK(is<act::stop>(fsm.waited()));
    }
}
