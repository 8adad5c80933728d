/// Readers against many writers that commit late, in another order, or not at all: nothing missed,
/// nothing twice, nothing out of order. A reader that follows the highest position runs beside
/// them and must miss something, or the run has proved nothing.

#include "tidemark/eventstore/contract.hpp"
#include "tidemark/eventstore/postgres_batch.hpp"
#include "tidemark/eventstore/postgres_connection.hpp"
#include "tidemark/eventstore/postgres_database.hpp"
#include "tidemark/eventstore/postgres_event_reads.hpp"
#include "tidemark/eventstore/postgres_event_store.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace tidemark;
using namespace tidemark::testing;

namespace {

constexpr std::size_t processes = 4;
constexpr std::size_t writers_each = 4;
constexpr std::size_t slow_writers = 16;
constexpr std::uint64_t page_events = 200;

/// Events to write: enough for every test run, or as many as a long hunt asks for.
std::uint64_t events_wanted() {
    const auto* asked = std::getenv("TIDEMARK_GAP_HUNT_EVENTS");
    return asked == nullptr ? 20'000 : std::strtoull(asked, nullptr, 10);
}

struct seen_event {
    position at;
    message_id id;
    friend bool operator==(const seen_event&, const seen_event&) = default;
};
using history = std::vector<seen_event>;

/// What the log holds in the end.
history read_truth(postgres_connection& session) {
    history all;
    auto rows = session.run("SELECT position, id FROM events ORDER BY position");
    while (rows.next()) all.push_back({position{rows.number(0)}, rows.id(1)});
    return all;
}

class hunt {
  public:
    explicit hunt(postgres_options options) : options_{std::move(options)} {
        for (std::size_t i = 0; i < processes; ++i) {
            stores_.push_back(postgres_storage::open(options_).value());
        }
    }

    void run_all() {
        // Open transactions of others, here and in another database, hold nobody back.
        postgres_connection foreign{options_};
        foreign.execute(
            "BEGIN; CREATE TABLE foreign_work(n int); INSERT INTO foreign_work VALUES(1)");
        postgres_connection elsewhere{{.url = postgres_server_url(), .schema = "elsewhere"}};
        elsewhere.execute("BEGIN; SELECT pg_current_xact_id()");
        std::vector<std::thread> readers;
        readers.emplace_back([this] { read_all(); });
        readers.emplace_back([this] { read_category(); });
        readers.emplace_back([this] { read_naively(); });
        std::vector<std::thread> writers;
        for (std::size_t i = 0; i < processes * writers_each; ++i) {
            writers.emplace_back([this, i] { write(i); });
        }
        for (std::size_t i = 0; i < slow_writers; ++i) {
            writers.emplace_back([this, i] { write_slowly(i); });
        }
        for (auto& one : writers) one.join();
        is_over_ = true;
        for (auto& one : readers) one.join();
    }

    history all;
    history category;
    history naive;
    std::uint64_t restarts = 0;
    std::atomic<std::uint64_t> failed{0};

  private:
    [[nodiscard]] bool is_enough() const { return written_ >= events_wanted(); }

    [[nodiscard]] static std::vector<append_request> draw(std::mt19937_64& random) {
        std::vector<append_request> requests;
        const auto count = 1 + random() % 4;
        for (std::uint64_t i = 0; i < count; ++i) {
            const auto stream = std::to_string(random() % 500);
            const auto to = random() % 3 == 0 ? stream_id{"order", stream} : account(stream);
            requests.push_back(request(to, expected_version::any(), 1 + random() % 3));
        }
        return requests;
    }

    /// Through the store, as every process writes.
    void write(std::size_t writer) {
        std::mt19937_64 random{writer};
        while (!is_enough()) {
            auto batch = std::make_shared<const std::vector<append_request>>(draw(random));
            for (const auto& told : run(stores_[writer % processes]->append(batch))) {
                failed += std::holds_alternative<append_committed>(told) ? 0 : 1;
            }
            for (const auto& one : *batch) written_ += one.events.size();
        }
    }

