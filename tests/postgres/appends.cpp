/// Appends what it is told to, on a PostgreSQL store, and says what became of it: the program that
/// the tests of tests/*.py hurt around its commits.
///
///     appends URL [writers=N] [threads=N] [acquire=MS] [statement=MS] [grace=MS] [connect=MS]
///                 [pooled=1] [migrate=0]
///
/// Standard input: numbers, one a line. A number always means the same request, ids included, so
/// sending it again is what a caller does after an unknown outcome. Standard output, each line
/// written at once: `open`, `sent N AT`, then `stored N AT VERSION POSITION`, `unknown N AT TEXT`
/// or `failed N AT CODE TEXT`, AT in microseconds since 1970; in the end `end COMMITS REPEATS`.
/// Exit code 3: the store cannot be opened.

#include "tidemark/eventstore/postgres_event_store.hpp"
#include "tidemark/eventstore/run.hpp"
#include "tidemark/tests/postgres/flags.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <iostream>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace tidemark;
using namespace tidemark::testing;

namespace {

constexpr std::uint64_t streams = 7;

/// Numbers on their way from the input to the threads.
class number_queue {
  public:
    void push(std::uint64_t number) {
        {
            const std::scoped_lock lock{mutex_};
            waiting_.push_back(number);
        }
        changed_.notify_one();
    }
    void close() {
        {
            const std::scoped_lock lock{mutex_};
            is_closed_ = true;
        }
        changed_.notify_all();
    }
    /// Nothing once the input has ended and all of it is taken.
    std::optional<std::uint64_t> pop() {
        std::unique_lock lock{mutex_};
        changed_.wait(lock, [this] { return is_closed_ || !waiting_.empty(); });
        if (waiting_.empty()) return std::nullopt;
        const auto number = waiting_.front();
        waiting_.pop_front();
        return number;
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::uint64_t> waiting_;
    bool is_closed_ = false;
};

/// One to three events; every other one with the answer of a command, every fourth with an effect,
/// so that all ways through the append function are taken.
append_request request_of(std::uint64_t number) {
    const auto text = std::to_string(number);
    const auto id = [&](std::string_view part, std::uint64_t index) {
        return message_id::derive({"appends", part, text, std::to_string(index)});
    };
    append_request made{.stream = {"ledger", std::to_string(number % streams)},
                        .expected = expected_version::any()};
    const auto count = 1 + number % 3;
    for (std::uint64_t i = 0; i < count; ++i) {
        auto payload = "{\"number\":" + text + ",\"index\":" + std::to_string(i) +
                       ",\"of\":" + std::to_string(count) + "}";
        made.events.push_back(
            {.id = id("event", i), .message = {"ledger.noted.v1", std::move(payload)}});
    }
    made.trace = {.correlation = id("correlation", 0), .causation = id("causation", 0)};
    if (number % 2 == 0) {
        made.command = command_record{.scope = "appends", .id = text, .payload_hash = number};
    }
    if (number % 4 == 3) {
        made.effects.push_back({.id = id("effect", 0),
                                .kind = effect_kind::request,
                                .message = {"ledger.print.v1", "{}"},
                                .tree = id("tree", 0),
                                .options = "{}"});
    }
    return made;
}

class appends {
  public:
    explicit appends(postgres_storage& store) : store_{&store} {}

    void run_all(std::size_t threads) {
        std::vector<std::thread> running;
        for (std::size_t i = 0; i < threads; ++i) running.emplace_back([this] { loop(); });
        std::uint64_t number = 0;
        while (std::cin >> number) numbers_.push(number);
        numbers_.close();
        for (auto& one : running) one.join();
        const auto counts = store_->commits();
        say("end " + std::to_string(counts.commits) + " " + std::to_string(counts.repeats));
    }

    static void say(const std::string& line) {
        static std::mutex mutex;
        const std::scoped_lock lock{mutex};
        std::cout << line + "\n" << std::flush;
    }

  private:
    void loop() {
        while (const auto number = numbers_.pop()) {
            const auto text = std::to_string(*number);
            auto batch = std::make_shared<const std::vector<append_request>>(
                std::vector<append_request>{request_of(*number)});
            say("sent " + text + " " + now());
            const auto told = run(store_->append(std::move(batch)));
            const auto at = now();
            say(words_for(text + " " + at, told.at(0)));
        }
    }

    static std::string now() {
        const auto at = std::chrono::system_clock::now().time_since_epoch();
        return std::to_string(std::chrono::floor<std::chrono::microseconds>(at).count());
    }

    static std::string stored(const std::string& number, version last, position at) {
        return "stored " + number + " " + std::to_string(last.value()) + " " +
               std::to_string(at.value());
    }

    static std::string words_for(const std::string& number, const append_outcome& told) {
        if (const auto* committed = std::get_if<append_committed>(&told)) {
            return stored(number, committed->version, committed->position);
        }
        if (const auto* answered = std::get_if<append_answered>(&told)) {
            return stored(number, answered->first.last_version, answered->first.position);
        }
        const auto* failed = std::get_if<error>(&told);
        if (failed == nullptr) return "failed " + number + " conflict or stale";
        if (failed->code() == errc::unknown_outcome) {
            return "unknown " + number + " " + failed->message();
        }
        return "failed " + number + " " + std::string{to_string(failed->code())} + " " +
               failed->message();
    }

    postgres_storage* store_;
    number_queue numbers_;
};

}  // namespace

int main(int count, char** words) {
    const flags given{count, words};
    auto opened = postgres_storage::open(given.options());
    if (!opened) {
        std::cout << "refused " << opened.error().message() << std::endl;
        return 3;
    }
    appends::say("open");
    appends{**opened}.run_all(given.number("threads", 4));
    return 0;
}
