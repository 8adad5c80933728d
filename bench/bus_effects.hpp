#pragma once

#include "tidemark/bench/watched_models.hpp"
#include "tidemark/eventbus/bus_consumer.hpp"
#include "tidemark/examples/bank/balances.hpp"
#include "tidemark/runtime/consumed_by.hpp"
#include "tidemark/runtime/projection_type_of.hpp"

#include <memory>
#include <string>
#include <utility>

namespace bench {

/// A member of `group` that consumes accounts' events whose effect is a document for each account;
/// `models` hears of every event.
[[nodiscard]] inline tidemark::consumer_options balances_from(std::string topic, std::string group,
                                                              watched_models& models) {
    tidemark::consumer_options out;
    out.name = bank::balances::name;
    out.group = std::move(group);
    out.topic = std::move(topic);
    out.reads = [](const tidemark::recorded_event& event) {
        return std::string{event.stream.id()};
    };
    out.apply = [&models, take = tidemark::consumed_by(
                              std::make_shared<tidemark::projection_type_of<bank::balances>>())](
                    tidemark::read_model& rows, const tidemark::recorded_event& event) {
        models.note(event.position);
        return take(rows, event);
    };
    return out;
}

}  // namespace bench
