#include "tidemark/testing/simulated_database.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace tidemark::testing {
namespace {

std::vector<std::string> streams_of(const simulated_database::statement& work) {
    std::vector<std::string> streams;
    for (const auto i : work.which) streams.push_back((*work.batch)[i].stream.text());
    std::ranges::sort(streams);
    const auto rest = std::ranges::unique(streams);
    streams.erase(rest.begin(), rest.end());
    return streams;
}

bool share_one(const std::vector<std::string>& a, const std::vector<std::string>& b) {
    return std::ranges::find_first_of(a, b) != a.end();
}

std::vector<append_outcome> lost_in_crash(std::size_t count) {
    const error unknown{errc::unknown_outcome,
                        "the database crashed while the append was under way; send it again"};
    return std::vector<append_outcome>(count, append_outcome{unknown});
}

}  // namespace

simulated_database::simulated_database(simulated_scheduler& scheduler, message_id incarnation)
    : scheduler_{scheduler},
      random_{scheduler.draw_seed()},
      log_{incarnation},
      models_{incarnation} {}

duration simulated_database::draw(duration most) {
    return duration{
        static_cast<duration::rep>(random_.below(static_cast<std::uint64_t>(most.count()) + 1))};
}

void simulated_database::append(statement work, told_outcomes told) {
    auto streams = streams_of(work);
    waiting_.push_back({std::move(work), std::move(told), std::move(streams), {}, {}});
    start_waiting();
}

bool simulated_database::is_free(const transaction& candidate, place until) const {
    const auto blocks = [&](const transaction& other) {
        return share_one(candidate.streams, other.streams);
    };
    return std::ranges::none_of(open_, blocks) &&
           std::none_of(waiting_.begin(), std::list<transaction>::const_iterator{until}, blocks);
}

void simulated_database::start_waiting() {
    for (auto next = waiting_.begin(); next != waiting_.end();) {
        const auto candidate = next++;
        if (!is_free(*candidate, candidate)) continue;
        open_.splice(open_.end(), waiting_, candidate);
        start(candidate);
    }
}

/// Publishes its mark, then draws: whoever reads the horizon from now on stays below.
void simulated_database::start(place started) {
    started->mark = last_value_;
    for (const auto i : started->work.which) {
        for (std::size_t n = 0; n < (*started->work.batch)[i].events.size(); ++n) {
            last_value_ = position{last_value_.value() + 1};
            started->drawn.push_back(last_value_);
        }
    }
    const auto* const finished = &*started;
    scheduler_.set_alarm(commit_time(), [this, finished, during = crashes_] {
        if (during == crashes_) finish(finished);
    });
}

duration simulated_database::commit_time() {
    return draw(draw(faults_.slow_commit) ? faults_.slow_commit_max : faults_.commit_max);
}

void simulated_database::finish(const transaction* finished) {
    const auto found =
        std::ranges::find_if(open_, [&](const transaction& each) { return &each == finished; });
    if (found->told && draw(faults_.rollback)) {
        roll_back(found);
    } else {
        commit(found);
    }
    start_waiting();
}

void simulated_database::roll_back(place failed) {
    failed->drawn.clear();
    waiting_.splice(waiting_.begin(), open_, failed);
}

void simulated_database::commit(place finished) {
    const auto done = std::move(*finished);
    open_.erase(finished);
    std::vector<append_outcome> outcomes;
    std::string owner;
    auto next = done.drawn.begin();
    for (const auto i : done.work.which) {
        const auto& request = (*done.work.batch)[i];
        auto own = next;
        std::advance(next, static_cast<std::ptrdiff_t>(request.events.size()));
        outcomes.push_back(log_.append(request, now(), [&own] { return *own++; }));
        if (const auto* stored = std::get_if<append_committed>(&outcomes.back())) {
            scheduler_.note(stored->version.value() * 31 + stored->position.value());
            if (owner.empty()) owner = request.owner;
        }
    }
    if (done.told) done.told(std::move(outcomes));
    if (watcher_ && !owner.empty()) watcher_(owner);
}

position simulated_database::horizon() const {
    auto lowest = last_value_;
    for (const auto& each : open_) lowest = std::min(lowest, each.mark);
    return lowest;
}

void simulated_database::refuse_for(duration span) {
    up_at_ = std::max(up_at_, scheduler_.elapsed() + span);
}

void simulated_database::crash(duration span) {
    ++crashes_;
    refuse_for(span);
    const auto lost = std::exchange(open_, {});
    const auto never_started = std::exchange(waiting_, {});
    const auto committed = log_.last_position().value();
    const auto ahead = last_value_.value() - committed;
    // Often it falls all the way: the next event gets a position that was drawn before.
    last_value_ = position{committed + (random_.below(2) == 0 ? 0 : random_.below(ahead + 1))};
    for (const auto* list : {&lost, &never_started}) {
        for (const auto& each : *list) {
            if (each.told) each.told(lost_in_crash(each.work.which.size()));
        }
    }
}

void simulated_database::hold_horizon(duration span) {
    open_.push_back({{std::make_shared<const std::vector<append_request>>(), {}}, {}, {}, {}, {}});
    open_.back().mark = last_value_;
    last_value_ = position{last_value_.value() + 1};
    const auto* const held = &open_.back();
    scheduler_.set_alarm(span, [this, held, during = crashes_] {
        if (during == crashes_) finish(held);
    });
}

}  // namespace tidemark::testing
