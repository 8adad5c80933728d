// What a consumer sets aside for the dead-letter topic.
#include "tidemark/eventbus/consumer_ledger.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace tidemark {
namespace {

/// Messages without a stream that nobody takes: enough to see what they are.
constexpr std::size_t shelved_max = 100;

/// What is kept of a message without a stream, whatever its size.
constexpr std::size_t refused_bytes_max = std::size_t{256} << 10U;
constexpr std::size_t refused_headers_max = 64;

std::string id_of(const bus_message& message) {
    std::string headers;
    for (const auto& each : message.headers) headers += each.name + "=" + each.value + "\n";
    return message_id::derive({message.topic, message.key, message.payload, headers}).to_string();
}

}  // namespace

void consumer_ledger::refuse(bus_message message, const error& why) {
    const auto key = std::string{consumer_records::no_stream} + "/" + id_of(message);
    cut_to(message, refused_bytes_max, refused_headers_max);
    dead_letter_note note;
    note.code = to_string(why.code());
    note.reason = why.message();
    note.attempts = 1;
    note.at = now_;
    auto is_fresh = false;
    put_kept(consumer_records::as_document(key, consumer_records::no_stream, message, note),
             is_fresh);
    ++done_.refused;
    done_.reason = why.message();
}

void consumer_ledger::lettered(const std::string& place, version until) {
    auto& known = find(place);
    if (known.stands.state == stream_state::flowing) return;
    known.stands.lettered = std::max(known.stands.lettered, until.value());
    known.has_changed = true;
}

void consumer_ledger::letters_done(const std::vector<std::string>& keys) {
    for (const auto& key : keys) {
        if (!parked_.get(key)) continue;
        parked_.erase(key);
        if (total() > 0) --*total_;
        has_total_changed_ = true;
    }
}

void consumer_ledger::shelve(const std::vector<std::string>& keys) {
    for (const auto& key : keys) {
        auto kept = parked_.get(key);
        if (!kept || kept->indexes["stream"] == consumer_records::shelf) continue;
        kept->indexes["stream"] = consumer_records::shelf;
        parked_.put(std::move(*kept));
        if (total() > 0) --*total_;
        has_total_changed_ = true;
    }
    const auto all = parked_.find("stream", consumer_records::shelf, shelved_max + keys.size());
    for (std::size_t i = shelved_max; i < all.size(); ++i) {
        parked_.erase(all[i].key);
        ++done_.forgotten;
    }
}

void consumer_ledger::offer_again() {
    for (auto& kept : parked_.find("stream", consumer_records::shelf, shelved_max)) {
        kept.indexes["stream"] = consumer_records::no_stream;
        parked_.put(std::move(kept));
        std::ignore = total();
        ++*total_;
        has_total_changed_ = true;
    }
}

}  // namespace tidemark
