#include "tidemark/eventbus/stream_order.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace tidemark;
using verdict = stream_order::verdict;

namespace {

const auto log_a = message_id::derive({"log", "a"});
const auto log_b = message_id::derive({"log", "b"});

bus_origin at(const char* id, std::uint64_t v, const message_id& log = log_a) {
    return {log, stream_id{"account", id}, version{v}, position{}};
}

}  // namespace

TEST_CASE("stream order: a version is applied once, in order, and nothing is left out") {
    struct row {
        std::uint64_t last;
        std::uint64_t arrives;
        verdict expected;
    };
    const std::vector<row> rows{
        {0, 1, verdict::apply},     {0, 2, verdict::gap},       {5, 6, verdict::apply},
        {5, 5, verdict::duplicate}, {5, 1, verdict::duplicate}, {5, 7, verdict::gap},
        {5, 99, verdict::gap},
    };
    for (const auto& [last, arrives, expected] : rows) {
        CAPTURE(last);
        CAPTURE(arrives);
        stream_order order;
        order.remember(log_a, stream_id{"account", "ada"}, version{last});
        CHECK(order.check(at("ada", arrives)) == stream_order::answer{expected, version{last}});
    }
}

TEST_CASE("stream order: a stream never heard of is unknown until it is remembered") {
    stream_order order;
    CHECK(order.check(at("ada", 1)).what == verdict::unknown);
    order.remember(log_a, stream_id{"account", "ada"}, version{});
    CHECK(order.check(at("ada", 1)).what == verdict::apply);
}

TEST_CASE("stream order: what was applied is a duplicate from then on") {
    stream_order order;
    order.remember(log_a, stream_id{"account", "ada"}, version{});
    order.applied(at("ada", 1));
    CHECK(order.check(at("ada", 1)).what == verdict::duplicate);
    CHECK(order.check(at("ada", 2)).what == verdict::apply);
}

TEST_CASE("stream order: a gap is closed by applying what was fetched") {
    stream_order order;
    order.remember(log_a, stream_id{"account", "ada"}, version{1});
    CHECK(order.check(at("ada", 4)) == stream_order::answer{verdict::gap, version{1}});
    order.applied(at("ada", 2));
    order.applied(at("ada", 3));
    CHECK(order.check(at("ada", 4)).what == verdict::apply);
}

TEST_CASE("stream order: streams and log incarnations are counted apart") {
    stream_order order;
    order.remember(log_a, stream_id{"account", "ada"}, version{7});
    CHECK(order.check(at("bob", 8)).what == verdict::unknown);
    CHECK(order.check(at("ada", 8, log_b)).what == verdict::unknown);
    order.remember(log_b, stream_id{"account", "ada"}, version{});
    CHECK(order.check(at("ada", 1, log_b)).what == verdict::apply);
    CHECK(order.check(at("ada", 8)).what == verdict::apply);
}

TEST_CASE("stream order: remembering never moves a stream back") {
    stream_order order;
    order.remember(log_a, stream_id{"account", "ada"}, version{7});
    order.remember(log_a, stream_id{"account", "ada"}, version{3});
    CHECK(order.check(at("ada", 5)).what == verdict::duplicate);
}

TEST_CASE("stream order: at the bound the stream not seen for longest is forgotten") {
    stream_order order{2};
    order.remember(log_a, stream_id{"account", "ada"}, version{1});
    order.remember(log_a, stream_id{"account", "bob"}, version{1});
    CHECK(order.check(at("ada", 2)).what == verdict::apply);
    order.remember(log_a, stream_id{"account", "eve"}, version{1});
    CHECK(order.size() == 2);
    CHECK(order.check(at("bob", 2)).what == verdict::unknown);
    CHECK(order.check(at("ada", 2)).what == verdict::apply);
    CHECK(order.check(at("eve", 2)).what == verdict::apply);
}
