#include "tidemark/eventstore/postgres_event_append.hpp"

#include "tidemark/eventstore/postgres_connection.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace tidemark {
namespace {

constexpr std::string_view append_sql =
    "SELECT at, befores, drawn FROM append_events($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,"
    "$15,$16,$17,$18,$19,$20,$21,$22,$23)";

constexpr std::string_view append_one_sql =
    "SELECT append_event($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17)";

bool has_events_alone(const append_request& request) {
    return !request.events.empty() && request.effects.empty() && request.timers_set.empty() &&
           request.timers_cancelled.empty() && request.completes.empty() && request.fires.empty() &&
           request.consumed.empty() && request.closes.empty();
}

/// The numbers of an int8 array without NULLs in binary form.
std::vector<std::int64_t> read_numbers(std::string_view bytes) {
    constexpr std::size_t header = 20;
    constexpr std::size_t element = 4 + 8;
    std::vector<std::int64_t> numbers;
    for (auto at = header; at + element <= bytes.size(); at += element) {
        std::uint64_t number = 0;
        for (std::size_t i = 4; i < element; ++i) {
            number = (number << 8U) | static_cast<unsigned char>(bytes[at + i]);
        }
        numbers.push_back(static_cast<std::int64_t>(number));
    }
    return numbers;
}

/// The parameters, and where in them each append stands.
class event_appends {
  public:
    /// False if it cannot go this way.
    [[nodiscard]] bool add(const append_request& request) {
        const auto is_lead = last_ == nullptr || last_->stream != request.stream;
        if (!has_events_alone(request)) return false;
        if (is_lead) {
            begin_stream(request);
        } else if (!follows(request)) {
            return false;
        }
        const auto before = offset_;
        add_events(request);
        places_.push_back({.stream = streams_.size() - 1, .last = offset_, .event = ids_.size()});
        if (request.command) add_answer(*request.command, before);
        last_ = &request;
        return true;
    }

    [[nodiscard]] std::vector<postgres_value> values(std::optional<instant> now) const {
        return {now,           streams_,       categories_, expected_,       expected_heads_,
                numbers_,      offsets_,       ids_,        names_,          correlations_,
                causations_,   traceparents_,  payloads_,   answer_streams_, answer_firsts_,
                answer_lasts_, answer_events_, scopes_,     commands_,       hashes_,
                outcomes_,     reasons_,       messages_};
    }

    /// The outcomes in the order of adding; nothing if the database refused.
    [[nodiscard]] std::optional<std::vector<append_outcome>> read(postgres_rows rows) const {
        if (!rows.next() || rows.is_null(0)) return std::nullopt;
        const auto befores = read_numbers(rows.bytes(1));
        const auto drawn = read_numbers(rows.bytes(2));
        std::vector<append_outcome> told;
        told.reserve(places_.size());
        for (const auto& one : places_) {
            const auto before = static_cast<std::uint64_t>(befores.at(one.stream));
            const auto at = static_cast<std::uint64_t>(drawn.at(one.event - 1));
            told.emplace_back(append_committed{.version = version{before + one.last},
                                               .position = position{at},
                                               .recorded_at = rows.at(0)});
        }
        return told;
    }

  private:
    struct place {
        std::size_t stream = 0;
        /// Versions above the stream's before, and its last event, counted from 1.
        std::uint64_t last = 0;
        std::size_t event = 0;
    };

    void begin_stream(const append_request& request) {
        offset_ = 0;
        lead_ = request.expected.at();
        streams_.add(request.stream.text());
        categories_.add(request.stream.category());
        expected_.add(lead_ ? static_cast<std::int64_t>(lead_->value()) : std::int64_t{-1});
        expected_heads_.add(request.expected.head().value_or(message_id{}));
    }

    /// Whether what it expects is what the appends before it leave behind.
    [[nodiscard]] bool follows(const append_request& request) const {
        const auto& expected = request.expected;
        if (expected.is_any()) return true;
        if (!lead_ || *expected.at() != lead_->next(offset_)) return false;
        return !expected.head() || *expected.head() == last_->events.back().id;
    }

    void add_events(const append_request& request) {
        for (const auto& event : request.events) {
            numbers_.add(streams_.size());
            offsets_.add(++offset_);
            ids_.add(event.id);
            names_.add(event.message.name);
            correlations_.add(request.trace.correlation);
            causations_.add(request.trace.causation);
            traceparents_.add(request.trace.traceparent);
            payloads_.add(event.message.payload);
        }
    }

