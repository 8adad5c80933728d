#include "tidemark/runtime/shard_metrics.hpp"

#include <chrono>

namespace tidemark {

namespace {

double seconds(duration span) { return std::chrono::duration<double>(span).count(); }

}  // namespace

shard_metrics::shard_metrics(const runtime_metrics& catalog, runtime_totals& totals,
                             std::string store_kind)
    : catalog_{catalog},
      totals_{totals},
      store_kind_{std::move(store_kind)},
      in_flight_{catalog.effects_in_flight.get()} {}

shard_metrics::category_series& shard_metrics::of(std::string_view category) {
    const auto found = categories_.find(category);
    if (found != categories_.end()) return found->second;
    category_series made{.command = catalog_.command_duration.with({category}),
                         .decide = catalog_.decide_duration.with({category}),
                         .load = catalog_.event_load_duration.with({category}),
                         .conflicts = catalog_.append_conflicts.with({category}),
                         .appended = catalog_.events_appended.with({category}),
                         .replayed = catalog_.events_replayed.with({category})};
    return categories_.emplace(std::string{category}, made).first->second;
}

void shard_metrics::command(std::string_view category, std::string_view kind, duration took) {
    of(category).command.observe(seconds(took));
    totals_.commands.fetch_add(1, std::memory_order_relaxed);
    if (kind == "refused") totals_.refused.fetch_add(1, std::memory_order_relaxed);
    if (kind == "error") totals_.errors.fetch_add(1, std::memory_order_relaxed);
}

void shard_metrics::decided(std::string_view category, duration took) {
    of(category).decide.observe(seconds(took));
}

void shard_metrics::append_conflict(std::string_view category) { of(category).conflicts.add(); }

void shard_metrics::appended(std::string_view category, std::uint64_t events) {
    if (events == 0) return;
    of(category).appended.add(events);
    totals_.events_appended.fetch_add(events, std::memory_order_relaxed);
}

void shard_metrics::append_took(std::string_view outcome, duration took) {
    catalog_.event_append_duration.with({store_kind_, outcome}).observe(seconds(took));
}

void shard_metrics::loaded(std::string_view category, duration took, std::uint64_t events) {
    auto& series = of(category);
    series.load.observe(seconds(took));
    series.replayed.add(events);
}

void shard_metrics::snapshot(std::string_view outcome) { catalog_.snapshots.with({outcome}).add(); }

void shard_metrics::effect(std::string_view type, std::string_view outcome, duration took) {
    catalog_.effects.with({type, outcome}).add();
    catalog_.effect_duration.with({type}).observe(seconds(took));
    if (outcome == "done") totals_.effects_done.fetch_add(1, std::memory_order_relaxed);
    if (outcome == "retried") totals_.effects_retried.fetch_add(1, std::memory_order_relaxed);
    if (outcome == "parked") totals_.effects_parked.fetch_add(1, std::memory_order_relaxed);
}

void shard_metrics::effects_in_flight(std::int64_t change) {
    in_flight_.add(static_cast<double>(change));
    totals_.effects_in_flight.fetch_add(change, std::memory_order_relaxed);
}

void shard_metrics::retry(std::string_view operation, std::string_view outcome) {
    catalog_.retries.with({operation, outcome}).add();
}

}  // namespace tidemark
