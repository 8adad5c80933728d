#include "tidemark/eventstore/postgres_columns.hpp"

#include "tidemark/eventstore/stored_lists.hpp"

#include <algorithm>
#include <string>

namespace tidemark {
namespace {

const std::string none;

/// Same consumer and source as one before it.
bool is_repeated(const std::vector<consumption>& all, std::size_t at) {
    const auto end = all.begin() + static_cast<std::ptrdiff_t>(at);
    return std::any_of(all.begin(), end, [&](const consumption& before) {
        return before.consumer == all[at].consumer && before.source == all[at].source &&
               before.version == all[at].version;
    });
}

}  // namespace

void append_columns::add(const append_request& request, bool is_lead) {
    const auto& expected = request.expected;
    streams_.add(request.stream.text());
    leads_.add(is_lead);
    expected_.add(expected.is_any() ? std::int64_t{-1}
                                    : static_cast<std::int64_t>(expected.at()->value()));
    expected_heads_.add(expected.head().value_or(message_id{}));
    event_counts_.add(request.events.size());
    last_events_.add(request.events.empty() ? message_id{} : request.events.back().id);
    const auto* command = request.command ? &*request.command : nullptr;
    scopes_.add(command == nullptr ? none : command->scope);
    commands_.add(command == nullptr ? none : command->id);
    hashes_.add(command == nullptr ? std::uint64_t{0} : command->payload_hash);
    outcomes_.add(command == nullptr ? 0 : static_cast<int>(command->outcome));
    reasons_.add(command == nullptr ? none : command->reason);
    messages_.add(command == nullptr ? none : command->message);
}

void append_columns::pass_to(std::vector<postgres_value>& values) const {
    values.insert(values.end(),
                  {streams_, leads_, expected_, expected_heads_, event_counts_, last_events_,
                   scopes_, commands_, hashes_, outcomes_, reasons_, messages_});
}

void event_columns::add(std::size_t append, const append_request& request) {
    auto index = 0;
    for (const auto& event : request.events) {
        appends_.add(append);
        indexes_.add(++index);
        ids_.add(event.id);
        streams_.add(request.stream.text());
        categories_.add(request.stream.category());
        names_.add(event.message.name);
        correlations_.add(request.trace.correlation);
        causations_.add(request.trace.causation);
        traceparents_.add(request.trace.traceparent);
        payloads_.add(event.message.payload);
    }
}

void event_columns::pass_to(std::vector<postgres_value>& values) const {
    values.insert(values.end(), {appends_, indexes_, ids_, streams_, categories_, names_,
                                 correlations_, causations_, traceparents_, payloads_});
}

void effect_columns::add(std::size_t append, const append_request& request) {
    const auto& effects = request.effects;
    for (auto e = effects.begin(); e != effects.end(); ++e) {
        const auto is_twice =
            std::any_of(effects.begin(), e, [e](const auto& before) { return before.id == e->id; });
        if (is_twice) continue;
        row added{.effect = *e, .owner = request.owner, .lease = request.lease};
        for (auto before = effects.begin(); before != e && !e->after.empty(); ++before) {
            if (before->tree != e->tree || std::ranges::count(e->after, before->index) == 0) {
                continue;
            }
            order_appends_.add(append);
            predecessors_.add(before->id);
            successors_.add(e->id);
            ++added.unmet;
        }
        add_row(append, request.stream, added);
    }
    add_timers(append, request);
}

void effect_columns::add_timers(std::size_t append, const append_request& request) {
    const auto& timers = request.timers_set;
    for (auto t = timers.begin(); t != timers.end(); ++t) {
        const auto is_replaced = std::any_of(
            t + 1, timers.end(), [t](const auto& later) { return later.name == t->name; });
        if (is_replaced) continue;
        const new_effect as_effect{.id = t->generation,
                                   .kind = effect_kind::timer,
                                   .target = request.stream,
                                   .message = t->message,
                                   .options = t->options,
                                   .trace = t->trace};
        add_row(append, request.stream, {.effect = as_effect, .timer = t->name, .due = t->due});
    }
}

void effect_columns::add_row(std::size_t append, const stream_id& source, const row& added) {
    const auto& effect = added.effect;
    appends_.add(append);
    ids_.add(effect.id);
    kinds_.add(static_cast<int>(effect.kind));
    sources_.add(source.text());
    targets_.add(effect.target.text());
    names_.add(effect.message.name);
    payloads_.add(effect.message.payload);
    keys_.add(effect.sequence_key);
    trees_.add(effect.tree);
    indexes_.add(effect.index);
    afters_.add(join_indices(effect.after));
    unmets_.add(added.unmet);
    options_.add(effect.options);
    correlations_.add(effect.trace.correlation);
    causations_.add(effect.trace.causation);
    traceparents_.add(effect.trace.traceparent);
    timers_.add(added.timer);
    dues_.add(added.due);
    owners_.add(added.owner);
    leases_.add(added.lease.count());
}

void effect_columns::pass_to(std::vector<postgres_value>& values) const {
    values.insert(values.end(),
                  {appends_,  ids_,          kinds_,         sources_,      targets_,   names_,
                   payloads_, keys_,         trees_,         indexes_,      afters_,    unmets_,
                   options_,  correlations_, causations_,    traceparents_, timers_,    dues_,
                   owners_,   leases_,       order_appends_, predecessors_, successors_});
}

void ended_columns::add(std::size_t append, const append_request& request) {
    auto index = 0;
    for (const auto& held : request.completes) {
        held_appends_.add(append);
        held_indexes_.add(index++);
        held_ids_.add(held.effect);
        held_tokens_.add(held.token);
        add_end(append, held.effect);
    }
    for (const auto& closed : request.closes) add_end(append, closed);
    index = 0;
    for (const auto& fire : request.fires) {
        fire_appends_.add(append);
        fire_indexes_.add(index++);
        fire_streams_.add(request.stream.text());
        fire_names_.add(fire.name);
        fire_ids_.add(fire.generation);
        add_end(append, fire.generation);
    }
    for (const auto& name : request.timers_cancelled) add_cancel(append, request.stream, name);
    for (const auto& timer : request.timers_set) {
        add_cancel(append, request.stream, timer.name);
        add_end(append, timer.generation);
    }
    add_consumed(append, request);
}

void ended_columns::add_end(std::size_t append, const message_id& effect) {
    end_appends_.add(append);
    end_ids_.add(effect);
}

void ended_columns::add_cancel(std::size_t append, const stream_id& stream,
                               const std::string& name) {
    cancel_appends_.add(append);
    cancel_streams_.add(stream.text());
    cancel_names_.add(name);
}

void ended_columns::add_consumed(std::size_t append, const append_request& request) {
    for (std::size_t i = 0; i < request.consumed.size(); ++i) {
        if (is_repeated(request.consumed, i)) continue;
        const auto& consumed = request.consumed[i];
        consumed_appends_.add(append);
        consumed_indexes_.add(i);
        consumers_.add(consumed.consumer);
        consumed_sources_.add(consumed.source.text());
        consumed_versions_.add(consumed.version);
    }
}

void ended_columns::pass_to(std::vector<postgres_value>& values) const {
    values.insert(values.end(),
                  {held_appends_, held_indexes_, held_ids_, held_tokens_, fire_appends_,
                   fire_indexes_, fire_streams_, fire_names_, fire_ids_, end_appends_, end_ids_,
                   cancel_appends_, cancel_streams_, cancel_names_, consumed_appends_,
                   consumed_indexes_, consumers_, consumed_sources_, consumed_versions_});
}

}  // namespace tidemark
