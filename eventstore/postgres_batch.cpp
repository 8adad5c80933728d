#include "tidemark/eventstore/postgres_batch.hpp"

#include "tidemark/eventstore/postgres_columns.hpp"
#include "tidemark/eventstore/postgres_connection.hpp"
#include "tidemark/eventstore/postgres_event_append.hpp"
#include "tidemark/eventstore/refusals.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <string>
#include <unordered_map>

namespace tidemark {
namespace {

constexpr int parameters = 66;

/// Calls the append function with all its parameters.
const std::string& append_sql() {
    static const auto made = [] {
        std::string sql{"SELECT * FROM append("};
        for (auto i = 1; i <= parameters; ++i) {
            sql.append(i == 1 ? "$" : ",$").append(std::to_string(i));
        }
        return sql + ")";
    }();
    return made;
}

/// Columns of its answer.
struct column {
    enum : int { kind, version, position, at, id, first, outcome, stream, reason, message };
};

/// What stands in the column `kind`.
enum class told : int {
    committed = 0,
    conflict = 1,
    answered = 2,
    stale_completion = 3,
    stale_fire = 4,
    stale_consumption = 5,
    key_reused = 6,
    id_reused = 7,
    claim = 8,
};

append_outcome read_outcome(const postgres_rows& row, const append_request& request) {
    const auto number = row.number(column::version);
    switch (static_cast<told>(row.integer(column::kind))) {
        case told::committed:
            return append_committed{.version = version{number},
                                    .position = position{row.number(column::position)},
                                    .recorded_at = row.at(column::at)};
        case told::conflict:
            return append_conflict{version{number}};
        case told::answered:
            return append_answered{
                answer{.outcome = static_cast<answer::kind>(row.integer(column::outcome)),
                       .stream = row.stream(column::stream),
                       .first_version = version{row.number(column::first)},
                       .last_version = version{number},
                       .position = position{row.number(column::position)},
                       .reason = row.text(column::reason),
                       .message = row.text(column::message)}};
        case told::stale_completion:
            return append_stale{stale_completion(request.completes.at(number))};
        case told::stale_fire:
            return append_stale{stale_fire(request.stream, request.fires.at(number))};
        case told::stale_consumption:
            return append_stale{stale_consumption(request.consumed.at(number),
                                                  version{row.number(column::position)})};
        case told::key_reused:
            return reused_key(*request.command);
        case told::id_reused:
            return reused_event_id(request.stream, row.id(column::id));
        case told::claim:
            break;
    }
    return error{errc::corrupt, "the append function answered with kind " +
                                    std::to_string(row.integer(column::kind)) +
                                    "; run: tidemark migrate verify"};
}

using request_list = std::vector<const append_request*>;

/// Gives each effect that was claimed to the outcome of its request.
void add_claims(const std::vector<effect_claim>& claims, const request_list& requests,
                std::vector<append_outcome>& outcomes) {
    if (claims.empty()) return;
    std::unordered_map<message_id, std::size_t> owners;
    for (std::size_t i = 0; i < requests.size(); ++i) {
        for (const auto& effect : requests[i]->effects) owners.emplace(effect.id, i);
    }
    for (const auto& claim : claims) {
        const auto found = owners.find(claim.effect);
        if (found == owners.end()) continue;
        auto* committed = std::get_if<append_committed>(&outcomes[found->second]);
        if (committed != nullptr) committed->claimed.push_back(claim);
    }
}

std::uint64_t hash_of(char subject, std::string_view first, std::string_view second = {}) {
    std::string text{subject};
    text.append(std::to_string(first.size())).append(first).append(second);
    return std::hash<std::string>{}(text);
}

std::uint64_t hash_of(char subject, const message_id& id) {
    return std::hash<message_id>{}(id) ^ (std::uint64_t{static_cast<unsigned char>(subject)} << 56);
}

/// Their places, with those of one stream together and in their order.
std::vector<std::size_t> by_stream(const request_list& requests) {
    std::vector<std::size_t> order(requests.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        const auto by_name = requests[a]->stream.text() <=> requests[b]->stream.text();
        return by_name < 0 || (by_name == 0 && a < b);
    });
    return order;
}

/// The arrays of one call; the values passed refer to them.
struct append_call {
    append_call(const request_list& requests, const std::vector<std::size_t>& order) {
        const stream_id* before = nullptr;
        std::size_t number = 0;
        for (const auto place : order) {
            const auto& request = *requests[place];
            ++number;
            appends.add(request, before == nullptr || *before != request.stream);
            events.add(number, request);
            effects.add(number, request);
            ended.add(number, request);
            before = &request.stream;
        }
    }

