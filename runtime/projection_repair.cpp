// What a projection does about failures, and how it is rebuilt: the part of `projection_runner`
// beside its main path.
#include "tidemark/async/backoff.hpp"
#include "tidemark/codec/json_codec.hpp"
#include "tidemark/codec/json_text.hpp"
#include "tidemark/observability/log.hpp"
#include "tidemark/runtime/parked_event.hpp"
#include "tidemark/runtime/projection_runner.hpp"

#include <functional>
#include <utility>

namespace tidemark {

namespace {

/// Steps of a rebuild between two looks at the live model.
constexpr int rebuild_steps = 8;
constexpr std::size_t reason_bytes_max = 500;
constexpr std::size_t payload_bytes_max = 64UL * 1024;

std::string parked_model(const std::string& model) { return model + ".parked"; }

std::string at_event(const recorded_event& event) {
    return "event " + event.message.name + " at position " +
           std::to_string(event.position.value()) + " (stream " + event.stream.text() +
           ", version " + std::to_string(event.version.value()) + ")";
}

/// As text that every store keeps, whatever bytes the payload is made of.
result<document> letter_of(const recorded_event& event, const error& why) {
    parked_event parked;
    parked.position = event.position.value();
    parked.stream = event.stream.text();
    parked.version = event.version.value();
    parked.name = event.message.name;
    parked.reason = json_text::excerpt(why.message(), reason_bytes_max);
    parked.payload = json_text::excerpt(event.message.payload, payload_bytes_max);
    auto body = encode_json(parked);
    if (!body) return body.error();
    const auto digits = std::to_string(parked.position);
    document letter;
    letter.key = std::string(20 - digits.size(), '0') + digits;
    letter.body = std::move(*body);
    letter.indexes = {{"name", parked.name}, {"stream", parked.stream}};
    return letter;
}

}  // namespace

awaitable<void> projection_runner::failed(feed& into, const error& why,
                                          const recorded_event* culprit) {
    ++into.failures;
    errors_.add();
    std::string reason = why.message();
    if (culprit != nullptr) {
        reason = at_event(*culprit) + ": " + reason;
    }
    log::error("projection failed", {"projection", into.model}, {"reason", reason},
               {"failures", into.failures},
               culprit != nullptr ? log::fields(culprit->trace) : log::no_field);
    report("retrying", reason);
    if (culprit != nullptr && options_.on_failure == projection_failure::park &&
        into.failures >= options_.attempts_max) {
        auto parked = co_await park(into, *culprit, why);
        if (parked) co_return;
    }
    const backoff_policy policy{options_.retry_first, 2, options_.retry_cap,
                                backoff_policy::jitter::equal};
    const auto pause = backoff(policy, into.failures, execution_.random().next());
    const auto until = execution_.clock().steady() + pause;
    // An operator who says something is heard at once, unless that is what has just failed.
    const auto was_wanted = is_rebuild_wanted_.load();
    const auto is_told = [this, was_wanted] {
        return is_open_ ? is_control_due_.load() : is_rebuild_wanted_.load() != was_wanted;
    };
    while (!is_stopping_ && !is_told() && execution_.clock().steady() < until) {
        co_await wake_.wait_for(execution_, until - execution_.clock().steady());
    }
}

/// Parks first, then moves on: a crash in between parks the same document again. The checkpoint of
/// the parked ones does not move, so that those of a rebuild can replace them.
awaitable<result<void>> projection_runner::park(feed& into, const recorded_event& event,
                                                const error& why) {
    auto letter = letter_of(event, why);
    if (!letter) co_return letter.error();
    const auto beside = parked_model(into.model);
    auto kept = co_await events_.load_checkpoint(beside);
    if (!kept) co_return kept.error();
    auto change = [&](read_model& model) { model.put(*letter); };
    std::function<void(read_model&)> changing = std::ref(change);
    auto stored = co_await events_.update(beside, *kept, *kept, std::move(changing));
    if (!stored) co_return stored;
    std::size_t nobody = 0;
    const std::vector<recorded_event> nothing;
    auto moved = co_await apply(into, nothing, event.position, nobody);
    if (!moved) co_return moved;
    into.failures = 0;
    log::warn("projection parked an event", {"projection", into.model},
              {"position", event.position.value()}, {"event", event.message.name},
              {"stream", event.stream.text()}, log::fields(event.trace));
    if (&into == &live_) co_await count_parked();
    co_return moved;
}

void projection_runner::set_parked(std::uint64_t count) {
    parked_.set(static_cast<double>(count));
    const std::scoped_lock lock{status_mutex_};
    status_.parked = count;
}

awaitable<void> projection_runner::count_parked() {
    auto models = co_await events_.list_models();
    if (!models) co_return;  // counted again with the next one
    const auto wanted = parked_model(live_.model);
    std::uint64_t count = 0;
    for (const auto& one : *models) {
        if (one.name == wanted) count = one.documents;
    }
    set_parked(count);
}

awaitable<result<void>> projection_runner::clear(std::string model) {
    auto erased = co_await target_.erase_model(model);
    if (!erased) co_return erased;
    co_return co_await events_.erase_model(parked_model(model));
}

awaitable<void> projection_runner::begin_rebuild() {
    feed fresh{live_.model + ".rebuild", {}, 0};
    auto cleared = co_await clear(fresh.model);
    if (!cleared) {
        co_await failed(fresh, cleared.error(), nullptr);
        co_return;
    }
    auto opened = co_await open(fresh);
    if (!opened) {
        co_await failed(fresh, opened.error(), nullptr);
        co_return;
    }
    is_rebuild_wanted_ = false;
    beside_ = std::move(fresh);
    log::info("projection is rebuilt", {"projection", live_.model},
              {"until", live_.at.position.value()});
}

awaitable<void> projection_runner::rebuild_some() {
    report("rebuilding");
    for (int i = 0; i < rebuild_steps && beside_->at.position < live_.at.position; ++i) {
        const auto end = co_await step(*beside_, live_.at.position);
        if (end == step_end::failed || is_stopping_) co_return;
    }
    co_await swap_if_equal();
}

awaitable<void> projection_runner::swap_if_equal() {
    {
        const std::scoped_lock lock{status_mutex_};
        status_.rebuilt = beside_->at.position;
    }
    if (beside_->at.position != live_.at.position) co_return;
    auto swapped = co_await target_.swap(live_.model, beside_->model);
    if (!swapped) {
        co_await failed(*beside_, swapped.error(), nullptr);
        co_return;
    }
    auto parked = co_await events_.swap(parked_model(live_.model), parked_model(beside_->model));
    if (!parked) {
        log::warn("parked events of a rebuilt projection are not replaced",
                  {"projection", live_.model}, {"reason", parked.error().message()});
    }
    beside_.reset();
    co_await count_parked();
    report("running");
    log::info("projection rebuilt", {"projection", live_.model},
              {"position", live_.at.position.value()});
}

}  // namespace tidemark
