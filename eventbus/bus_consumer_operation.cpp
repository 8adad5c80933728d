// What a consumer does beside its main path: retries and dead letters.
#include "tidemark/eventbus/bus_consumer.hpp"
#include "tidemark/observability/log.hpp"

#include <algorithm>
#include <utility>

namespace tidemark {
namespace {

/// Streams looked at, and letters handed over, in one round of tending.
constexpr std::size_t streams_max = 32;
constexpr std::size_t letters_max = 100;

}  // namespace

awaitable<result<std::vector<document>>> bus_consumer::streams_in(std::string index,
                                                                  std::string value,
                                                                  std::size_t limit) {
    document_query asked;
    asked.index = std::move(index);
    asked.value = std::move(value);
    asked.limit = limit;
    auto from = consumer_records::streams_of(options_.name);
    co_return co_await effects_.query(std::move(from), asked);
}

awaitable<consumer_action::any> bus_consumer::tend() {
    tend_at_ = on_.clock().steady() + options_.poll_interval;
    auto released = co_await release_due();
    if (!released) co_return failed(released.error());
    if (!letters_to_.empty()) {
        auto streams = co_await hand_over_streams();
        if (!streams) co_return failed(streams.error());
    }
    auto refused = co_await hand_over_refused();
    if (!refused) co_return failed(refused.error());
    auto counted = co_await count_waiting();
    if (!counted) co_return failed(counted.error());
    pass_on_orders();
    co_return fsm_.tended();
}

awaitable<result<void>> bus_consumer::count_waiting() {
    std::uint64_t count = 0;
    std::uint64_t kept = 0;
    const auto now = on_.clock().now();
    auto oldest = now;
    for (const auto* state : {"gap", "retrying", "parked"}) {
        auto found = co_await streams_in("state", state, consumer_status::waiting_streams_max);
        if (!found) co_return found.error();
        count += found->size();
        for (const auto& each : *found) {
            const auto place = consumer_records::read_place(each);
            if (place.state != stream_state::parked) continue;
            kept += place.kept;
            oldest = std::min(oldest, place.since);
        }
    }
    const std::chrono::duration<double> age = now - oldest;
    series_.waiting.set(static_cast<double>(count));
    series_.parked.set(static_cast<double>(kept));
    series_.parked_age.set(age.count());
    const std::scoped_lock lock{mutex_};
    status_.waiting_streams = count;
    status_.parked_messages = kept;
    co_return result<void>{};
}

/// Streams that are not due yet are looked at again when they are.
awaitable<result<void>> bus_consumer::release_due() {
    auto found = co_await streams_in("state", "retrying", streams_max);
    if (!found) co_return found.error();
    std::vector<std::string> due;
    const auto now = on_.clock().now();
    for (const auto& each : *found) {
        const auto place = consumer_records::read_place(each);
        if (place.due <= now) {
            due.push_back(each.key);
        } else {
            tend_within(place.due - now);
        }
    }
    if (due.empty()) co_return result<void>{};
    ledger_work work = [&due, now, this](consumer_ledger& ledger) {
        for (const auto& key : due) {
            // Another member may have tried meanwhile.
            const auto& stands = ledger.at(key);
            if (stands.state != stream_state::retrying || stands.due > now) continue;
            ledger.release(key, options_.batch_max, false);
        }
    };
    auto done = co_await change(std::move(work));
    if (!done) co_return done.error();
    count(*done);
    tend_within(options_.retry.first);
    co_return result<void>{};
}

awaitable<result<void>> bus_consumer::hand_over_streams() {
    auto found = co_await streams_in("letters", "due", streams_max);
    if (!found) co_return found.error();
    for (auto& each : *found) {
        const auto place = consumer_records::read_place(each);
        const version lettered{place.lettered};
        auto handed = co_await hand_over(std::move(each.key), lettered);
        if (!handed) co_return handed;
    }
    co_return result<void>{};
}

/// Published first, noted then: a crash in between publishes them again.
awaitable<result<void>> bus_consumer::hand_over(std::string place, version lettered) {
    document_query asked;
    asked.index = "stream";
    asked.value = place;
    asked.after_key = consumer_records::kept_key(place, lettered);
    asked.limit = letters_max;
    auto from = consumer_records::parked_of(options_.name);
    auto kept = co_await effects_.query(std::move(from), asked);
    if (!kept || kept->empty()) co_return kept ? result<void>{} : kept.error();
    auto reports = co_await publish_letters(*kept);
    if (!reports) co_return reports.error();
    if (kept->size() == letters_max) tend_within(options_.retry.first);
    auto last = lettered;
    for (std::size_t i = 0; i < reports->size(); ++i) {
        const auto outcome = (*reports)[i].outcome;
        // A copy that the bus will never take stays in the storage alone.
        if (outcome != delivery::persisted && outcome != delivery::refused) break;
        const auto& key = (*kept)[i].key;
        last = version{std::stoull(key.substr(key.rfind('/') + 1))};
    }
    if (last == lettered) co_return result<void>{};
    ledger_work work = [&place, last](consumer_ledger& ledger) { ledger.lettered(place, last); };
    auto noted = co_await change(std::move(work));
    if (!noted) co_return noted.error();
    co_return result<void>{};
}

awaitable<result<void>> bus_consumer::hand_over_refused() {
    document_query asked;
    asked.index = "stream";
    asked.value = consumer_records::no_stream;
    asked.limit = letters_max;
    auto from = consumer_records::parked_of(options_.name);
    auto kept = co_await effects_.query(std::move(from), asked);
    if (!kept || kept->empty()) co_return kept ? result<void>{} : kept.error();
    if (kept->size() == letters_max) tend_within(options_.retry.first);
    std::vector<delivery_report> fates(kept->size(), {delivery::refused, {}});
    if (!letters_to_.empty()) {
        auto reports = co_await publish_letters(*kept);
        if (!reports) co_return reports.error();
        fates = std::move(*reports);
    }
    std::vector<std::string> gone;
    std::vector<std::string> stuck;
    for (std::size_t i = 0; i < fates.size(); ++i) {
        if (fates[i].outcome == delivery::persisted) gone.push_back((*kept)[i].key);
        if (fates[i].outcome == delivery::refused) stuck.push_back((*kept)[i].key);
    }
    ledger_work work = [&gone, &stuck](consumer_ledger& ledger) {
        ledger.letters_done(gone);
        if (!stuck.empty()) ledger.shelve(stuck);
    };
    auto noted = co_await change(std::move(work));
    if (!noted) co_return noted.error();
    if (noted->forgotten > 0) {
        log::warn("messages that are no events were given up: no dead-letter topic takes them",
                  {"consumer", options_.name}, {"count", noted->forgotten});
    }
    co_return result<void>{};
}

/// A bus that does not take them now is asked again with the next round; effects do not wait.
awaitable<result<std::vector<delivery_report>>> bus_consumer::publish_letters(
    const std::vector<document>& kept) {
    if (!has_letter_topic_) {
        const auto made = co_await bus_.ensure_topic(letters_to_);
        // Other partitions than configured are as good for letters.
        has_letter_topic_ = made.has_value() || made.error().code() == errc::schema_mismatch;
        if (!has_letter_topic_) {
            const std::scoped_lock lock{mutex_};
            status_.reason = made.error().message();
            co_return std::vector<delivery_report>{};
        }
    }
    std::vector<bus_message> letters;
    for (const auto& each : kept) {
        auto content = consumer_records::read_kept(each);
        content.note.consumer = options_.name;
        content.note.group = options_.group;
        letters.push_back(dead_lettered(std::move(content.message), content.note, letters_to_));
    }
    auto reports = co_await bus_.publish(std::move(letters));
    if (reports.size() > kept.size()) reports.resize(kept.size());
    const std::scoped_lock lock{mutex_};
    for (const auto& each : reports) {
        if (each.outcome == delivery::persisted) {
            ++status_.dead_letters;
            series_.dead_letters.add();
        } else {
            status_.reason = "dead-letter topic \"" + letters_to_ + "\": " + each.reason;
        }
    }
    co_return reports;
}

}  // namespace tidemark
