#include "tidemark/eventstore/postgres_writer.hpp"

#include "tidemark/async/clock.hpp"
#include "tidemark/eventstore/limits.hpp"
#include "tidemark/eventstore/postgres_batch.hpp"
#include "tidemark/eventstore/postgres_connect.hpp"
#include "tidemark/eventstore/postgres_connection.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace tidemark {
namespace {

/// Times that a statement of several appends is sent again because of other transactions. Then it
/// is halved: smaller ones collide less. One append alone is sent again until its time is over.
constexpr int repeats_whole_max = 10;
constexpr backoff_policy reconnect_policy{.first = std::chrono::milliseconds{20},
                                          .cap = std::chrono::seconds{1}};

std::size_t writers_of(const postgres_options& options) {
    return std::max<std::size_t>(options.writers, 1);
}

/// Whether an id of ours is stored already, rather than another process was quicker: only then is
/// it worth while to look for the ids, which makes the next try slower than that process.
bool is_of_ids(const postgres_failure& failed) {
    return failed.constraint() == "events_id" || failed.constraint() == "effects_id";
}

}  // namespace

/// What belongs to one thread.
struct postgres_writer::lane {
    std::size_t number = 0;
    std::unique_ptr<postgres_connection> session;
    std::vector<postgres_queued> taken;
    postgres_batch batch;
    outcomes told;
};

/// How often and how long one statement was tried.
struct postgres_writer::attempts {
    duration until{};
    int repeats = 0;
    std::uint32_t reconnects = 0;
    bool checks_ids = false;
    /// An id was stored already, perhaps by an earlier try of ours: the next one tells.
    bool was_duplicate = false;
    /// It may be stored although nobody said so; only an outcome ends that.
    bool is_unknown = false;
};

postgres_writer::postgres_writer(const postgres_options& options, const clock* time,
                                 std::function<void()> committed)
    : options_{options},
      time_{time},
      committed_{std::move(committed)},
      queue_{options_, writers_of(options)} {
    for (std::size_t i = 0; i < writers_of(options); ++i) {
        auto made = std::make_unique<lane>();
        made->number = i;
        made->session = std::make_unique<postgres_connection>(options_);
        postgres_batch::prepare(*made->session);
        lanes_.push_back(std::move(made));
    }
    for (const auto& own : lanes_) {
        threads_.emplace_back([this, &lane = *own] { loop(lane); });
    }
}

postgres_writer::~postgres_writer() {
    queue_.stop();
    for (auto& thread : threads_) thread.join();
}

void postgres_writer::push(append_batch batch, std::unique_ptr<resumption<outcomes>> caller) {
    const auto size = batch->size();
    if (size == 0) {
        caller->resume({});
        return;
    }
    const auto made = std::make_shared<postgres_ticket>(batch, std::move(caller));
    std::vector<std::size_t> sound;
    sound.reserve(size);
    for (std::size_t i = 0; i < size; ++i) {
        if (auto fault = find_fault((*batch)[i])) {
            made->tell(i, std::move(*fault));
        } else {
            sound.push_back(i);
        }
    }
    if (queue_.push(made, sound)) return;
    const error full{errc::overloaded, "PostgreSQL at " + mask_postgres_url(options_.url) + ": " +
                                           std::to_string(options_.writes_queued_max) +
                                           " requests wait for the writers already; send less or "
                                           "try again later"};
    for (const auto place : sound) made->tell(place, full);
}

postgres_commit_counts postgres_writer::counts() const {
    return {.commits = commits_.load(), .requests = requests_.load(), .repeats = repeats_.load()};
}

void postgres_writer::loop(lane& own) {
    while (queue_.take(own.number, own.batch, own.taken)) {
        own.told.assign(own.taken.size(), append_outcome{error{}});
        commit(own, 0, own.taken.size());
        finish(own);
    }
}

