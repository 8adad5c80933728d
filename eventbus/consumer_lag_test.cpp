#include "tidemark/eventbus/consumer_lag.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace tidemark;
using namespace std::chrono_literals;

namespace {

struct fixture {
    metrics_registry registry;
    runtime_metrics metrics{registry};
    consumer_lag lag{"orders", "board.v1", metrics};

    double messages(std::string_view partition) {
        return metrics.bus_consumer_lag_messages.with({"orders", "board.v1", partition}).value();
    }
    double seconds(std::string_view partition) {
        return metrics.bus_consumer_lag.with({"orders", "board.v1", partition}).value();
    }
};

}  // namespace

TEST_CASE("consumer lag: each partition tells how much has not taken effect, and since when") {
    fixture f;
    f.lag.look({{.partition = 0, .begun = 0, .next = 10, .end = 10},
                {.partition = 1, .begun = 0, .next = 4, .end = 9}},
               false, 100s);
    f.lag.look({{.partition = 0, .begun = 0, .next = 10, .end = 12},
                {.partition = 1, .begun = 0, .next = 4, .end = 9}},
               false, 130s);
    f.lag.look({{.partition = 0, .begun = 0, .next = 10, .end = 12},
                {.partition = 1, .begun = 4, .next = 8, .end = 9}},
               false, 135s);
    CHECK(f.messages("0") == 2);
    CHECK(f.seconds("0") == doctest::Approx(5));
    CHECK(f.messages("1") == 1);
    CHECK(f.seconds("1") == doctest::Approx(35));
    CHECK(f.lag.seconds() == doctest::Approx(35));
    f.lag.look({{.partition = 0, .begun = 10, .next = 12, .end = 12},
                {.partition = 1, .begun = 8, .next = 9, .end = 9}},
               false, 140s);
    CHECK(f.messages("0") + f.messages("1") == 0);
    CHECK(f.lag.seconds() == 0);
}

TEST_CASE("consumer lag: a batch that is held has not taken effect") {
    fixture f;
    f.lag.look({{.partition = 0, .begun = 5, .next = 15, .end = 15}}, true, 1s);
    f.lag.look({{.partition = 0, .begun = 5, .next = 15, .end = 15}}, true, 31s);
    CHECK(f.messages("0") == 10);
    CHECK(f.seconds("0") == doctest::Approx(30));
    f.lag.look({{.partition = 0, .begun = 5, .next = 15, .end = 15}}, false, 32s);
    CHECK(f.messages("0") == 0);
    CHECK(f.seconds("0") == 0);
}

TEST_CASE("consumer lag: a partition that others read now shows 0, and begins anew when it comes") {
    fixture f;
    f.lag.look({{.partition = 3, .begun = 0, .next = 1, .end = 9}}, false, 1s);
    f.lag.look({{.partition = 3, .begun = 0, .next = 1, .end = 9}}, false, 9s);
    CHECK(f.seconds("3") == doctest::Approx(8));
    f.lag.look({}, false, 10s);
    CHECK(f.messages("3") == 0);
    CHECK(f.seconds("3") == 0);
    f.lag.look({{.partition = 3, .begun = 0, .next = 1, .end = 9}}, false, 100s);
    f.lag.look({{.partition = 3, .begun = 0, .next = 1, .end = 9}}, false, 102s);
    CHECK(f.seconds("3") == doctest::Approx(2));
}
