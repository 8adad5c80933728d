#include "tidemark/observability/metrics.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <stdexcept>
#include <string>
#include <thread>

namespace {

using namespace tidemark;
using metrics::kind;
using metrics::unit;

metrics::declaration events() {
    return {.name = "tidemark_events_total",
            .kind = kind::counter,
            .labels = {"aggregate"},
            .help = "Events."};
}

metrics::declaration depth() {
    return {.name = "tidemark_depth", .kind = kind::gauge, .help = "Depth."};
}

}  // namespace

TEST_CASE("metrics: the text is the Prometheus format") {
    metrics_registry registry;
    registry.counters(events()).with({"account"}).add(3);
    registry.gauges(depth()).get().set(2.5);
    CHECK(registry.text() ==
          "# HELP tidemark_depth Depth.\n# TYPE tidemark_depth gauge\ntidemark_depth 2.5\n"
          "# HELP tidemark_events_total Events.\n# TYPE tidemark_events_total counter\n"
          "tidemark_events_total{aggregate=\"account\"} 3\n");
}

TEST_CASE("metrics: a histogram counts by upper bound, cumulatively, and sums") {
    metrics_registry registry;
    const auto h = registry
                       .histograms({.name = "tidemark_wait_seconds",
                                    .kind = kind::histogram,
                                    .unit = unit::seconds,
                                    .help = "Wait.",
                                    .bounds = {0.5, 1}})
                       .get();
    for (const auto value : {0.25, 0.5, 0.75, 4.0}) h.observe(value);
    h.observe(std::numeric_limits<double>::quiet_NaN());
    CHECK(h.count() == 4);
    CHECK(registry.text() ==
          "# HELP tidemark_wait_seconds Wait.\n# TYPE tidemark_wait_seconds histogram\n"
          "tidemark_wait_seconds_count 4\ntidemark_wait_seconds_sum 5.5\n"
          "tidemark_wait_seconds_bucket{le=\"0.5\"} 2\n"
          "tidemark_wait_seconds_bucket{le=\"1\"} 3\n"
          "tidemark_wait_seconds_bucket{le=\"+Inf\"} 4\n");
}

TEST_CASE("metrics: a quantile is estimated within its bucket") {
    metrics_registry registry;
    const auto h = registry
                       .histograms({.name = "tidemark_wait_seconds",
                                    .kind = kind::histogram,
                                    .unit = unit::seconds,
                                    .help = "Wait.",
                                    .bounds = {1, 3}})
                       .get();
    CHECK(h.quantile(0.5) == 0);
    for (auto i = 0; i < 10; ++i) h.observe(0.5);
    for (auto i = 0; i < 10; ++i) h.observe(2);
    CHECK(h.quantile(0.25) == doctest::Approx(0.5));
    CHECK(h.quantile(0.75) == doctest::Approx(2));
    CHECK(h.quantile(1) == doctest::Approx(3));
    h.observe(100);
    CHECK(h.quantile(1) == doctest::Approx(3));
    CHECK(metrics::histogram{}.quantile(0.5) == 0);
}

TEST_CASE("metrics: the same label values give the same series") {
    metrics_registry registry;
    const auto family = registry.counters(events());
    family.with({"account"}).add();
    family.with({"account"}).add();
    CHECK(family.with({"account"}).value() == 2);
    CHECK(family.with({"order"}).value() == 0);
    CHECK_THROWS_WITH_AS((void)family.with({"a", "b"}), doctest::Contains("has 1 labels, got 2"),
                         std::invalid_argument);
}

TEST_CASE("metrics: label values beyond the bound share one series") {
    metrics_registry registry{{.series_max = 3}};
    const auto family = registry.counters(events());
    for (auto i = 0; i < 100; ++i) family.with({"a" + std::to_string(i)}).add();
    CHECK(family.with({"a0"}).value() == 1);
    CHECK(family.with({"a1"}).value() == 1);
    CHECK(family.with({"a2"}).value() == 98);
    CHECK(registry.text().find("{aggregate=\"other\"} 98\n") != std::string::npos);
}

