#include "tidemark/eventbus/group_review.hpp"

#include <doctest/doctest.h>

#include <chrono>

using namespace tidemark;
using namespace std::chrono_literals;
using finding = group_review::finding;

namespace {

constexpr duration patience = 3s;

group_review assigned() {
    group_review out{patience};
    out.rebalanced(true);
    return out;
}

}  // namespace

TEST_CASE("group review: nothing is looked at before partitions were dealt out") {
    group_review review{patience};
    CHECK_FALSE(review.wait(0s));
    review.rebalanced(true);
    review.rebalanced(false);
    CHECK_FALSE(review.wait(1s));
}

TEST_CASE("group review: a look is due once, a while after the assignment was seen") {
    auto review = assigned();
    CHECK(review.wait(10s) == patience);
    CHECK(review.wait(11s) == 2s);
    CHECK(review.wait(20s) == 0s);
    CHECK_FALSE(review.looked(finding::whole));
    CHECK_FALSE(review.wait(21s));
}

TEST_CASE("group review: another assignment begins the wait anew") {
    auto review = assigned();
    CHECK(review.wait(0s) == patience);
    review.rebalanced(true);
    CHECK(review.wait(2s) == patience);
}

TEST_CASE(
    "group review: a group that is not known now is looked at again, one never known is not") {
    auto review = assigned();
    CHECK_FALSE(review.looked(finding::unknown));
    CHECK(review.wait(5s) == patience);
    CHECK_FALSE(review.looked(finding::unknowable));
    CHECK_FALSE(review.wait(9s));
}

TEST_CASE("group review: missing partitions mean joining again, after ever longer waits") {
    auto review = assigned();
    auto expected = patience;
    for (auto round = 0; round < 9; ++round) {
        CAPTURE(round);
        CHECK(review.wait(0s) == expected);
        CHECK(review.looked(finding::missing));
        CHECK_FALSE(review.wait(0s));
        review.rebalanced(true);
        if (round < 6) expected *= 2;
    }
    CHECK_FALSE(review.looked(finding::whole));
    review.rebalanced(true);
    CHECK(review.wait(0s) == patience);
}
