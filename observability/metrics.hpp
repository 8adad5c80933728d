#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tidemark {
class metrics_registry;
}

/// Numbers for operators. Families are declared and series resolved once, at wiring; counting is a
/// relaxed atomic operation. Every handle points into its registry, which must outlive it; a
/// handle made by the default constructor counts nowhere.
namespace tidemark::metrics {

/// A number that only grows.
class counter {
  public:
    counter() = default;
    void add(std::uint64_t count = 1) const {
        if (cell_ != nullptr) cell_->fetch_add(count, std::memory_order_relaxed);
    }
    /// 0 for a handle that counts nowhere.
    [[nodiscard]] std::uint64_t value() const;

  private:
    friend class tidemark::metrics_registry;
    explicit counter(std::atomic<std::uint64_t>& cell) : cell_{&cell} {}
    std::atomic<std::uint64_t>* cell_ = nullptr;
};

/// A number that goes up and down.
class gauge {
  public:
    gauge() = default;
    void set(double value) const {
        if (cell_ != nullptr) cell_->store(value, std::memory_order_relaxed);
    }
    void add(double delta) const {
        if (cell_ != nullptr) cell_->fetch_add(delta, std::memory_order_relaxed);
    }
    [[nodiscard]] double value() const;

  private:
    friend class tidemark::metrics_registry;
    explicit gauge(std::atomic<double>& cell) : cell_{&cell} {}
    std::atomic<double>* cell_ = nullptr;
};

/// Counts of observations by upper bound, and their sum. Bounds ascend and are at most 32.
struct histogram_cell {
    explicit histogram_cell(std::vector<double> upper_bounds);
    const std::vector<double> bounds;
    /// One more than bounds: the last counts what is above all of them.
    std::vector<std::atomic<std::uint64_t>> counts;
    std::atomic<double> sum{0};
};

/// A distribution. Durations are observed in seconds, sizes in bytes.
class histogram {
  public:
    histogram() = default;
    void observe(double value) const;
    /// How many values were observed.
    [[nodiscard]] std::uint64_t count() const;
    /// Estimate of the value that a share `q` (0 to 1) of all observations is below: linear within
    /// its bucket, the highest bound for what is above all bounds, 0 without observations.
    [[nodiscard]] double quantile(double q) const;

  private:
    friend class tidemark::metrics_registry;
    explicit histogram(histogram_cell& cell) : cell_{&cell} {}
    histogram_cell* cell_ = nullptr;
};

/// What a family counts in. The name must say so: "_seconds", "_bytes", "_ratio", "_info".
enum class unit : std::uint8_t { none, seconds, bytes, ratio, info };

enum class kind : std::uint8_t { counter, gauge, histogram };
[[nodiscard]] std::string_view to_string(kind value);

/// A family of series that differ in their labels' values.
struct declaration {
    /// "tidemark_" in front, snake_case, its unit at the end, "_total" behind it on counters.
    std::string name;
    metrics::kind kind = metrics::kind::counter;
    metrics::unit unit = metrics::unit::none;
    /// Label names, of the list in `allowed_labels`: never an id of a stream, an order or a user.
    std::vector<std::string> labels;
    /// One sentence.
    std::string help;
    /// Of a histogram; empty means `duration_bounds()`.
    std::vector<double> bounds;
};

/// 0.5 ms to 10 s in 14 steps: the usual bounds of a duration.
[[nodiscard]] std::vector<double> duration_bounds();
/// 1 µs to 100 ms: the bounds of work inside the process.
[[nodiscard]] std::vector<double> short_duration_bounds();
/// The label names a family may have.
[[nodiscard]] const std::vector<std::string_view>& allowed_labels();

/// A declared family: gives out handles of type `Handle`. Cheap to copy.
template <class Handle>
class family {
  public:
    family() = default;
    /// The series with these label values, one per declared label in order; the same values give
    /// the same series. Beyond the registry's `series_max` every new value set is the one series
    /// whose labels all read "other". Throws `std::invalid_argument` for a wrong number of values.
    [[nodiscard]] Handle with(std::initializer_list<std::string_view> values) const;
    /// The only series of a family without labels.
    [[nodiscard]] Handle get() const { return with({}); }

  private:
    friend class tidemark::metrics_registry;
    family(tidemark::metrics_registry& registry, std::size_t index)
        : registry_{&registry}, index_{index} {}
    tidemark::metrics_registry* registry_ = nullptr;
    std::size_t index_ = 0;
};

using counter_family = family<counter>;
using gauge_family = family<gauge>;
using histogram_family = family<histogram>;

/// Ends a callback series when destroyed. The registry must outlive it.
class registration {
  public:
    registration() = default;
    explicit registration(std::function<void()> end) : end_{std::move(end)} {}
    registration(registration&& other) noexcept : end_{std::exchange(other.end_, nullptr)} {}
    registration& operator=(registration&& other) noexcept;
    ~registration();

  private:
    std::function<void()> end_;
};

}  // namespace tidemark::metrics

namespace tidemark {

/// Owns every family and series of a process; thread-safe. Written out in the Prometheus text
/// format, version 0.0.4.
class metrics_registry {
  public:
    struct options {
        /// Series a family may have before new label values share one series "other".
        std::size_t series_max = 1000;
    };
    metrics_registry();
    explicit metrics_registry(options settings);
    metrics_registry(const metrics_registry&) = delete;
    metrics_registry& operator=(const metrics_registry&) = delete;
    ~metrics_registry();

    /// Declares a family. The same declaration again gives the same family; another one of the
    /// same name, or one that breaks the rules of `declaration`, throws `std::invalid_argument`
    /// naming the rule.
    metrics::counter_family counters(metrics::declaration what);
    metrics::gauge_family gauges(metrics::declaration what);
    metrics::histogram_family histograms(metrics::declaration what);

    /// A series whose value is asked for at each `text()`: for numbers that somebody counts
    /// anyway. `read` runs on the thread that calls `text()`, under the registry's lock: it must
    /// be quick, thread-safe, and not call the registry. If it throws or gives NaN the series is
    /// left out of that text. Several callbacks of one series are summed, so that each shard may
    /// register its own part.
    [[nodiscard]] metrics::registration observe(const metrics::gauge_family& of,
                                                std::initializer_list<std::string_view> values,
                                                std::function<double()> read);
    [[nodiscard]] metrics::registration observe(const metrics::counter_family& of,
                                                std::initializer_list<std::string_view> values,
                                                std::function<double()> read);

    /// Every series of every family, families in the order of their names.
    [[nodiscard]] std::string text() const;
    /// Every declared family in the order of their names: documentation is generated from it.
    [[nodiscard]] std::vector<metrics::declaration> declarations() const;

  private:
    template <class Handle>
    friend class metrics::family;
    struct state;

    std::size_t declare(metrics::declaration what);
    metrics::registration observe(std::size_t family,
                                  std::initializer_list<std::string_view> values,
                                  std::function<double()> read);
    template <class Handle>
    Handle resolve(std::size_t family, std::initializer_list<std::string_view> values);

    std::unique_ptr<state> state_;
};

}  // namespace tidemark
