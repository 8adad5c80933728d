#include "tidemark/observability/metrics.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <map>
#include <mutex>
#include <stdexcept>

namespace tidemark {
namespace metrics {
namespace {

constexpr std::size_t bounds_max = 32;

[[noreturn]] void refuse(const declaration& what, const std::string& why) {
    throw std::invalid_argument("metric \"" + what.name + "\" " + why);
}

bool is_snake_case(std::string_view text) {
    return !text.empty() && text[0] >= 'a' && text[0] <= 'z' &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
           });
}

std::string_view suffix_of(unit value) {
    switch (value) {
        case unit::none:
            return "";
        case unit::seconds:
            return "_seconds";
        case unit::bytes:
            return "_bytes";
        case unit::ratio:
            return "_ratio";
        case unit::info:
            return "_info";
    }
    return "";
}

void verify_name(const declaration& what) {
    if (!is_snake_case(what.name)) refuse(what, "must be snake_case");
    if (!what.name.starts_with("tidemark_") && !what.name.starts_with("process_")) {
        refuse(what, "must begin with tidemark_");
    }
    auto stem = std::string_view{what.name};
    const auto is_total = stem.ends_with("_total");
    if (is_total != (what.kind == kind::counter)) {
        refuse(what, "must end in _total if, and only if, it is a counter");
    }
    if (is_total) stem.remove_suffix(6);
    if (!stem.ends_with(suffix_of(what.unit))) {
        refuse(what, "must say its unit: " + std::string{suffix_of(what.unit)});
    }
    for (const auto* other : {"_ms", "_us", "_ns", "_milliseconds", "_kb", "_mb", "_percent"}) {
        if (stem.ends_with(other)) refuse(what, "must count in seconds, bytes or ratios");
    }
}

void verify(const declaration& what) {
    verify_name(what);
    if (what.help.size() < 2 || what.help.back() != '.' ||
        what.help.find('\n') != std::string::npos) {
        refuse(what, "needs one sentence of help");
    }
    const auto& allowed = allowed_labels();
    for (const auto& label : what.labels) {
        if (std::find(allowed.begin(), allowed.end(), label) == allowed.end()) {
            refuse(what, "may not have the label \"" + label + "\": it is not in allowed_labels()");
        }
        if (std::count(what.labels.begin(), what.labels.end(), label) != 1) {
            refuse(what, "has the label \"" + label + "\" twice");
        }
    }
    if (what.kind != kind::histogram) {
        if (!what.bounds.empty()) refuse(what, "has bounds but is no histogram");
        return;
    }
    if (what.bounds.size() > bounds_max) refuse(what, "has more than 32 bounds");
    for (auto i = std::size_t{1}; i < what.bounds.size(); ++i) {
        if (!(what.bounds[i - 1] < what.bounds[i])) refuse(what, "has bounds that do not ascend");
    }
}

}  // namespace

}  // namespace metrics

using namespace metrics;

struct metrics_registry::state {
    /// One set of label values. Which cell is in use follows from the family's kind; a series
    /// with callbacks adds what they say to its cell.
    struct series {
        std::vector<std::string> values;
        std::atomic<std::uint64_t> count{0};
        std::atomic<double> level{0};
        std::unique_ptr<histogram_cell> distribution;
        std::map<std::uint64_t, std::function<double()>> callbacks;
    };
    struct family {
        declaration what;
        std::deque<series> all;
    };

    options settings;
    mutable std::mutex mutex;
    std::deque<family> families;
    std::map<std::string, std::size_t, std::less<>> by_name;
    std::uint64_t callbacks_made = 0;

    /// Finds or makes a series. Needs the mutex.
    series& resolve(std::size_t index, std::initializer_list<std::string_view> values) {
        auto& of = families[index];
        if (values.size() != of.what.labels.size()) {
            throw std::invalid_argument("metric \"" + of.what.name + "\" has " +
                                        std::to_string(of.what.labels.size()) + " labels, got " +
                                        std::to_string(values.size()) + " values");
        }
        for (auto& s : of.all) {
            if (std::equal(values.begin(), values.end(), s.values.begin())) return s;
        }
        if (of.all.size() + 1 < settings.series_max) {
            return make(of, {values.begin(), values.end()});
        }
        const std::vector<std::string> other(values.size(), "other");
        for (auto& s : of.all) {
            if (s.values == other) return s;
        }
        return make(of, other);
    }

    static series& make(family& of, std::vector<std::string> values) {
        auto& out = of.all.emplace_back();
        out.values = std::move(values);
        if (of.what.kind == kind::histogram) {
            out.distribution = std::make_unique<histogram_cell>(
                of.what.bounds.empty() ? duration_bounds() : of.what.bounds);
        }
        return out;
    }

    /// What the callbacks of a series say together; nothing if one of them throws.
    static double ask(const series& s) {
        auto out = 0.0;
        for (const auto& [key, read] : s.callbacks) {
            try {
                out += read();
            } catch (...) {
                // Left out of this text, as documented: a scrape must not fail for one number.
                return std::numeric_limits<double>::quiet_NaN();
            }
        }
        return out;
    }

