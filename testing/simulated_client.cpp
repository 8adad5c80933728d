#include "tidemark/testing/simulated_client.hpp"

#include <utility>

namespace tidemark::testing {
namespace {

/// A caller gives up on a process after this and tries another one.
constexpr duration patience = std::chrono::seconds{15};
constexpr duration deadline = std::chrono::seconds{10};
constexpr duration pause_max = std::chrono::milliseconds{500};

bool is_worth_another(errc code) { return is_retryable(code) || code == errc::conflict; }

std::uint64_t digest(const outcome& told) {
    if (told.is_committed()) {
        return told.receipt().version.value() * 1000003 + told.receipt().position.value();
    }
    return told.is_refused() ? told.rejection().code.size() : 1;
}

}  // namespace

simulated_client::simulated_client(simulated_scheduler& scheduler, simulated_cluster& cluster)
    : scheduler_{scheduler}, cluster_{cluster}, random_{scheduler.draw_seed()} {
    cluster_.watch_deaths([this](std::size_t process) { died(process); });
}

duration simulated_client::up_to(duration most) {
    return duration{
        static_cast<duration::rep>(random_.below(static_cast<std::uint64_t>(most.count()) + 1))};
}

const simulated_operation& simulated_client::begin(
    stream_id stream, std::function<std::unique_ptr<any_command>()> command, duration delay) {
    auto& made = operations_.emplace_back(
        simulated_operation{.key = "operation " + std::to_string(operations_.size()),
                            .stream = std::move(stream),
                            .command = std::move(command)});
    plan(made, delay);
    const auto& settings = cluster_.settings();
    while (random_.unit() < settings.duplicate && made.unfinished < 4) {
        plan(made, delay + up_to(random_.below(2) == 0 ? pause_max : settings.delay_max));
    }
    return made;
}

void simulated_client::plan(simulated_operation& of, duration delay) {
    ++of.unfinished;
    ++unfinished_;
    scheduler_.set_alarm(delay, [this, &of] { send(of); });
}

void simulated_client::end(simulated_operation& of) {
    --of.unfinished;
    --unfinished_;
}

void simulated_client::send(simulated_operation& of) {
    const auto index = static_cast<std::size_t>(random_.below(cluster_.size()));
    auto* process = cluster_.process(index);
    end(of);
    if (process == nullptr) return plan(of, up_to(pause_max));
    ++of.attempts;
    ++of.unfinished;
    ++unfinished_;
    const auto number = ++last_attempt_;
    attempts_[number] = {&of, index};
    process->execute(of.stream, of.command(), call{}.once(of.key).within(deadline),
                     [this, &of, number](const outcome& told) { heard(of, number, told); });
    scheduler_.set_alarm(patience, [this, number] { silent(number); });
}

/// What comes after the caller has turned to somebody else still has to agree.
void simulated_client::heard(simulated_operation& of, std::uint64_t number, const outcome& told) {
    scheduler_.note(digest(told));
    if (!told.is_error()) of.replies.push_back(told);
    if (attempts_.erase(number) == 0) return;
    if (told.is_error() && is_worth_another(told.error().code())) {
        plan(of, up_to(pause_max));
    } else if (told.is_error()) {
        of.failure = told.error();
    }
    end(of);
}

void simulated_client::silent(std::uint64_t number) {
    const auto found = attempts_.find(number);
    if (found == attempts_.end()) return;
    auto& of = *found->second.of;
    attempts_.erase(found);
    plan(of, up_to(pause_max));
    end(of);
}

void simulated_client::died(std::size_t process) {
    std::vector<std::uint64_t> lost;
    for (const auto& [number, each] : attempts_) {
        if (each.process == process) lost.push_back(number);
    }
    for (const auto number : lost) silent(number);
}

}  // namespace tidemark::testing
