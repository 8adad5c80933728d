/// One process of a hunt for events that a reader misses (tests/postgres_hunt_test.py).
///
///     hunt URL write EVENTS SEED            eight threads append until the log has so many events:
///                                           four through the store, four in transactions that
///                                           stay open and come to nothing now and then
///     hunt URL read POSITION CATEGORY       prints position and id of every event after that
///                                           position, of all categories for "-", and every page's
///                                           checkpoint, until it is told to stop
///     hunt URL naive POSITION               the same as one would do it with a SELECT
///
/// A reader ends when its standard input does and it has then reached the end of the log.

#include "tidemark/eventstore/postgres_batch.hpp"
#include "tidemark/eventstore/postgres_connection.hpp"
#include "tidemark/eventstore/postgres_event_reads.hpp"
#include "tidemark/eventstore/postgres_event_store.hpp"
#include "tidemark/eventstore/run.hpp"
#include "tidemark/tests/postgres/flags.hpp"

#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <iostream>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace tidemark;
using namespace tidemark::testing;

namespace {

constexpr std::size_t threads_each = 4;
constexpr std::uint64_t page_events = 500;
constexpr std::uint64_t streams = 2'000;

message_id draw_id(std::mt19937_64& random) {
    return message_id::v7(random() >> 16U, random(), random());
}

std::vector<append_request> draw(std::mt19937_64& random) {
    std::vector<append_request> requests;
    const auto count = 1 + random() % 4;
    for (std::uint64_t i = 0; i < count; ++i) {
        const auto category = random() % 3 == 0 ? "order" : "account";
        append_request made{.stream = {category, std::to_string(random() % streams)},
                            .expected = expected_version::any()};
        for (auto events = 1 + random() % 3; events > 0; --events) {
            made.events.push_back({.id = draw_id(random), .message = {"hunt.seen.v1", "{}"}});
        }
        made.trace = {.correlation = draw_id(random), .causation = draw_id(random)};
        requests.push_back(std::move(made));
    }
    return requests;
}

/// Writes until the log is long enough, which every process asks for itself.
class writers {
  public:
    writers(const flags& given, std::uint64_t events, std::uint64_t seed)
        : options_{given.options()}, events_{events}, seed_{seed} {}

    int run_all() {
        auto opened = postgres_storage::open(options_);
        if (!opened) {
            std::cerr << opened.error().message() << "\n";
            return 3;
        }
        store_ = std::move(*opened);
        std::vector<std::thread> running;
        for (std::size_t i = 0; i < threads_each; ++i) {
            running.emplace_back([this, i] { write(seed_ * 100 + i); });
            running.emplace_back([this, i] { write_slowly(seed_ * 100 + 50 + i); });
        }
        watch();
        for (auto& one : running) one.join();
        std::cout << "failed " << failed_ << " late " << late_ << " undone " << undone_ << "\n";
        return 0;
    }

  private:
    void watch() {
        postgres_connection session{options_};
        while (!is_over_) {
            auto rows = session.run("SELECT last_value FROM positions");
            if (rows.next() && rows.number(0) >= events_) is_over_ = true;
            session.execute("SELECT pg_sleep(0.1)");
        }
    }

    void write(std::uint64_t seed) {
        std::mt19937_64 random{seed};
        while (!is_over_) {
            auto batch = std::make_shared<const std::vector<append_request>>(draw(random));
            for (const auto& told : run(store_->append(batch))) {
                failed_ += std::holds_alternative<append_committed>(told) ? 0 : 1;
            }
        }
    }

    /// Transactions that stay open after their append, so that others commit before them.
    void write_slowly(std::uint64_t seed) {
        std::mt19937_64 random{seed};
        postgres_connection session{options_};
        while (!is_over_) {
            try {
                session.execute("BEGIN");
                for (auto calls = 1 + random() % 3; calls > 0; --calls) {
                    const auto requests = draw(random);
                    postgres_batch batch;
                    for (const auto& one : requests) std::ignore = batch.try_add(one);
                    std::ignore = batch.run(session, 0, batch.size(), std::nullopt, false);
                }
                const auto is_long = random() % 50 == 0;
                session.execute(is_long ? "SELECT pg_sleep(0.5)" : "SELECT pg_sleep(0.01)");
                const auto is_undone = random() % 4 == 0;
                session.execute(is_undone ? "ROLLBACK" : "COMMIT");
                ++(is_undone ? undone_ : late_);
            } catch (const postgres_failure&) {
                // Streams collide, and holders wait for each other: the server chooses who yields.
                session.execute("ROLLBACK");
                ++undone_;
            }
        }
    }

    const postgres_options options_;
    const std::uint64_t events_;
    const std::uint64_t seed_;
    std::unique_ptr<postgres_storage> store_;
    std::atomic<bool> is_over_{false};
    std::atomic<std::uint64_t> failed_{0};
    std::atomic<std::uint64_t> late_{0};
    std::atomic<std::uint64_t> undone_{0};
};

class reader {
  public:
    reader(const flags& given, position after) : session_{given.options()}, checkpoint_{after} {}

    void follow(const std::string& category) {
        for (;;) {
            const auto was_told = is_told();
            const auto page = read_log(session_, category, checkpoint_, page_events);
            for (const auto& one : page.events) print(one.position, one.id);
            if (tell(page.seen) && was_told) return;
        }
    }

    void follow_naively() {
        for (;;) {
            const auto was_told = is_told();
            auto rows = session_.run(
                "SELECT position, id FROM events WHERE position > $1 ORDER BY position LIMIT $2",
                {checkpoint_, page_events});
            auto seen = checkpoint_;
            while (rows.next()) {
                seen = position{rows.number(0)};
                print(seen, rows.id(1));
            }
            if (tell(seen) && was_told) return;
        }
    }

  private:
    /// Whether the input has ended; at the end of the log it is listened to for a moment.
    [[nodiscard]] bool is_told() const {
        constexpr int pause_ms = 2;
        pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
        return ::poll(&input, 1, is_at_end_ ? pause_ms : 0) > 0;
    }
    void print(position at, const message_id& id) {
        page_ << at.value() << " " << id.to_string() << "\n";
    }
    /// Events and the checkpoint behind them leave at once; whether there was nothing.
    bool tell(position seen) {
        is_at_end_ = seen == checkpoint_;
        checkpoint_ = seen;
        if (is_at_end_) return true;
        page_ << "at " << seen.value() << "\n";
        std::cout << page_.str() << std::flush;
        page_.str({});
        return false;
    }

    postgres_connection session_;
    position checkpoint_;
    std::ostringstream page_;
    bool is_at_end_ = false;
};

}  // namespace

int main(int count, char** words) {
    const flags given{count, words};
    const auto verb = given.word(1);
    if (verb == "write") {
        return writers{given, std::stoull(given.word(2)), std::stoull(given.word(3))}.run_all();
    }
    reader to_end{given, position{std::stoull(given.word(2))}};
    if (verb == "naive") {
        to_end.follow_naively();
    } else {
        to_end.follow(given.word(3) == "-" ? "" : given.word(3));
    }
    std::cout << "end\n" << std::flush;
    return 0;
}
