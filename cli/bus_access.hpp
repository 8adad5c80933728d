#pragma once

#include "tidemark/cli/failure.hpp"
#include "tidemark/cli/finding.hpp"
#include "tidemark/cli/session.hpp"
#include "tidemark/eventbus/kafka_admin.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace tidemark::cli {

/// The brokers that `bus.url` names. Throws `failure`: CLI-011 if it names none or a kafka.*
/// setting is refused.
[[nodiscard]] std::unique_ptr<kafka_admin> open_brokers(session& in);

/// The failure of a question to the brokers: what it said, and the settings it names with where
/// they come from.
[[nodiscard]] failure to_bus_failure(const settings& values, const error& why);

/// The value, or the failure thrown.
template <class Value>
[[nodiscard]] Value answered(session& in, result<Value> told) {
    if (!told) throw to_bus_failure(in.values(), told.error());
    return std::move(*told);
}

/// "start", "end", an offset, a time ("2026-03-01T09:00:00Z") or how long ago ("90min"). Throws
/// `failure` CLI-002 for anything else.
[[nodiscard]] kafka_place parse_place(const std::string& text, instant now);

/// Whether topics are as the settings want them. The first finding is about the brokers; if it is
/// bad there is no other. A topic that is not there is bad unless `may_be_missing`.
[[nodiscard]] std::vector<finding> check_topics(kafka_admin& brokers, const settings& values,
                                                const std::vector<std::string>& topics,
                                                bool may_be_missing);

/// The topics that the application's relays publish to. Wires it on a memory store; starts
/// nothing.
[[nodiscard]] std::vector<std::string> published_topics(const app& what, const settings& values);

/// The same of what the application publishes to, for `check`: its first start makes a topic.
[[nodiscard]] std::vector<finding> check_brokers(session& in);

/// Adds the verbs `peek` and `seek`.
void add_bus_reading(CLI::App& noun, session& in);

}  // namespace tidemark::cli
