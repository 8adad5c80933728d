#include "tidemark/testing/simulated_writers.hpp"

#include <algorithm>
#include <utility>

namespace tidemark::testing {
namespace {

/// How long a paused process's threads do not look at their queues.
constexpr duration frozen_look = std::chrono::milliseconds{50};

std::vector<append_outcome> failed(std::size_t count, errc code, const char* message) {
    return std::vector<append_outcome>(count, append_outcome{error{code, message}});
}
std::vector<append_outcome> unknown(std::size_t count) {
    return failed(count, errc::unknown_outcome,
                  "the connection broke after the append was sent; send it again");
}

}  // namespace

std::shared_ptr<simulated_writers::delivery> simulated_writers::send(append_batch batch) {
    auto made = std::make_shared<delivery>();
    made->batch = std::move(batch);
    made->missing = made->batch->size();
    made->outcomes.resize(made->batch->size());
    std::array<statement, 2> parts{statement{made, {}}, statement{made, {}}};
    const std::size_t drawn = database_.draw(0.5) ? 0 : 1;
    for (std::size_t i = 0; i < made->batch->size(); ++i) {
        auto& held = latches_[(*made->batch)[i].stream.text()];
        if (held.appends++ == 0) held.writer = drawn;
        parts[held.writer].which.push_back(i);
    }
    for (std::size_t at = 0; at < parts.size(); ++at) {
        if (parts[at].which.empty()) continue;
        writers_[at].queued.push_back(std::move(parts[at]));
        pump(at);
    }
    return made;
}

void simulated_writers::shut() {
    process_ = nullptr;
    for (auto& each : writers_) each.queued.clear();
}

void simulated_writers::pump(std::size_t at) {
    auto& chosen = writers_[at];
    if (process_ == nullptr || chosen.is_busy || chosen.queued.empty()) return;
    if (process_->is_paused()) {
        database_.scheduler().set_alarm(frozen_look,
                                        [self = shared_from_this(), at] { self->pump(at); });
        return;
    }
    chosen.is_busy = true;
    const auto next = std::move(chosen.queued.front());
    chosen.queued.pop_front();
    const auto& faults = database_.faults();
    if (database_.draw(faults.request_lost)) return lose(at, next);
    if (database_.draw(faults.executed_late)) return carry_late(at, next);
    carry(at, next);
}

void simulated_writers::carry(std::size_t at, const statement& sent) {
    const auto before = database_.crashes();
    database_.scheduler().set_alarm(
        database_.draw(database_.faults().latency_max),
        [self = shared_from_this(), at, sent, before] { self->arrive(at, sent, before); });
}

void simulated_writers::lose(std::size_t at, const statement& sent) {
    answer(at, sent, unknown(sent.which.size()), database_.draw(database_.faults().latency_max));
}

/// The caller hears at once that nobody knows; the database gets to it later.
void simulated_writers::carry_late(std::size_t at, const statement& sent) {
    const auto before = database_.crashes();
    auto late = [self = shared_from_this(), sent, before] {
        auto& database = self->database_;
        if (!database.is_up() || database.crashes() != before) return;
        database.append({sent.of->batch, sent.which}, {});
    };
    database_.scheduler().set_alarm(database_.draw(database_.faults().late_max), std::move(late));
    lose(at, sent);
}

void simulated_writers::arrive(std::size_t at, const statement& sent,
                               std::uint64_t crashes_before) {
    const auto count = sent.which.size();
    if (database_.crashes() != crashes_before) {
        return finish(at, sent, unknown(count));
    }
    if (!database_.is_up()) {
        return finish(
            at, sent,
            failed(count, errc::unavailable, "the database refuses connections; nothing was sent"));
    }
    database_.append({sent.of->batch, sent.which},
                     [self = shared_from_this(), at, sent](std::vector<append_outcome> outcomes) {
                         self->reply(at, sent, std::move(outcomes));
                     });
}

void simulated_writers::reply(std::size_t at, const statement& sent,
                              std::vector<append_outcome> outcomes) {
    if (database_.draw(database_.faults().reply_lost)) outcomes = unknown(sent.which.size());
    answer(at, sent, std::move(outcomes), database_.draw(database_.faults().latency_max));
}

void simulated_writers::answer(std::size_t at, const statement& sent,
                               std::vector<append_outcome> outcomes, duration after) {
    database_.scheduler().set_alarm(
        after, [self = shared_from_this(), at, sent, outcomes = std::move(outcomes)]() mutable {
            self->finish(at, sent, std::move(outcomes));
        });
}

void simulated_writers::finish(std::size_t at, const statement& sent,
                               std::vector<append_outcome> outcomes) {
    writers_[at].is_busy = false;
    auto& of = *sent.of;
    auto has_committed = false;
    for (std::size_t i = 0; i < sent.which.size(); ++i) {
        const auto held = latches_.find((*of.batch)[sent.which[i]].stream.text());
        if (--held->second.appends == 0) latches_.erase(held);
        has_committed |= std::holds_alternative<append_committed>(outcomes[i]);
        of.outcomes[sent.which[i]] = std::move(outcomes[i]);
    }
    of.missing -= sent.which.size();
    if (process_ == nullptr) return;
    if (has_committed) wakes_.notify();
    if (of.missing == 0) of.done.notify();
    pump(at);
}

}  // namespace tidemark::testing