TEST_CASE("metrics: a declaration that breaks a rule is refused by name and rule") {
    metrics_registry registry;
    struct row {
        metrics::declaration what;
        const char* why;
    };
    const row rows[] = {
        {{.name = "tidemark_Bad_total", .help = "X."}, "snake_case"},
        {{.name = "events_total", .help = "X."}, "begin with tidemark_"},
        {{.name = "tidemark_events", .help = "X."}, "_total"},
        {{.name = "tidemark_wait_total", .unit = unit::seconds, .help = "X."}, "_seconds"},
        {{.name = "tidemark_wait_ms_total", .help = "X."}, "in seconds, bytes or ratios"},
        {{.name = "tidemark_events_total", .help = ""}, "sentence"},
        {{.name = "tidemark_events_total", .labels = {"order_id"}, .help = "X."}, "order_id"},
        {{.name = "tidemark_events_total", .labels = {"saga", "saga"}, .help = "X."}, "twice"},
        {{.name = "tidemark_events_total", .help = "X.", .bounds = {1}}, "no histogram"},
        {{.name = "tidemark_depth", .kind = kind::gauge, .help = "X."}, "another kind"},
    };
    for (const auto& r : rows) {
        CHECK_THROWS_WITH_AS(registry.counters(r.what), doctest::Contains(r.why),
                             std::invalid_argument);
    }
    CHECK_THROWS_WITH_AS(registry.histograms({.name = "tidemark_wait_seconds",
                                              .kind = kind::histogram,
                                              .unit = unit::seconds,
                                              .help = "X.",
                                              .bounds = {2, 1}}),
                         doctest::Contains("ascend"), std::invalid_argument);
}

TEST_CASE("metrics: a family may be declared again, but not differently") {
    metrics_registry registry;
    registry.counters(events()).with({"a"}).add();
    CHECK(registry.counters(events()).with({"a"}).value() == 1);
    auto other = events();
    other.labels = {"saga"};
    CHECK_THROWS_WITH_AS(registry.counters(other), doctest::Contains("differently"),
                         std::invalid_argument);
}

TEST_CASE("metrics: callbacks of one series are summed and end with their registration") {
    metrics_registry registry;
    const auto family = registry.gauges(depth());
    auto first = registry.observe(family, {}, [] { return 2.0; });
    {
        const auto second = registry.observe(family, {}, [] { return 3.0; });
        CHECK(registry.text().ends_with("tidemark_depth 5\n"));
    }
    CHECK(registry.text().ends_with("tidemark_depth 2\n"));
    first = {};
    CHECK(registry.text().ends_with("tidemark_depth 0\n"));
}

TEST_CASE("metrics: a callback that throws leaves its series out, not the others") {
    metrics_registry registry;
    registry.counters(events()).with({"a"}).add();
    const auto bad = registry.observe(registry.gauges(depth()), {},
                                      []() -> double { throw std::runtime_error("gone"); });
    CHECK(registry.text().find("tidemark_depth") == std::string::npos);
    CHECK(registry.text().find("tidemark_events_total{aggregate=\"a\"} 1") != std::string::npos);
}

TEST_CASE("metrics: label values are escaped") {
    metrics_registry registry;
    registry.counters(events()).with({"a\"b\\c\nd"}).add();
    CHECK(registry.text().find(R"({aggregate="a\"b\\c\nd"} 1)") != std::string::npos);
}

TEST_CASE("metrics: nothing is lost when threads count and a text is made") {
    metrics_registry registry;
    const auto family = registry.counters(events());
    const auto h = registry
                       .histograms({.name = "tidemark_wait_seconds",
                                    .kind = kind::histogram,
                                    .unit = unit::seconds,
                                    .help = "Wait."})
                       .get();
    {
        std::vector<std::jthread> threads;
        for (auto t = 0; t < 4; ++t) {
            threads.emplace_back([&] {
                const auto c = family.with({"account"});
                for (auto i = 0; i < 10'000; ++i) {
                    c.add();
                    h.observe(0.001);
                }
            });
        }
        for (auto i = 0; i < 20; ++i) CHECK(!registry.text().empty());
    }
    CHECK(family.with({"account"}).value() == 40'000);
    CHECK(h.count() == 40'000);
}

TEST_CASE("metrics: a default handle counts nowhere") {
    metrics::counter{}.add();
    metrics::gauge{}.set(1);
    metrics::histogram{}.observe(1);
    CHECK(metrics::counter_family{}.with({"a"}).value() == 0);
    CHECK(metrics::gauge{}.value() == 0);
}