    static void fill(prometheus::ClientMetric& out, const histogram_cell& cell) {
        auto cumulative = std::uint64_t{0};
        for (auto i = std::size_t{0}; i < cell.counts.size(); ++i) {
            cumulative += cell.counts[i].load(std::memory_order_relaxed);
            const auto bound =
                i < cell.bounds.size() ? cell.bounds[i] : std::numeric_limits<double>::infinity();
            out.histogram.bucket.push_back({cumulative, bound});
        }
        out.histogram.sample_count = cumulative;
        out.histogram.sample_sum = cell.sum.load(std::memory_order_relaxed);
    }

    static void collect(const family& of, const series& s, prometheus::MetricFamily& into) {
        prometheus::ClientMetric out;
        for (auto i = std::size_t{0}; i < s.values.size(); ++i) {
            out.label.push_back({of.what.labels[i], s.values[i]});
        }
        if (of.what.kind == kind::histogram) {
            fill(out, *s.distribution);
        } else {
            const auto asked = ask(s);
            if (std::isnan(asked)) return;
            const auto count = static_cast<double>(s.count.load(std::memory_order_relaxed));
            const auto level = s.level.load(std::memory_order_relaxed);
            out.counter.value = count + asked;
            out.gauge.value = level + asked;
        }
        into.metric.push_back(std::move(out));
    }
};

metrics_registry::metrics_registry() : metrics_registry{options{}} {}

metrics_registry::metrics_registry(options settings) : state_{std::make_unique<state>()} {
    state_->settings = settings;
}

metrics_registry::~metrics_registry() = default;

std::size_t metrics_registry::declare(declaration what) {
    verify(what);
    const std::lock_guard lock{state_->mutex};
    if (const auto found = state_->by_name.find(what.name); found != state_->by_name.end()) {
        const auto& first = state_->families[found->second].what;
        if (first.kind != what.kind || first.labels != what.labels || first.help != what.help ||
            first.bounds != what.bounds) {
            refuse(what, "is declared twice, differently");
        }
        return found->second;
    }
    const auto index = state_->families.size();
    state_->by_name.emplace(what.name, index);
    auto& made = state_->families.emplace_back();
    made.what = std::move(what);
    return index;
}

counter_family metrics_registry::counters(declaration what) {
    if (what.kind != kind::counter) refuse(what, "is declared as a counter and is another kind");
    return {*this, declare(std::move(what))};
}

gauge_family metrics_registry::gauges(declaration what) {
    if (what.kind != kind::gauge) refuse(what, "is declared as a gauge and is another kind");
    return {*this, declare(std::move(what))};
}

histogram_family metrics_registry::histograms(declaration what) {
    if (what.kind != kind::histogram) {
        refuse(what, "is declared as a histogram and is another kind");
    }
    return {*this, declare(std::move(what))};
}

template <>
counter metrics_registry::resolve(std::size_t family,
                                  std::initializer_list<std::string_view> values) {
    const std::lock_guard lock{state_->mutex};
    return counter{state_->resolve(family, values).count};
}

template <>
gauge metrics_registry::resolve(std::size_t family,
                                std::initializer_list<std::string_view> values) {
    const std::lock_guard lock{state_->mutex};
    return gauge{state_->resolve(family, values).level};
}

template <>
histogram metrics_registry::resolve(std::size_t family,
                                    std::initializer_list<std::string_view> values) {
    const std::lock_guard lock{state_->mutex};
    return histogram{*state_->resolve(family, values).distribution};
}

namespace metrics {
template <class Handle>
Handle family<Handle>::with(std::initializer_list<std::string_view> values) const {
    if (registry_ == nullptr) return Handle{};
    return registry_->resolve<Handle>(index_, values);
}
template class family<counter>;
template class family<gauge>;
template class family<histogram>;
}  // namespace metrics

registration metrics_registry::observe(std::size_t family,
                                       std::initializer_list<std::string_view> values,
                                       std::function<double()> read) {
    const std::lock_guard lock{state_->mutex};
    auto& series = state_->resolve(family, values);
    const auto key = ++state_->callbacks_made;
    series.callbacks.emplace(key, std::move(read));
    return registration{[all = state_.get(), &series, key] {
        const std::lock_guard ending{all->mutex};
        series.callbacks.erase(key);
    }};
}

registration metrics_registry::observe(const gauge_family& of,
                                       std::initializer_list<std::string_view> values,
                                       std::function<double()> read) {
    return observe(of.index_, values, std::move(read));
}

registration metrics_registry::observe(const counter_family& of,
                                       std::initializer_list<std::string_view> values,
                                       std::function<double()> read) {
    return observe(of.index_, values, std::move(read));
}

std::string metrics_registry::text() const {
    std::vector<prometheus::MetricFamily> all;
    {
        const std::lock_guard lock{state_->mutex};
        for (const auto& [name, index] : state_->by_name) {
            const auto& of = state_->families[index];
            prometheus::MetricFamily out{name, of.what.help, prometheus::MetricType::Gauge, {}};
            if (of.what.kind == kind::counter) out.type = prometheus::MetricType::Counter;
            if (of.what.kind == kind::histogram) out.type = prometheus::MetricType::Histogram;
            for (const auto& s : of.all) state::collect(of, s, out);
            if (!out.metric.empty()) all.push_back(std::move(out));
        }
    }
    return prometheus::TextSerializer{}.Serialize(all);
}

std::vector<declaration> metrics_registry::declarations() const {
    const std::lock_guard lock{state_->mutex};
    std::vector<declaration> out;
    for (const auto& [name, index] : state_->by_name) out.push_back(state_->families[index].what);
    return out;
}

}  // namespace tidemark
