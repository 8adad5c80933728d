#include "tidemark/http/health.hpp"

#include "tidemark/async/gate.hpp"
#include "tidemark/async/spawn.hpp"
#include "tidemark/async/timeout.hpp"
#include "tidemark/core/thrown.hpp"
#include "tidemark/http/json_text.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <utility>

namespace tidemark::http {

namespace {

constexpr std::size_t checks_max = 64;

/// A check that threw says so; one that is cancelled has nothing to say any more.
awaitable<result<void>> ask_safely(const health_check& check) {
    std::string failure;
    try {
        co_return co_await check.ask();
    } catch (...) {
        failure = thrown_text();
    }
    co_return error{errc::unavailable, "the check threw: " + failure};
}

}  // namespace

struct health::state {
    struct watched {
        health_check check;
        std::unique_ptr<timer> pause;
        bool has_answer = false;
        bool is_passing = false;
        std::string reason = "not asked yet";
        duration answered_at{};
        /// When the question under way was asked; max if none is.
        duration asked_at = duration::max();
    };

    execution& world;
    executor on;
    std::vector<std::unique_ptr<watched>> checks;
    std::atomic<bool> has_started{false};
    std::atomic<bool> is_draining{false};
    bool is_over = false;
    duration begun{};
    gate inside;

    state(execution& on_world, executor on_executor)
        : world{on_world}, on{std::move(on_executor)}, begun{world.clock().steady()} {}

    [[nodiscard]] duration now() const { return world.clock().steady(); }

    awaitable<void> ask_again_and_again(watched& w) {
        while (!is_over) {
            w.asked_at = now();
            auto question = ask_safely(w.check);
            const auto answer = co_await with_timeout(world, std::move(question), w.check.patience);
            w.asked_at = duration::max();
            w.answered_at = now();
            w.has_answer = true;
            w.is_passing = answer.has_value();
            w.reason = answer ? "" : answer.error().message();
            if (!is_over) co_await w.pause->wait(w.check.period);
        }
    }

    [[nodiscard]] health_state look_at(const watched& w) const {
        health_state out;
        out.name = w.check.name;
        out.is_critical = w.check.is_critical;
        out.is_passing = w.is_passing;
        out.reason = w.reason;
        out.age = now() - (w.has_answer ? w.answered_at : begun);
        // A question that ignores its cancellation is noticed here.
        const auto hangs = w.asked_at != duration::max() && now() - w.asked_at > w.check.patience;
        if (hangs) {
            out.is_passing = false;
            out.reason = timed_out_after(w.check.patience).message();
        }
        return out;
    }

    awaitable<void> drain_here() {
        is_over = true;
        for (const auto& w : checks) w->pause->cancel();
        co_await inside.close();
    }
};

health::health(execution& world, executor on)
    : state_{std::make_unique<state>(world, std::move(on))} {}

health::~health() = default;

void health::add(health_check check) {
    const auto is_same = [&](const auto& w) { return w->check.name == check.name; };
    if (std::ranges::any_of(state_->checks, is_same) || state_->checks.size() >= checks_max) {
        throw std::invalid_argument{"health check \"" + check.name +
                                    "\" is there already or one too many (64); drop it"};
    }
    auto added = std::make_unique<state::watched>();
    added->check = std::move(check);
    added->pause = state_->world.make_timer(state_->on);
    state_->checks.push_back(std::move(added));
}

void health::start() {
    for (const auto& w : state_->checks) {
        spawn(state_->inside, state_->on, state_->ask_again_and_again(*w));
    }
}

void health::set_started() { state_->has_started = true; }
void health::set_draining() { state_->is_draining = true; }
bool health::has_started() const { return state_->has_started; }
bool health::is_draining() const { return state_->is_draining; }

std::vector<health_state> health::states() const {
    std::vector<health_state> out;
    for (const auto& w : state_->checks) out.push_back(state_->look_at(*w));
    return out;
}

bool health::is_ready() const {
    const auto passes = [&](const auto& w) {
        return !w->check.is_critical || state_->look_at(*w).is_passing;
    };
    return has_started() && !is_draining() && std::ranges::all_of(state_->checks, passes);
}

std::string health::to_json() const {
    std::string out = "{";
    append_json_member(out, "status",
                       is_draining()    ? "draining"
                       : !has_started() ? "starting"
                       : is_ready()     ? "ready"
                                        : "not_ready");
    out += ",\"checks\":[";
    for (const auto& s : states()) {
        if (out.back() != '[') out += ',';
        out += '{';
        append_json_member(out, "name", s.name);
        append_json_member(out, "status", s.is_passing ? "passing" : "failing");
        out += s.is_critical ? ",\"critical\":true" : ",\"critical\":false";
        if (!s.reason.empty()) append_json_member(out, "reason", s.reason);
        const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(s.age).count();
        out += ",\"age_ms\":" + std::to_string(age) + '}';
    }
    out += "]}";
    return out;
}

awaitable<void> health::drain() { co_await state_->drain_here(); }

}  // namespace tidemark::http
