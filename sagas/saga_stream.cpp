#include "tidemark/sagas/saga_stream.hpp"

#include "tidemark/codec/json_codec.hpp"
#include "tidemark/core/saga.hpp"
#include "tidemark/core/thrown.hpp"
#include "tidemark/runtime/effect_options.hpp"
#include "tidemark/sagas/saga_command.hpp"
#include "tidemark/sagas/saga_decision.hpp"

#include <utility>

namespace tidemark {

namespace {

constexpr std::string_view answer_name = "tidemark.saga_answer.v1";

saga_message text_of(const encoded_message& message) { return {message.name, message.payload}; }

}  // namespace

saga_stream::saga_stream(std::unique_ptr<saga_code> code) : code_{std::move(code)} {}

std::string_view saga_stream::category() const { return code_->category(); }
std::string_view saga_stream::state_name() const { return code_->state_name(); }

std::unique_ptr<any_state> saga_stream::initial_state() const {
    auto out = std::make_unique<saga_state>();
    out->user = code_->initial_state();
    return out;
}

result<void> saga_stream::evolve(any_state& state, const recorded_event& event) const {
    auto folded = fold_event(static_cast<saga_state&>(state), *code_, event.message);
    if (!folded) return with_location(folded.error(), event.stream, event.version);
    return {};
}

boost::system::result<decided, decide_failure> saga_stream::decide(any_state& state,
                                                                   const any_command& command,
                                                                   const context& context) const {
    saga_decision decision{static_cast<saga_state&>(state), *code_, context};
    try {
        auto taken = decision.take(static_cast<const saga_command&>(command));
        if (!taken) return decide_failure{taken.error(), decision.has_changed_state()};
        return decision.finish();
    } catch (...) {  // a message of the author's that cannot be encoded
        return decide_failure{
            error{errc::user_code_threw, "a step of saga " + context.stream.text() +
                                             " cannot be stored: " + thrown_text() +
                                             "; nothing was stored"},
            decision.has_changed_state()};
    }
}

std::string saga_stream::encode_state(const any_state& state) const {
    return encode_saga_state(static_cast<const saga_state&>(state), *code_);
}

result<std::unique_ptr<any_state>> saga_stream::decode_state(std::string_view payload) const {
    return decode_saga_state(payload, *code_);
}

result<std::unique_ptr<any_command>> saga_stream::decode_command(
    const encoded_message& message) const {
    if (message.name == stored_name<saga_resume>()) {
        auto how = decode<saga_resume>(message.payload);
        if (!how) return how.error();
        return std::unique_ptr<any_command>{
            std::make_unique<saga_command>(std::move(*how), message)};
    }
    auto begins = code_->begins(text_of(message));
    if (!begins) return begins.error();
    return input_command(message, *begins);
}

result<std::unique_ptr<any_command>> saga_stream::answer_command(
    const claimed_effect& sent, const answer& first,
    const std::vector<recorded_event>& events) const {
    saga_answer out;
    out.effect = sent.effect.id;
    out.source = first.stream;
    out.is_refused = first.outcome == answer::kind::refused;
    out.reason = first.reason;
    out.message = first.message;
    if (sent.effect.kind == effect_kind::settle) {
        auto options = decode_effect_options(sent.effect.options);
        if (!options) return options.error();
        out.effect = options->settles;
    }
    for (const auto& event : events) {
        if (sent.effect.kind == effect_kind::request &&
            event.message.name == stored_name<refused>()) {
            auto why = decode<refused>(event.message.payload);
            if (!why) return why.error();
            out.is_refused = true;
            out.reason = std::move(why->reason);
            out.message = std::move(why->message);
        } else if (code_->knows(event.message.name)) {
            auto readable = code_->begins(text_of(event.message));
            if (!readable) return with_location(readable.error(), event.stream, event.version);
            out.inputs.push_back({text_of(event.message), event.version});
        }
    }
    out.is_settled = out.is_refused && out.reason == settled_reason;
    if (out.is_refused && code_->knows(stored_name<refused>())) {
        out.inputs.push_back({text_of(encode(refused{out.reason, out.message})), {}});
    } else if (!out.is_refused && out.inputs.empty() && code_->knows(stored_name<accepted>())) {
        out.inputs.push_back({text_of(encode(accepted{})), first.last_version});
    }
    encoded_message identity{std::string{answer_name}, sent.effect.id.to_string()};
    return std::unique_ptr<any_command>{
        std::make_unique<saga_command>(std::move(out), std::move(identity))};
}

std::vector<std::string> saga_stream::command_names() const { return code_->input_names(); }

std::vector<std::string> saga_stream::event_names() const {
    return {std::string{stored_name<saga_input>()}, std::string{stored_name<saga_step>()},
            std::string{stored_name<saga_step_outcome>()}, std::string{stored_name<saga_timer>()},
            std::string{stored_name<saga_status>()}};
}

std::unique_ptr<any_command> input_command(encoded_message input, bool begins) {
    plain_input given{{input.name, input.payload}, begins};
    return std::make_unique<saga_command>(std::move(given), std::move(input));
}

std::unique_ptr<any_command> resume_command(const saga_resume& how) {
    return std::make_unique<saga_command>(how, encode(how));
}

}  // namespace tidemark