    /// Transactions that stay open after their append, and now and then come to nothing.
    void write_slowly(std::size_t writer) {
        std::mt19937_64 random{1'000 + writer};
        postgres_connection session{options_};
        while (!is_enough()) {
            try {
                session.execute("BEGIN");
                for (auto calls = 1 + random() % 3; calls > 0; --calls) append_on(session, random);
                session.execute("SELECT pg_sleep(random() * 0.02)");
                session.execute(random() % 4 == 0 ? "ROLLBACK" : "COMMIT");
            } catch (const postgres_failure&) {
                // Streams collide, and holders wait for each other: the server chooses who yields.
                session.execute("ROLLBACK");
            }
        }
    }

    static void append_on(postgres_connection& session, std::mt19937_64& random) {
        const auto requests = draw(random);
        postgres_batch batch;
        for (const auto& one : requests) std::ignore = batch.try_add(one);
        std::ignore = batch.run(session, 0, batch.size(), std::nullopt, false);
    }

    /// Reads pages until the writers are done and the log has ended. Begins anew with another
    /// session now and then, from the checkpoint alone.
    void follow(const std::string& of_category, history& found) {
        std::mt19937_64 random{7};
        position checkpoint;
        auto session = std::make_unique<postgres_connection>(options_);
        for (;;) {
            const auto was_over = is_over_.load();
            const auto page = read_log(*session, of_category, checkpoint, page_events);
            for (const auto& one : page.events) found.push_back({one.position, one.id});
            const auto is_end = was_over && page.events.empty() && page.seen == checkpoint;
            checkpoint = page.seen;
            if (is_end) return;
            if (random() % 50 == 0) {
                session = std::make_unique<postgres_connection>(options_);
                ++restarts_;
            }
        }
    }
    void read_all() {
        follow({}, all);
        restarts = restarts_;
    }
    void read_category() { follow("order", category); }

    void read_naively() {
        postgres_connection session{options_};
        position checkpoint;
        for (;;) {
            const auto was_over = is_over_.load();
            auto rows = session.run(
                "SELECT position, id FROM events WHERE position > $1 ORDER BY position LIMIT $2",
                {checkpoint, page_events});
            if (was_over && rows.size() == 0) return;
            while (rows.next()) {
                naive.push_back({position{rows.number(0)}, rows.id(1)});
                checkpoint = naive.back().at;
            }
        }
    }

    const postgres_options options_;
    std::vector<std::unique_ptr<postgres_storage>> stores_;
    std::atomic<std::uint64_t> written_{0};
    std::atomic<std::uint64_t> restarts_{0};
    std::atomic<bool> is_over_{false};
};

}  // namespace

TEST_CASE("gap hunt: readers miss nothing, see nothing twice and nothing out of order") {
    if (!has_postgres()) return;
    const postgres_database database;
    hunt hunted{database.options()};
    hunted.run_all();
    postgres_connection session{database.options()};
    const auto truth = read_truth(session);
    CHECK(hunted.failed == 0);
    CHECK(truth.size() >= events_wanted() / 2);
    CHECK(hunted.restarts > 0);
    // Equal to the log in its order: nothing missed, doubled or out of order.
    CHECK(hunted.all.size() == truth.size());
    CHECK((hunted.all == truth));
    history orders;
    auto rows = session.run(
        "SELECT position, id FROM events WHERE category = 'order' "
        "ORDER BY position");
    while (rows.next()) orders.push_back({position{rows.number(0)}, rows.id(1)});
    CHECK((hunted.category == orders));
    auto broken = session.run(
        "SELECT count(*) FROM (SELECT version - row_number() OVER (PARTITION BY stream ORDER BY "
        "position) AS skew FROM events) e WHERE skew <> 0");
    REQUIRE(broken.next());
    CHECK(broken.integer(0) == 0);
    const auto missed = truth.size() - hunted.naive.size();
    MESSAGE(truth.size() << " events; " << hunted.restarts
                         << " restarts of readers; the naive "
                            "reader missed "
                         << missed);
    const auto is_strict = std::getenv("TIDEMARK_STRICT") != nullptr;
    if (missed == 0) MESSAGE("INCONCLUSIVE, SKIPPED: the naive reader missed nothing either");
    CHECK((missed > 0 || !is_strict));
}