    void add_answer(const command_record& command, std::uint64_t before) {
        answer_streams_.add(streams_.size());
        answer_firsts_.add(before);
        answer_lasts_.add(offset_);
        answer_events_.add(ids_.size());
        scopes_.add(command.scope);
        commands_.add(command.id);
        hashes_.add(command.payload_hash);
        outcomes_.add(static_cast<int>(command.outcome));
        reasons_.add(command.reason);
        messages_.add(command.message);
    }

    const append_request* last_ = nullptr;
    std::optional<version> lead_;
    std::uint64_t offset_ = 0;
    std::vector<place> places_;
    postgres_array streams_{postgres_type::text};
    postgres_array categories_{postgres_type::text};
    postgres_array expected_{postgres_type::int8};
    postgres_array expected_heads_{postgres_type::uuid};
    postgres_array numbers_{postgres_type::int4};
    postgres_array offsets_{postgres_type::int4};
    postgres_array ids_{postgres_type::uuid};
    postgres_array names_{postgres_type::text};
    postgres_array correlations_{postgres_type::uuid};
    postgres_array causations_{postgres_type::uuid};
    postgres_array traceparents_{postgres_type::text};
    postgres_array payloads_{postgres_type::bytes};
    postgres_array answer_streams_{postgres_type::int4};
    postgres_array answer_firsts_{postgres_type::int4};
    postgres_array answer_lasts_{postgres_type::int4};
    postgres_array answer_events_{postgres_type::int4};
    postgres_array scopes_{postgres_type::text};
    postgres_array commands_{postgres_type::text};
    postgres_array hashes_{postgres_type::int8};
    postgres_array outcomes_{postgres_type::int2};
    postgres_array reasons_{postgres_type::text};
    postgres_array messages_{postgres_type::text};
};

/// The parameters of the shortest way. Refers to the request.
std::array<postgres_value, 17> values_of(const append_request& request,
                                         std::optional<instant> now) {
    static const command_record none;
    const auto& expected = request.expected;
    const auto& event = request.events.front();
    const auto& trace = request.trace;
    const auto& command = request.command ? *request.command : none;
    const auto at = expected.at();
    return {now,
            request.stream.text(),
            std::string_view{request.stream.category()},
            at ? static_cast<std::int64_t>(at->value()) : std::int64_t{-1},
            expected.head().value_or(message_id{}),
            event.id,
            event.message.name,
            trace.correlation,
            trace.causation,
            trace.traceparent,
            postgres_value::bytes(event.message.payload),
            command.scope,
            command.id,
            command.payload_hash,
            postgres_value::int4(static_cast<int>(command.outcome)),
            command.reason,
            command.message};
}

}  // namespace

std::optional<append_outcome> append_event(postgres_connection& session,
                                           const append_request& request,
                                           std::optional<instant> now) {
    if (request.events.size() != 1 || !has_events_alone(request)) return std::nullopt;
    auto rows = session.run(append_one_sql, values_of(request, now));
    if (!rows.next() || rows.is_null(0)) return std::nullopt;
    const auto told = read_numbers(rows.bytes(0));
    return append_committed{.version = version{static_cast<std::uint64_t>(told.at(1)) + 1},
                            .position = position{static_cast<std::uint64_t>(told.at(2))},
                            .recorded_at = instant{duration{told.at(0)}}};
}

std::optional<std::vector<append_outcome>> append_events(
    postgres_connection& session, const std::vector<const append_request*>& requests,
    const std::vector<std::size_t>& order, std::optional<instant> now) {
    event_appends appends;
    for (const auto place : order) {
        if (!appends.add(*requests[place])) return std::nullopt;
    }
    auto told = appends.read(session.run(append_sql, appends.values(now)));
    if (!told) return std::nullopt;
    std::vector<append_outcome> outcomes(requests.size(), append_outcome{error{}});
    for (std::size_t i = 0; i < order.size(); ++i) outcomes[order[i]] = std::move((*told)[i]);
    return outcomes;
}

void prepare_append_events(postgres_connection& session) {
    const event_appends nothing;
    session.prepare(append_sql, nothing.values(std::nullopt));
    append_request one;
    one.events.emplace_back();
    session.prepare(append_one_sql, values_of(one, std::nullopt));
}

}  // namespace tidemark
