#include "tidemark/eventbus/consumer_ledger.hpp"

#include "tidemark/codec/json_text.hpp"
#include "tidemark/eventbus/staged_model.hpp"

#include <algorithm>
#include <charconv>
#include <exception>
#include <system_error>
#include <utility>

namespace tidemark {
namespace {

constexpr std::size_t reason_bytes_max = 1'000;
/// Messages kept that one arrival may set going; the rest is taken up by the next look.
constexpr std::size_t follow_max = 500;

std::string at_event(const recorded_event& event) {
    return "event " + event.message.name + " (stream " + event.stream.text() + ", version " +
           std::to_string(event.version.value()) + "): ";
}

}  // namespace

verdict judge(const stream_place& at, version arrived, version_check check, bool may_fetch) {
    if (arrived.value() <= at.version) return verdict::drop;
    if (at.state == stream_state::retrying || at.state == stream_state::parked) {
        return verdict::keep;
    }
    const auto is_first = at.version == 0 && at.state == stream_state::flowing;
    const auto is_next = arrived.value() == at.version + 1 || check == version_check::growing ||
                         (is_first && check == version_check::complete_from_first);
    if (is_next) return verdict::apply;
    // What the log was asked for in vain, it is not asked for with every message again.
    return may_fetch && at.state == stream_state::flowing ? verdict::fetch : verdict::keep;
}

consumer_ledger::consumer_ledger(read_model& rows, const consumer_rules& rules, instant now,
                                 std::uint64_t random)
    : rows_{rows},
      streams_{rows.beside(consumer_records::streams_of(rules.name))},
      parked_{rows.beside(consumer_records::parked_of(rules.name))},
      rules_{rules},
      now_{now},
      random_{random} {}

consumer_ledger::known_place& consumer_ledger::find(const std::string& key) {
    const auto known = places_.find(key);
    if (known != places_.end()) return known->second;
    known_place fresh;
    if (const auto stored = streams_.get(key)) {
        fresh.stands = consumer_records::read_place(*stored);
    }
    return places_.emplace(key, std::move(fresh)).first->second;
}

const stream_place& consumer_ledger::at(const std::string& place) { return find(place).stands; }

std::uint64_t consumer_ledger::total() {
    if (total_) return *total_;
    std::uint64_t count = 0;
    if (const auto stored = streams_.get(consumer_records::total_key)) {
        const auto& text = stored->body;
        std::from_chars(text.data(), text.data() + text.size(), count);
    }
    total_ = count;
    return count;
}

void consumer_ledger::prefetch(std::span<const consumed_event> batch,
                               const std::vector<std::string>& keys) {
    std::set<std::string> places{keys.begin(), keys.end()};
    streams_.prefetch({places.begin(), places.end()});
    if (!rules_.reads) return;
    std::set<std::string> wanted;
    for (const auto& each : batch) wanted.insert(rules_.reads(each.event));
    rows_.prefetch({wanted.begin(), wanted.end()});
}

void consumer_ledger::take(std::span<const consumed_event> batch,
                           const std::optional<message_id>& log,
                           const std::set<std::string, std::less<>>& lost) {
    std::vector<std::string> keys;
    keys.reserve(batch.size());
    for (const auto& each : batch) {
        keys.push_back(consumer_records::place_key(each.log, each.event.stream));
    }
    prefetch(batch, keys);
    std::set<std::string> asked;
    for (std::size_t i = 0; i < batch.size(); ++i) {
        const auto& arrived = batch[i];
        auto& place = find(keys[i]);
        const auto may_fetch = log == arrived.log && !lost.contains(keys[i]);
        switch (judge(place.stands, arrived.event.version, rules_.check, may_fetch)) {
            case verdict::drop:
                ++done_.duplicates;
                break;
            case verdict::keep:
                if (place.stands.state == stream_state::flowing) {
                    open_gap(place, arrived.event.version);
                }
                keep(place, keys[i], arrived);
                break;
            case verdict::fetch:
                done_.waiting.push_back(i);
                if (!asked.insert(keys[i]).second) break;
                done_.missing.push_back({keys[i], arrived.event.stream,
                                         version{place.stands.version}, arrived.event.version});
                break;
            case verdict::apply:
                take_one(arrived, place, keys[i]);
                break;
        }
    }
}

void consumer_ledger::take_one(const consumed_event& arrived, known_place& place,
                               const std::string& key) {
    if (const auto failure = apply(arrived.event)) {
        place.stands.attempts = 0;
        place.stands.since = now_;
        failed(place, *failure);
        keep(place, key, arrived);
        return;
    }
    place.stands.version = arrived.event.version.value();
    place.has_changed = true;
    if (place.stands.state != stream_state::flowing) follow(place, key, follow_max);
}

/// One event's writes are kept or dropped together; the others of the transaction do not notice.
std::optional<error> consumer_ledger::apply(const recorded_event& event) {
    staged_model rows{rows_};
    std::optional<error> failure;
    try {
        const auto told = rules_.apply(rows, event);
        if (!told) {
            failure = error{told.error().code(), at_event(event) + told.error().message()};
        }
    } catch (const std::exception& e) {
        failure = error{errc::user_code_threw, at_event(event) + e.what()};
    } catch (...) {
        failure = error{errc::user_code_threw,
                        at_event(event) + "something was thrown that is no std::exception"};
    }
    if (rows.has_storage_failed()) {
        throw std::system_error{make_error_code(errc::unavailable), "the storage failed"};
    }
    if (!failure) {
        rows.keep();
        ++done_.applied;
        return failure;
    }
    ++done_.failures;
    done_.reason = failure->message();
    return failure;
}

void consumer_ledger::failed(known_place& place, const error& why) {
    auto& stands = place.stands;
    place.has_changed = true;
    ++stands.attempts;
    stands.code = to_string(why.code());
    stands.reason = json_text::excerpt(why.message(), reason_bytes_max);
    // What cannot be read is no better read again.
    const auto is_last = why.code() == errc::undecodable || stands.attempts >= rules_.attempts_max;
    stands.state = is_last ? stream_state::parked : stream_state::retrying;
    stands.due = now_ + backoff(rules_.retry, stands.attempts, random_);
}

void consumer_ledger::open_gap(known_place& place, version next) {
    auto& stands = place.stands;
    if (stands.state != stream_state::gap) stands.since = now_;
    stands.state = stream_state::gap;
    stands.code = to_string(errc::not_found);
    stands.reason = "version " + std::to_string(stands.version + 1) +
                    " has not come, the next one here is " + std::to_string(next.value()) +
                    "; publish it again, or skip what is missing";
    place.has_changed = true;
    done_.reason = stands.reason;
}

/// Only a stored place stands in the way of later messages, so the count is right after a crash.
void consumer_ledger::keep(known_place& place, const std::string& key,
                           const consumed_event& arrived) {
    auto& stands = place.stands;
    const auto at = arrived.event.version;
    const auto is_culprit = stands.kept == 0;
    dead_letter_note note;
    note.code = stands.code;
    note.reason = is_culprit ? stands.reason : "stands behind another one: " + stands.reason;
    note.attempts = is_culprit ? stands.attempts : 0;
    note.at = now_;
    auto is_fresh = false;
    auto doc = consumer_records::as_document(consumer_records::kept_key(key, at), key,
                                             message_of(arrived), note);
    const auto in_stead = doc;
    put_kept(std::move(doc), is_fresh);
    if (!is_fresh) return replace_first(place, key, in_stead, arrived);
    ++stands.kept;
    stands.newest = std::max(stands.newest, at.value());
    place.has_changed = true;
}

/// What stands in the way was published again, and not the same: it may be mended.
void consumer_ledger::replace_first(known_place& place, const std::string& key, const document& by,
                                    const consumed_event& arrived) {
    const auto first = parked_.find("stream", key, 1);
    if (first.empty() || first.front().key != by.key) return;
    const auto before = consumer_records::read_kept(first.front()).message.payload;
    if (before == arrived.event.message.payload) return;
    parked_.put(by);
    place.stands.attempts = 0;
    place.has_changed = true;
    follow(place, key, follow_max);
}

void consumer_ledger::put_kept(document doc, bool& is_fresh) {
    is_fresh = !parked_.get(doc.key).has_value();
    if (!is_fresh) return;
    if (total() >= rules_.kept_max) {
        throw std::system_error{make_error_code(errc::overloaded),
                                "consumer \"" + rules_.name + "\" keeps kept_max (" +
                                    std::to_string(rules_.kept_max) +
                                    ") messages; resume or skip the parked streams"};
    }
    parked_.put(std::move(doc));
    ++*total_;
    has_total_changed_ = true;
    ++done_.kept;
}

void consumer_ledger::forget(known_place& place, const std::string& kept_key) {
    parked_.erase(kept_key);
    if (place.stands.kept > 0) --place.stands.kept;
    place.has_changed = true;
    if (total() > 0) --*total_;
    has_total_changed_ = true;
}

void consumer_ledger::release(const std::string& place, std::size_t limit, bool is_ordered) {
    auto& known = find(place);
    if (known.stands.state == stream_state::flowing) return;
    if (is_ordered) {
        known.stands.attempts = 0;
        known.has_changed = true;
    }
    follow(known, place, limit);
}

/// Takes in what is kept of a stream, in order, until something stands in the way.
void consumer_ledger::follow(known_place& place, const std::string& key, std::size_t limit) {
    const auto kept = parked_.find("stream", key, limit);
    for (const auto& each : kept) {
        if (!apply_kept(place, each)) return settle(place, false, true);
    }
    settle(place, kept.size() == limit, false);
}

bool consumer_ledger::apply_kept(known_place& place, const document& kept) {
    auto content = consumer_records::read_kept(kept);
    auto arrived = consumed_from(content.message, {.bytes_max = ~std::size_t{0}});
    if (!arrived) {
        throw std::system_error{make_error_code(errc::corrupt), arrived.error().message()};
    }
    const auto& event = arrived->event;
    auto& stands = place.stands;
    auto flowing = stands;
    flowing.state = stream_state::flowing;
    const auto said = judge(flowing, event.version, rules_.check, false);
    if (said == verdict::keep) {
        open_gap(place, event.version);
        return false;
    }
    if (said == verdict::apply) {
        if (const auto failure = apply(event)) {
            failed(place, *failure);
            return false;
        }
        stands.version = event.version.value();
        stands.attempts = 0;
    }
    forget(place, kept.key);
    return true;
}

void consumer_ledger::settle(known_place& place, bool is_limit_reached, bool is_stuck) {
    if (is_stuck) return;
    auto& stands = place.stands;
    place.has_changed = true;
    if (is_limit_reached) {
        stands.state = stream_state::retrying;
        stands.due = now_;
        return;
    }
    const auto at = stands.version;
    stands = {};
    stands.version = at;
}

void consumer_ledger::skip(const std::string& place) {
    auto& known = find(place);
    if (known.stands.state == stream_state::flowing) return;
    const auto first = parked_.find("stream", place, 1);
    if (first.empty()) return settle(known, false, false);
    auto content = consumer_records::read_kept(first.front());
    const auto arrived = consumed_from(content.message, {.bytes_max = ~std::size_t{0}});
    const auto at = arrived ? arrived->event.version.value() : known.stands.version + 1;
    if (known.stands.state == stream_state::gap) {
        known.stands.version = at - 1;
    } else {
        known.stands.version = at;
        forget(known, first.front().key);
    }
    known.stands.attempts = 0;
    follow(known, place, follow_max);
}

void consumer_ledger::note(document audited) {
    rows_.beside(consumer_records::audit_of(rules_.name)).put(std::move(audited));
}

intake consumer_ledger::close() {
    for (const auto& [key, place] : places_) {
        if (!place.has_changed) continue;
        streams_.put(consumer_records::as_document(key, place.stands));
    }
    if (has_total_changed_) {
        document total_doc;
        total_doc.key = consumer_records::total_key;
        total_doc.body = std::to_string(*total_);
        streams_.put(std::move(total_doc));
    }
    return std::move(done_);
}

}  // namespace tidemark
