#include "tidemark/observability/metrics.hpp"

#include <cmath>

namespace tidemark::metrics {

std::uint64_t counter::value() const {
    return cell_ != nullptr ? cell_->load(std::memory_order_relaxed) : 0;
}

double gauge::value() const {
    return cell_ != nullptr ? cell_->load(std::memory_order_relaxed) : 0;
}

histogram_cell::histogram_cell(std::vector<double> upper_bounds)
    : bounds{std::move(upper_bounds)}, counts(bounds.size() + 1) {}

void histogram::observe(double value) const {
    if (cell_ == nullptr || std::isnan(value)) return;
    const auto& bounds = cell_->bounds;
    auto at = std::size_t{0};
    while (at < bounds.size() && value > bounds[at]) ++at;
    cell_->counts[at].fetch_add(1, std::memory_order_relaxed);
    cell_->sum.fetch_add(value, std::memory_order_relaxed);
}

std::uint64_t histogram::count() const {
    auto out = std::uint64_t{0};
    if (cell_ == nullptr) return out;
    for (const auto& c : cell_->counts) out += c.load(std::memory_order_relaxed);
    return out;
}

double histogram::quantile(double q) const {
    const auto wanted = q * static_cast<double>(count());
    if (wanted <= 0) return 0;
    const auto& bounds = cell_->bounds;
    auto below = 0.0;
    for (auto i = std::size_t{0}; i < bounds.size(); ++i) {
        const auto here = static_cast<double>(cell_->counts[i].load(std::memory_order_relaxed));
        if (here > 0 && below + here >= wanted) {
            const auto low = i == 0 ? 0.0 : bounds[i - 1];
            return low + (bounds[i] - low) * (wanted - below) / here;
        }
        below += here;
    }
    return bounds.empty() ? 0 : bounds.back();
}

std::string_view to_string(kind value) {
    switch (value) {
        case kind::counter:
            return "counter";
        case kind::gauge:
            return "gauge";
        case kind::histogram:
            return "histogram";
    }
    return "counter";
}

std::vector<double> duration_bounds() {
    return {.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10};
}

std::vector<double> short_duration_bounds() {
    return {1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 5e-3, 2.5e-2, .1};
}

const std::vector<std::string_view>& allowed_labels() {
    static const std::vector<std::string_view> names{
        "aggregate", "breaker",   "compiler",   "group",  "method",   "operation",
        "outcome",   "partition", "queue",      "reason", "revision", "route",
        "saga",      "state",     "projection", "status", "step",     "store",
        "to",        "topic",     "type",       "version"};
    return names;
}

registration& registration::operator=(registration&& other) noexcept {
    if (this != &other) {
        if (end_) end_();
        end_ = std::exchange(other.end_, nullptr);
    }
    return *this;
}

registration::~registration() {
    if (end_) end_();
}

}  // namespace tidemark::metrics
