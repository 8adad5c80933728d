#include "tidemark/eventstore/limits.hpp"

#include <algorithm>
#include <string>
#include <string_view>

namespace tidemark {
namespace {

error invalid(const append_request& request, std::string what) {
    return error{errc::invalid_argument, "append to '" + request.stream.text() + "': " + what};
}

std::optional<error> check_text(const append_request& request, std::string_view what,
                                std::string_view text) {
    if (text.empty()) return invalid(request, std::string{what} + " is empty; give it a text");
    if (text.size() > name_bytes_max) {
        return invalid(request, std::string{what} + " has " + std::to_string(text.size()) +
                                    " bytes; the limit is " + std::to_string(name_bytes_max));
    }
    return std::nullopt;
}

std::optional<error> check_message(const append_request& request, std::string_view what,
                                   const message_id& id, const encoded_message& message,
                                   std::size_t bytes_max = payload_bytes_max) {
    if (id.is_none())
        return invalid(request, std::string{what} + " has no id; give it a fresh one");
    if (message.name.empty() || message.name.size() > name_bytes_max) {
        return check_text(request, std::string{what} + "'s stored name", message.name);
    }
    if (message.payload.size() <= bytes_max) return std::nullopt;
    return error{errc::too_large, "append to '" + request.stream.text() +
                                      "': " + std::string{what} + " '" + message.name + "' has " +
                                      std::to_string(message.payload.size()) +
                                      " bytes; the limit is " + std::to_string(bytes_max) +
                                      ": keep large content outside and store a reference"};
}

std::optional<error> check_events(const append_request& request) {
    if (request.events.size() > request_events_max) {
        return error{errc::too_large, "append to '" + request.stream.text() + "' has " +
                                          std::to_string(request.events.size()) +
                                          " events; the limit is " +
                                          std::to_string(request_events_max) + ": split it"};
    }
    for (const auto& event : request.events) {
        if (auto fault =
                check_message(request, "event", event.id, event.message, event_bytes_max)) {
            return fault;
        }
    }
    if (request.events.size() < 2) return std::nullopt;
    std::vector<message_id> ids;
    for (const auto& event : request.events) ids.push_back(event.id);
    std::sort(ids.begin(), ids.end());
    const auto twice = std::adjacent_find(ids.begin(), ids.end());
    if (twice == ids.end()) return std::nullopt;
    return invalid(request, "event id " + twice->to_string() + " stands in it twice");
}

std::optional<error> check_effect(const append_request& request, const new_effect& effect) {
    if (auto fault = check_message(request, "effect", effect.id, effect.message)) return fault;
    if (effect.kind == effect_kind::timer) {
        return invalid(request, "effect " + effect.id.to_string() +
                                    " is a timer; timers belong into `timers_set`");
    }
    if (effect.kind != effect_kind::request && !effect.target.is_valid()) {
        return invalid(request, "effect " + effect.id.to_string() + " has no valid target stream");
    }
    if (effect.sequence_key.size() > sequence_key_bytes_max) {
        return invalid(request, "the sequence key of effect " + effect.id.to_string() + " has " +
                                    std::to_string(effect.sequence_key.size()) +
                                    " bytes; the limit is " +
                                    std::to_string(sequence_key_bytes_max));
    }
    const auto forward = std::find_if(effect.after.begin(), effect.after.end(),
                                      [&](auto index) { return index >= effect.index; });
    if (forward == effect.after.end()) return std::nullopt;
    return invalid(request, "effect " + std::to_string(effect.index) + " waits for effect " +
                                std::to_string(*forward) +
                                "; an effect can wait only for ones before it in its tree");
}

std::optional<error> check_effects(const append_request& request) {
    for (const auto& effect : request.effects) {
        if (auto fault = check_effect(request, effect)) return fault;
    }
    for (const auto& timer : request.timers_set) {
        if (auto fault = check_message(request, "timer", timer.generation, timer.message)) {
            return fault;
        }
        if (auto fault = check_text(request, "a timer's name", timer.name)) return fault;
    }
    return std::nullopt;
}

}  // namespace

std::optional<error> find_fault(const append_request& request) {
    if (!request.stream.is_valid()) {
        return error{errc::invalid_argument,
                     "append: '" + request.stream.text() +
                         "' is not a stream id; it must read category-id, at most 255 bytes"};
    }
    if (auto fault = check_events(request)) return fault;
    if (auto fault = check_effects(request)) return fault;
    if (request.command) {
        if (auto fault = check_text(request, "the command's scope", request.command->scope)) {
            return fault;
        }
        if (auto fault = check_text(request, "the command's id", request.command->id)) return fault;
    }
    for (const auto& consumed : request.consumed) {
        if (auto fault = check_text(request, "a consumer's name", consumed.consumer)) return fault;
        if (!consumed.source.is_valid())
            return invalid(request, "a consumed source is not a stream id");
    }
    if (!request.owner.empty() && request.lease <= duration::zero()) {
        return invalid(request, "owner '" + request.owner + "' claims with a lease of 0; give one");
    }
    return std::nullopt;
}

std::optional<error> find_fault(const snapshot& taken) {
    if (!taken.stream.is_valid() || taken.name.empty()) {
        return error{errc::invalid_argument, "a snapshot of '" + taken.stream.text() +
                                                 "' needs a stream id and the state's stored name"};
    }
    if (taken.payload.size() <= payload_bytes_max) return std::nullopt;
    return error{errc::too_large, "snapshot '" + taken.name + "' of '" + taken.stream.text() +
                                      "' has " + std::to_string(taken.payload.size()) +
                                      " bytes; the limit is " + std::to_string(payload_bytes_max)};
}

std::optional<std::vector<append_outcome>> refuse_long_batch(std::size_t requests) {
    if (requests <= batch_requests_max) return std::nullopt;
    const auto too_long = error{
        errc::too_large, "a batch of " + std::to_string(requests) + " appends; the limit is " +
                             std::to_string(batch_requests_max) + ": send it in pieces"};
    return std::vector<append_outcome>(requests, append_outcome{too_long});
}

std::size_t bytes_of(const append_request& request) {
    constexpr std::size_t row_bytes = 200;
    auto bytes = row_bytes;
    for (const auto& event : request.events) bytes += row_bytes + event.message.payload.size();
    for (const auto& effect : request.effects) bytes += row_bytes + effect.message.payload.size();
    for (const auto& timer : request.timers_set) bytes += row_bytes + timer.message.payload.size();
    return bytes;
}

}  // namespace tidemark
