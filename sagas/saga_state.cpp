#include "tidemark/sagas/saga_state.hpp"

#include "tidemark/codec/json_codec.hpp"

#include <utility>
#include <variant>

namespace tidemark {

namespace {

/// The machinery's half of a snapshot.
struct saga_ledger {
    bool has_begun = false;
    saga_phase phase{};
    std::string reason;
    bool is_forward_only = false;
    std::vector<tracked_step> steps;
    std::map<std::string, saga_timer> timers;
    std::vector<saga_input> held;
};
TIDEMARK_STRUCT(saga_ledger, has_begun, phase, reason, is_forward_only, steps, timers, held)

struct saga_snapshot {
    saga_ledger saga;
};
TIDEMARK_STRUCT(saga_snapshot, saga)

using saga_event = std::variant<saga_input, saga_step, saga_step_outcome, saga_timer, saga_status>;

/// Folds one event; user code is called for what it hears.
struct folding {
    saga_state& into;
    const saga_code& code;

    result<void> operator()(const saga_input& heard) const {
        into.apply(heard);
        if (heard.use != input_use::reacted) return {};
        return code.evolve(*into.user, {heard.name, heard.payload});
    }
    result<void> operator()(saga_step& step) const {
        into.fsm.sent(std::move(step));
        return {};
    }
    result<void> operator()(const saga_step_outcome& moved) const {
        into.fsm.apply(step_change{moved.effect, moved.state, moved.reason});
        if (!moved.work.is_none()) into.fsm.work_is(moved.effect, moved.work);
        into.forget();
        return {};
    }
    result<void> operator()(const saga_timer& timer) const {
        into.apply(timer);
        return {};
    }
    result<void> operator()(const saga_status& moved) const {
        const bool is_back =
            into.fsm.phase() == saga_phase::compensating && moved.state == saga_phase::running;
        into.fsm.apply(phase_change{moved.state, moved.reason});
        const auto held = is_back ? std::exchange(into.held, {}) : std::vector<saga_input>{};
        into.forget();
        for (const auto& heard : held) {
            auto evolved = code.evolve(*into.user, {heard.name, heard.payload});
            if (!evolved) return evolved.error();
        }
        return {};
    }
};

/// Text of the member "state" of a snapshot.
result<std::string_view> state_text(std::string_view payload) {
    const decode_options options;
    json_reader in{payload, options};
    std::string_view name;
    std::string_view found;
    if (in.begin_object()) {
        while (in.next_name(name)) {
            const bool is_state = name == "state";
            const auto from = in.mark();
            if (!in.skip_value()) break;
            if (is_state) found = payload.substr(from, in.offset() - from);
        }
    }
    if (!in.ok()) return in.failure();
    return found;
}

}  // namespace

std::string saga_state::timer_of(message_id generation) const {
    for (const auto& [name, timer] : timers) {
        if (timer.generation == generation) return name;
    }
    return {};
}

void saga_state::apply(const saga_input& heard) {
    has_begun = true;
    if (!heard.timer.empty()) timers.erase(heard.timer);
    if (heard.use == input_use::held) held.push_back(heard);
}

void saga_state::apply(const saga_timer& timer) {
    if (timer.due) {
        timers[timer.name] = timer;
    } else {
        timers.erase(timer.name);
    }
}

void saga_state::forget() {
    fsm.forget();
    if (has_ended()) timers.clear();
    if (has_ended() || fsm.is_unwinding()) held.clear();
}

result<void> fold_event(saga_state& into, const saga_code& code, const encoded_message& event) {
    auto decoded = decode_variant<saga_event>(event.name, event.payload);
    if (!decoded) return decoded.error();
    return std::visit(folding{into, code}, *decoded);
}

std::string encode_saga_state(const saga_state& from, const saga_code& code) {
    const saga_ledger ledger{.has_begun = from.has_begun,
                             .phase = from.fsm.phase(),
                             .reason = from.fsm.reason(),
                             .is_forward_only = from.fsm.is_forward_only(),
                             .steps = from.fsm.steps(),
                             .timers = from.timers,
                             .held = from.held};
    return R"({"state":)" + code.encode_state(*from.user) + R"(,"saga":)" +
           encode_json(ledger).value() + "}";
}

result<std::unique_ptr<any_state>> decode_saga_state(std::string_view payload,
                                                     const saga_code& code) {
    auto read = decode<saga_snapshot>(payload);
    if (!read) return read.error();
    auto text = state_text(payload);
    if (!text) return text.error();
    auto user = code.decode_state(*text);
    if (!user) return user.error();
    auto& kept = read->saga;
    auto out = std::make_unique<saga_state>();
    out->fsm = compensation_fsm::restored(kept.phase, std::move(kept.reason), kept.is_forward_only,
                                          std::move(kept.steps));
    out->has_begun = kept.has_begun;
    out->timers = std::move(kept.timers);
    out->held = std::move(kept.held);
    out->user = std::move(*user);
    return std::unique_ptr<any_state>{std::move(out)};
}

}  // namespace tidemark
