#pragma once

#include "tidemark/core/version.hpp"
#include "tidemark/observability/catalog.hpp"

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace tidemark {

/// Numbers of the whole process for the overview page; relaxed atomics.
struct runtime_totals {
    std::atomic<std::uint64_t> commands{0};
    std::atomic<std::uint64_t> refused{0};
    std::atomic<std::uint64_t> errors{0};
    std::atomic<std::uint64_t> events_appended{0};
    std::atomic<std::uint64_t> effects_done{0};
    std::atomic<std::uint64_t> effects_retried{0};
    std::atomic<std::uint64_t> effects_parked{0};
    std::atomic<std::int64_t> effects_in_flight{0};
};

/// The series that one shard counts in, resolved once per category or message name. Lives on its
/// shard.
class shard_metrics {
  public:
    shard_metrics(const runtime_metrics& catalog, runtime_totals& totals, std::string store_kind);

    /// A command was answered: "committed", "refused" or "error".
    void command(std::string_view category, std::string_view kind, duration took);
    void decided(std::string_view category, duration took);
    void append_conflict(std::string_view category);
    void appended(std::string_view category, std::uint64_t events);
    void append_took(std::string_view outcome, duration took);
    void loaded(std::string_view category, duration took, std::uint64_t events);
    void snapshot(std::string_view outcome);
    /// An effect's attempt ended: "done", "retried" or "parked".
    void effect(std::string_view type, std::string_view outcome, duration took);
    void effects_in_flight(std::int64_t change);
    void retry(std::string_view operation, std::string_view outcome);

    [[nodiscard]] runtime_totals& totals() { return totals_; }
    [[nodiscard]] const runtime_metrics& catalog() const { return catalog_; }

  private:
    struct category_series {
        metrics::histogram command;
        metrics::histogram decide;
        metrics::histogram load;
        metrics::counter conflicts;
        metrics::counter appended;
        metrics::counter replayed;
    };
    category_series& of(std::string_view category);

    const runtime_metrics& catalog_;
    runtime_totals& totals_;
    std::string store_kind_;
    std::map<std::string, category_series, std::less<>> categories_;
    metrics::gauge in_flight_;
};

}  // namespace tidemark