void postgres_writer::commit(lane& own, std::size_t begin, std::size_t end) {
    attempts made{.until = real_clock{}.steady() + options_.acquire_timeout};
    for (;;) {
        try {
            if (!own.session) own.session = std::make_unique<postgres_connection>(options_);
            const auto now = time_ == nullptr ? std::nullopt : std::optional{time_->now()};
            auto told = own.batch.run(*own.session, begin, end, now, made.checks_ids);
            std::ranges::move(told, own.told.begin() + static_cast<std::ptrdiff_t>(begin));
            ++commits_;
            return;
        } catch (const postgres_failure& failed) {
            if (may_go_on(own, made, failed, end - begin)) {
                ++repeats_;
                continue;
            }
            const auto verdict = failed.verdict();
            const auto is_halved =
                end - begin > 1 && !made.is_unknown &&
                (verdict == postgres_verdict::permanent || verdict == postgres_verdict::repeat ||
                 verdict == postgres_verdict::duplicate);
            if (!is_halved) {
                fail(own, begin, end, made, failed);
                return;
            }
        }
        const auto middle = begin + (end - begin) / 2;
        commit(own, begin, middle);
        commit(own, middle, end);
        return;
    }
}

bool postgres_writer::may_go_on(lane& own, attempts& made, const postgres_failure& failed,
                                std::size_t requests) {
    switch (failed.verdict()) {
        case postgres_verdict::duplicate:
            made.checks_ids = made.checks_ids || is_of_ids(failed);
            // However late it is: "nothing was stored" would be wrong if the id is our own.
            if (!std::exchange(made.was_duplicate, true)) {
                ++made.repeats;
                return true;
            }
            [[fallthrough]];
        case postgres_verdict::repeat:
            ++made.repeats;
            if (requests > 1) return made.repeats <= repeats_whole_max;
            return real_clock{}.steady() < made.until;
        case postgres_verdict::unknown:
            made.is_unknown = true;
            made.checks_ids = true;
            [[fallthrough]];
        case postgres_verdict::unsent:
        case postgres_verdict::read_only:
            own.session.reset();
            return wait_to_reconnect(made);
        case postgres_verdict::busy:
            // No session to be had now. A statement that was given up is the caller's to repeat.
            return !own.session && wait_to_reconnect(made);
        case postgres_verdict::full:
        case postgres_verdict::permanent:
            break;
    }
    return false;
}

bool postgres_writer::wait_to_reconnect(attempts& made) {
    const auto pause = backoff(reconnect_policy, ++made.reconnects, real_random{}.next());
    if (real_clock{}.steady() + pause > made.until) return false;
    return queue_.pause(pause);
}

void postgres_writer::fail(lane& own, std::size_t begin, std::size_t end, const attempts& made,
                           const postgres_failure& failed) {
    const auto place = mask_postgres_url(options_.url);
    auto why = failed.as_error(place, postgres_failure::purpose::write);
    if (failed.verdict() == postgres_verdict::duplicate) {
        why = {errc::unavailable, "PostgreSQL at " + place + ": other processes were quicker " +
                                      std::to_string(made.repeats) + " times (" + failed.what() +
                                      "); try again later"};
    }
    if (made.is_unknown && why.code() != errc::unknown_outcome) {
        why = {errc::unknown_outcome,
               why.message() + "; it was sent before: send the same request again"};
    }
    for (auto i = begin; i < end; ++i) own.told[i] = why;
}

void postgres_writer::finish(lane& own) {
    requests_ += own.taken.size();
    queue_.release(own.taken);
    const auto is_stored = [](const auto& one) {
        return std::holds_alternative<append_committed>(one);
    };
    if (std::ranges::any_of(own.told, is_stored)) committed_();
    for (std::size_t i = 0; i < own.taken.size(); ++i) {
        own.taken[i].caller->tell(own.taken[i].place, std::move(own.told[i]));
    }
    own.taken.clear();
    own.batch.clear();
}

}  // namespace tidemark
