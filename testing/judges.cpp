#include "tidemark/testing/judges.hpp"

#include "tidemark/codec/json_codec.hpp"
#include "tidemark/sagas/saga_events.hpp"

#include <algorithm>
#include <limits>
#include <set>
#include <sstream>
#include <utility>

namespace tidemark::testing {
namespace {

constexpr auto everything = std::numeric_limits<std::size_t>::max();

std::string described(const outcome& told) {
    if (!told.is_committed()) return "refused: " + told.reason();
    return "committed at version " + std::to_string(told.receipt().version.value()) +
           ", position " + std::to_string(told.receipt().position.value());
}

bool agree(const outcome& a, const outcome& b) { return described(a) == described(b); }

std::string title(const simulated_operation& of) {
    return of.key + " (" + of.command()->encode().name + " on " + of.stream.text() + ")";
}

std::string span_text(version first, version last) {
    return "(" + std::to_string(first.value()) + ", " + std::to_string(last.value()) + "]";
}

/// Versions that one command caused.
struct caused {
    version first;
    version last;
    std::size_t events = 0;
};
using causes = std::map<message_id, caused>;

causes causes_of(const std::vector<recorded_event>& events) {
    causes found;
    for (const auto& event : events) {
        auto& of = found[event.trace.causation];
        if (of.events++ == 0) of.first = event.version;
        of.last = event.version;
    }
    return found;
}

std::optional<violation> judge_stream(const std::vector<recorded_event>& events,
                                      const causes& by_command) {
    position last;
    for (std::size_t i = 0; i < events.size(); ++i) {
        const auto& event = events[i];
        if (event.version.value() != i + 1 || event.position <= last) {
            return violation{"versions", event.stream.text() + " has version " +
                                             std::to_string(event.version.value()) +
                                             " at position " +
                                             std::to_string(event.position.value()) +
                                             " after position " + std::to_string(last.value())};
        }
        last = event.position;
    }
    for (const auto& [command, of] : by_command) {
        if (of.last.value() - of.first.value() + 1 == of.events) continue;
        return violation{"versions", events.front().stream.text() + ": command " +
                                         command.to_string() + " was carried out more than once, " +
                                         "between versions " + std::to_string(of.first.value()) +
                                         " and " + std::to_string(of.last.value())};
    }
    return std::nullopt;
}

std::optional<violation> judge_caused(const simulated_operation& of, const answer& told,
                                      const causes& by_command) {
    const auto found = by_command.find(of.id());
    const auto count = told.last_version.value() - told.first_version.value();
    if (found == by_command.end()) {
        if (count == 0) return std::nullopt;
        return violation{"versions", title(of) + " was told that it caused " +
                                         span_text(told.first_version, told.last_version) +
                                         ", but no event of it is in the log"};
    }
    const auto& stands = found->second;
    if (stands.events == count && stands.last == told.last_version) return std::nullopt;
    return violation{"versions", title(of) + " caused " + std::to_string(stands.events) +
                                     " events up to version " +
                                     std::to_string(stands.last.value()) + ", but was told " +
                                     span_text(told.first_version, told.last_version)};
}

/// What the rules say to a command: the refusal's code or the names of its events.
std::string verdict(const decided& made) {
    if (made.refused) return "refused: " + made.refused->code;
    std::string names = "decided:";
    for (const auto& event : made.events) names += " " + event.name;
    return names;
}
std::string verdict(const answer& told, const std::vector<recorded_event>& events) {
    if (told.outcome == answer::kind::refused) return "refused: " + told.reason;
    std::string names = "decided:";
    for (auto v = told.first_version.value(); v < told.last_version.value(); ++v) {
        names += " " + events[v].message.name;
    }
    return names;
}

context context_of(const simulated_operation& of, const answer& told, instant now) {
    context given;
    given.now = now;
    given.stream = of.stream;
    given.version = told.first_version;
    given.command = of.id();
    given.correlation = of.id();
    const auto bytes = of.id().value();
    for (std::size_t i = 8; i < bytes.size(); ++i) given.seed = given.seed << 8U | bytes[i];
    return given;
}

struct told_operation {
    const simulated_operation* of = nullptr;
    answer told;
};

/// Folds a stream once and decides every command again where it was decided.
std::optional<violation> decide_again(const stream_type& type, instant now,
                                      const std::vector<recorded_event>& events,
                                      std::vector<told_operation> operations) {
    std::ranges::sort(operations, {}, [](const auto& one) { return one.told.first_version; });
    auto state = type.initial_state();
    std::size_t folded = 0;
    for (const auto& [of, told] : operations) {
        for (; folded < told.first_version.value(); ++folded) {
            auto evolved = type.evolve(*state, events[folded]);
            if (!evolved) return violation{"decisions", evolved.error().message()};
        }
        auto copy = type.decode_state(type.encode_state(*state));
        if (!copy) return violation{"decisions", copy.error().message()};
        auto made = type.decide(**copy, *of->command(), context_of(*of, told, now));
        const auto expected = made ? verdict(*made) : made.error().error.message();
        const auto actual = verdict(told, events);
        if (expected == actual) continue;
        return violation{"decisions", title(*of) + " was told \"" + actual + "\", but at version " +
                                          std::to_string(folded) + " the rules say \"" + expected +
                                          "\""};
    }
    return std::nullopt;
}

}  // namespace

std::vector<recorded_event> events_of(const simulated_database& database) {
    const auto& log = database.log();
    std::vector<recorded_event> all;
    position seen;
    for (auto is_more = true; is_more;) {
        auto page = log.read_all(seen, log.last_position(), everything);
        seen = page.seen;
        is_more = is_full_page(page.events, everything);
        std::ranges::move(page.events, std::back_inserter(all));
    }
    return all;
}

std::vector<recorded_event> events_of(const simulated_database& database, const stream_id& stream) {
    std::vector<recorded_event> all;
    for (auto is_more = true; is_more;) {
        const auto after = all.empty() ? version{} : all.back().version;
        auto page = database.log().read(stream, after, everything);
        is_more = is_full_page(page, everything);
        std::ranges::move(page, std::back_inserter(all));
    }
    return all;
}

std::vector<stream_id> streams_of(const simulated_database& database, const std::string& prefix) {
    std::vector<stream_id> all;
    for (const auto& each : database.log().list_streams(prefix, {}, everything)) {
        all.push_back(each.stream);
    }
    return all;
}

std::optional<violation> judge_answers(const simulated_database& database,
                                       const std::deque<simulated_operation>& operations) {
    for (const auto& of : operations) {
        if (of.failure) return violation{"answers", title(of) + ": " + of.failure->message()};
        if (of.replies.empty()) return violation{"answers", title(of) + " was never answered"};
        for (const auto& reply : of.replies) {
            if (agree(reply, of.replies.front())) continue;
            return violation{"answers", title(of) + " was told \"" + described(of.replies.front()) +
                                            "\" and then \"" + described(reply) + "\""};
        }
    }
    for (const auto& of : operations) {
        const auto stored = database.log().find_answer("caller", of.key);
        const auto is_refused = of.replies.front().is_refused();
        if (stored && (stored->outcome == answer::kind::refused) == is_refused) continue;
        return violation{"answers", title(of) + " was told \"" + described(of.replies.front()) +
                                        "\", but " + (stored ? "another" : "no") +
                                        " answer is stored"};
    }
    return std::nullopt;
}

std::optional<violation> judge_versions(const simulated_database& database,
                                        const std::deque<simulated_operation>& operations) {
    std::map<std::string, causes> by_stream;
    for (const auto& stream : streams_of(database, {})) {
        const auto events = events_of(database, stream);
        auto& by_command = by_stream[stream.text()];
        by_command = causes_of(events);
        if (auto wrong = judge_stream(events, by_command)) return wrong;
    }
    for (const auto& of : operations) {
        const auto told = database.log().find_answer("caller", of.key);
        if (!told) continue;
        if (auto wrong = judge_caused(of, *told, by_stream[of.stream.text()])) return wrong;
    }
    return std::nullopt;
}

std::optional<violation> judge_decisions(const simulated_database& database,
                                         const judged_types& types,
                                         const std::deque<simulated_operation>& operations) {
    std::map<std::string, std::vector<told_operation>> by_stream;
    for (const auto& of : operations) {
        auto told = database.log().find_answer("caller", of.key);
        if (told) by_stream[of.stream.text()].push_back({&of, std::move(*told)});
    }
    for (auto& [text, told] : by_stream) {
        const auto stream = told.front().of->stream;
        const auto type = types.streams.find(stream.category());
        if (type == types.streams.end()) continue;
        if (auto wrong = decide_again(*type->second, database.now(), events_of(database, stream),
                                      std::move(told))) {
            return wrong;
        }
    }
    return std::nullopt;
}

std::optional<violation> judge_projections(const simulated_database& database,
                                           const judged_types& types) {
    const auto& log = database.log();
    const auto events = events_of(database);
    for (const auto& projection : types.projections) {
        const std::string name{projection->name()};
        memory_models folded{log.incarnation()};
        std::string failure;
        const auto change = [&](read_model& model) {
            for (const auto& event : events) {
                const auto& sources = projection->sources();
                if (std::ranges::find(sources, event.stream.category()) == sources.end()) continue;
                auto done = projection->project(model, event);
                if (!done && failure.empty()) failure = done.error().message();
            }
        };
        const auto begin = folded.load_checkpoint(name);
        auto done = folded.update(name, begin, begin, change);
        if (!done || !failure.empty()) return violation{"projections", name + ": " + failure};
        const document_query all{.index = {}, .value = {}, .after_key = {}, .limit = everything};
        const auto expected = folded.query(name, all);
        const auto actual = database.models().query(name, all);
        if (expected == actual) continue;
        const auto place = std::ranges::mismatch(expected, actual);
        const auto show = [](auto it, const auto& end) {
            return it == end ? std::string{"nothing"} : it->key + ": " + it->body;
        };
        return violation{"projections", name + " holds " + show(place.in2, actual.end()) +
                                            " where the fold of the log has " +
                                            show(place.in1, expected.end())};
    }
    return std::nullopt;
}

std::optional<violation> judge_sagas(const simulated_database& database,
                                     const judged_types& types) {
    for (const auto& [category, type] : types.streams) {
        if (!type->wants_answers()) continue;
        for (const auto& stream : streams_of(database, category + "-")) {
            auto phase = saga_phase::running;
            for (const auto& event : events_of(database, stream)) {
                if (event.message.name != stored_name<saga_status>()) continue;
                auto status = decode<saga_status>(event.message.payload);
                if (!status) return violation{"sagas", status.error().message()};
                phase = status->state;
            }
            if (is_final(phase)) continue;
            std::ostringstream text;
            text << stream.text() << " ends as " << phase;
            return violation{"sagas", text.str()};
        }
    }
    return std::nullopt;
}

}  // namespace tidemark::testing