    [[nodiscard]] std::vector<postgres_value> values(std::optional<instant> now,
                                                     bool checks_ids) const {
        std::vector<postgres_value> all{now, checks_ids};
        all.reserve(parameters);
        appends.pass_to(all);
        events.pass_to(all);
        effects.pass_to(all);
        ended.pass_to(all);
        return all;
    }

    append_columns appends;
    event_columns events;
    effect_columns effects;
    ended_columns ended;
};

}  // namespace

std::vector<std::uint64_t> postgres_batch::names_of(const append_request& request) const {
    std::vector<std::uint64_t> names;
    names.reserve(request.events.size() + 1);
    for (const auto& event : request.events) names.push_back(hash_of('e', event.id));
    if (request.command) {
        names.push_back(hash_of('c', request.command->scope, request.command->id));
    }
    for (const auto& effect : request.effects) names.push_back(hash_of('w', effect.id));
    for (const auto& held : request.completes) names.push_back(hash_of('w', held.effect));
    for (const auto& closed : request.closes) names.push_back(hash_of('w', closed));
    const auto& stream = request.stream.text();
    for (const auto& fire : request.fires) {
        names.push_back(hash_of('w', fire.generation));
        names.push_back(hash_of('t', stream, fire.name));
    }
    for (const auto& timer : request.timers_set) {
        names.push_back(hash_of('w', timer.generation));
        names.push_back(hash_of('t', stream, timer.name));
    }
    for (const auto& name : request.timers_cancelled) names.push_back(hash_of('t', stream, name));
    for (const auto& consumed : request.consumed) {
        names.push_back(hash_of('s', consumed.consumer, consumed.source.text()));
    }
    return names;
}

bool postgres_batch::try_add(const append_request& request) {
    const auto names = names_of(request);
    const auto is_known = [this](std::uint64_t name) { return names_.contains(name); };
    if (std::ranges::any_of(names, is_known)) return false;
    names_.insert(names.begin(), names.end());
    requests_.push_back(&request);
    return true;
}

void postgres_batch::clear() {
    requests_.clear();
    names_.clear();
}

std::vector<append_outcome> postgres_batch::run(postgres_connection& session, std::size_t begin,
                                                std::size_t end, std::optional<instant> now,
                                                bool checks_ids) const {
    const request_list requests{requests_.begin() + static_cast<std::ptrdiff_t>(begin),
                                requests_.begin() + static_cast<std::ptrdiff_t>(end)};
    const auto order = by_stream(requests);
    if (!checks_ids) {
        if (requests.size() == 1) {
            if (auto told = append_event(session, *requests.front(), now)) return {*told};
        }
        if (auto told = append_events(session, requests, order, now)) return std::move(*told);
    }
    const append_call call{requests, order};
    auto rows = session.run(append_sql(), call.values(now, checks_ids));
    std::vector<append_outcome> outcomes(
        requests.size(), append_outcome{error{errc::corrupt,
                                              "the append function told no outcome; run: tidemark "
                                              "migrate verify"}});
    std::vector<effect_claim> claims;
    auto next = order.begin();
    while (rows.next()) {
        if (static_cast<told>(rows.integer(column::kind)) == told::claim) {
            claims.push_back(
                {.effect = rows.id(column::id), .token = rows.number(column::position)});
        } else if (next != order.end()) {
            outcomes[*next] = read_outcome(rows, *requests[*next]);
            ++next;
        }
    }
    add_claims(claims, requests, outcomes);
    return outcomes;
}

void postgres_batch::prepare(postgres_connection& session) {
    const append_call nothing{{}, {}};
    prepare_append_events(session);
    session.prepare(append_sql(), nothing.values(std::nullopt, false));
}

}  // namespace tidemark
