#include "tidemark/eventstore/sqlite_event_store.hpp"
#include "tidemark/eventstore/contract.hpp"
#include "tidemark/eventstore/sqlite_connection.hpp"
#include "tidemark/eventstore/sqlite_faulty_vfs.hpp"
#include "tidemark/eventstore/sqlite_stream_filter.hpp"
#include "tidemark/eventstore/temporary_folder.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <future>

namespace tidemark::testing {
namespace {

using namespace std::chrono_literals;

const auto any = expected_version::any();

/// A store in a folder of its own that can be closed and opened again.
class sqlite_fixture : public contract_store {
  public:
    explicit sqlite_fixture(sqlite_options chosen = {}) : options{std::move(chosen)} {
        options.path = folder.file("tidemark.db");
        open();
    }
    [[nodiscard]] storage& store() override { return *opened; }
    void open() { opened = sqlite_storage::open(time, options).value(); }
    void close() { opened.reset(); }
    void reopen() {
        close();
        open();
    }
    /// Runs SQL on the closed file.
    void tamper(const std::string& sql) {
        close();
        sqlite_connection raw{options.path, sqlite_connection::access::read_write};
        raw.execute(sql);
    }
    std::int64_t ask(const std::string& sql) {
        sqlite_connection raw{options.path, sqlite_connection::access::read_only};
        return raw.query_integer(sql);
    }
    [[nodiscard]] error open_error() {
        auto failed = sqlite_storage::open(time, options);
        REQUIRE(!failed);
        return failed.error();
    }

    temporary_folder folder;
    sqlite_options options;
    std::unique_ptr<sqlite_storage> opened;
};

append_batch one(append_request request) {
    return std::make_shared<const std::vector<append_request>>(1, std::move(request));
}

/// Keeps the writer's thread busy until released, so that a test decides what gathers behind it.
class stalled_writer {
  public:
    explicit stalled_writer(storage& store) : store_{store} {
        thread_ = std::async(std::launch::async, [this] {
            const auto from = run(store_.load_checkpoint("stall")).value();
            auto change = [this](read_model&) {
                begun_.set_value();
                released_.get_future().wait();
            };
            return run(store_.update("stall", from, from, std::move(change))).has_value();
        });
        begun_.get_future().wait();
    }
    bool release() {
        released_.set_value();
        return thread_.get();
    }

  private:
    storage& store_;
    std::promise<void> begun_;
    std::promise<void> released_;
    std::future<bool> thread_;
};

/// Starts all appends on one thread, calls `queued` when each is with the store, and waits.
std::vector<append_outcome> append_at_once(storage& store, std::vector<append_request> requests,
                                           const std::function<void()>& queued) {
    boost::asio::io_context context;
    std::vector<std::optional<std::vector<append_outcome>>> told(requests.size());
    for (std::size_t i = 0; i < requests.size(); ++i) {
        boost::asio::co_spawn(executor{context.get_executor()},
                              keep(store.append(one(std::move(requests[i]))), told[i]),
                              [](const std::exception_ptr& e) { CHECK(!e); });
    }
    context.poll();
    queued();
    context.restart();
    context.run();
    std::vector<append_outcome> outcomes;
    for (auto& each : told) outcomes.push_back(each.value().at(0));
    return outcomes;
}

}  // namespace

TEST_CASE("sqlite: everything is there after a reopen, and counters go on") {
    sqlite_fixture c;
    const auto before = c.commit(request(account("ada"), expected_version::none(), 2));
    const auto held = c.commit(effects({effect("k"), effect("k")}, "me")).claimed.at(0);
    const auto incarnation = run(c.store().status())->incarnation;
    c.reopen();
    CHECK(run(c.store().status())->incarnation == incarnation);
    CHECK(run(c.store().status())->last_position == before.position);
    CHECK(c.read(account("ada")).size() == 2);
    CHECK(c.complete(held));
    CHECK(c.claim("me").claimed.at(0).token > held.token);
    CHECK(c.commit(request(account("ada"), any)).position > before.position);
    CHECK(run(c.opened->verify()));
}

TEST_CASE("sqlite: a position never comes again, even if its event is deleted") {
    sqlite_fixture c;
    const auto last = c.commit(request(account("ada"), any, 3)).position;
    c.tamper("DELETE FROM events; DELETE FROM streams");
    c.open();
    CHECK(c.commit(request(account("eve"), any)).position > last);
}

TEST_CASE("sqlite: a second opener is refused and told who serves the file") {
    sqlite_fixture c;
    const auto refused = c.open_error();
    CHECK(refused.code() == errc::locked);
    CHECK(refused.message().find(std::to_string(::getpid())) != std::string::npos);
    c.reopen();
    c.commit(request(account("ada"), any));
}

TEST_CASE("sqlite: a read-only opener reads beside the serving one and writes nothing") {
    sqlite_fixture c;
    c.commit(request(account("ada"), any));
    auto options = c.options;
    options.is_read_only = true;
    const auto reader = sqlite_storage::open(c.time, options).value();
    CHECK(run(reader->read(account("ada"), version{}, 10))->size() == 1);
    c.commit(request(account("ada"), any));
    CHECK(run(reader->read(account("ada"), version{}, 10))->size() == 2);
    const auto refused = run(reader->append(one(request(account("ada"), any)))).at(0);
    CHECK(error_of(refused) == errc::invalid_argument);
    CHECK(run(reader->claim({.owner = "me", .lease = 1s})).error().code() ==
          errc::invalid_argument);
    options.path = c.folder.file("nothing.db");
    CHECK(sqlite_storage::open(c.time, options).error().code() == errc::not_found);
    CHECK(!std::filesystem::exists(options.path));
}

TEST_CASE("sqlite: a file that is not ours is refused and left as it is") {
    sqlite_fixture c;
    c.options.path = c.folder.file("letter.txt");
    std::ofstream{c.options.path} << "Dear Ada, " << std::string(200, 'x');
    CHECK(c.open_error().code() == errc::corrupt);
    CHECK(std::filesystem::file_size(c.options.path) == 210);
    c.options.path = c.folder.file("short.txt");
    std::ofstream{c.options.path} << "SQLite";
    CHECK(c.open_error().code() == errc::corrupt);
    c.options.path = c.folder.file("other.db");
    {
        sqlite_connection other{c.options.path, sqlite_connection::access::read_write};
        other.execute("CREATE TABLE songs(title TEXT)");
    }
    CHECK(c.open_error().code() == errc::corrupt);
    c.options.is_read_only = true;
    CHECK(c.open_error().code() == errc::corrupt);
}

TEST_CASE("sqlite: an empty file is taken as a fresh one") {
    sqlite_fixture c;
    c.close();
    c.options.path = c.folder.file("empty.db");
    std::ofstream{c.options.path}.flush();
    c.open();
    c.commit(request(account("ada"), any));
}

TEST_CASE("sqlite: a damaged file is refused at the opening or named by verify") {
    sqlite_fixture c;
    for (auto i = 0; i < 50; ++i) c.commit(request(account(std::to_string(i)), any, 20));
    c.close();
    const auto size = std::filesystem::file_size(c.options.path);
    std::filesystem::copy_file(c.options.path, c.folder.file("cut.db"));
    {
        std::fstream file{c.options.path, std::ios::in | std::ios::out | std::ios::binary};
        for (auto at = std::uintmax_t{40} * 4096; at + 2000 < size; at += 4096) {
            file.seekp(static_cast<std::streamoff>(at));
            file << std::string(2000, '\xff');
        }
    }
    c.open();
    CHECK(run(c.opened->verify()).error().code() == errc::corrupt);
    c.close();
    c.options.path = c.folder.file("cut.db");
    std::filesystem::resize_file(c.options.path, size / 2);
    CHECK(c.open_error().code() == errc::corrupt);
}

TEST_CASE("sqlite: a newer schema is refused") {
    sqlite_fixture c;
    c.tamper("PRAGMA user_version = 99");
    const auto refused = c.open_error();
    CHECK(refused.code() == errc::schema_mismatch);
    CHECK(refused.message().find("99") != std::string::npos);
    c.options.is_read_only = true;
    CHECK(c.open_error().code() == errc::schema_mismatch);
}

TEST_CASE("sqlite: a migration that was edited after it had been applied is refused") {
    sqlite_fixture c;
    c.tamper("UPDATE migrations SET checksum = 'other' WHERE version = 1");
    CHECK(c.open_error().code() == errc::schema_mismatch);
}

TEST_CASE("sqlite: a folder that is not there is an error that names the file") {
    sqlite_fixture c;
    c.options.path = c.folder.file("no/such/folder.db");
    const auto refused = c.open_error();
    CHECK(refused.code() == errc::io_error);
    CHECK(refused.message().find("no/such/folder.db") != std::string::npos);
}

TEST_CASE("sqlite: a full disk stores nothing, and the store goes on when space returns") {
    sqlite_fixture c;
    c.commit(request(account("ada"), any));
    REQUIRE(run(c.opened->limit_size(300'000)));
    auto big = request(account("big"), any, 0);
    for (auto i = 0; i < 10; ++i) big.events.push_back(event("a.b.v1", std::string(50'000, 'x')));
    CHECK(error_of(c.append(big)) == errc::disk_full);
    CHECK(error_of(c.append(big)) == errc::disk_full);
    CHECK(c.read(account("big")).empty());
    c.commit(request(account("ada"), any));
    REQUIRE(run(c.opened->limit_size(0)));
    CHECK(c.commit(big).version == version{10});
    const auto all = *run(c.store().read_all(position{}, 100));
    CHECK(all.events.size() == 12);
    CHECK(all.seen == all.horizon);
}

TEST_CASE("sqlite: what gathers behind the writer is committed in one transaction") {
    sqlite_fixture c;
    stalled_writer stalled{c.store()};
    std::vector<append_request> requests;
    for (auto i = 0; i < 64; ++i) requests.push_back(request(account(std::to_string(i % 8)), any));
    const auto before = c.opened->commits();
    const auto outcomes = append_at_once(c.store(), requests, [&] { CHECK(stalled.release()); });
    for (const auto& outcome : outcomes) get_or_fail<append_committed>(outcome);
    const auto after = c.opened->commits();
    CHECK(after.commits - before.commits == 1);
    CHECK(after.requests - before.requests == 64);
}

TEST_CASE("sqlite: a transaction is bounded") {
    sqlite_fixture c{{.batch_requests_max = 10}};
    stalled_writer stalled{c.store()};
    std::vector<append_request> requests;
    for (auto i = 0; i < 35; ++i) requests.push_back(request(account("ada"), any));
    append_at_once(c.store(), requests, [&] { CHECK(stalled.release()); });
    CHECK(c.opened->commits().commits == 4);
    CHECK(c.read(account("ada")).size() == 35);
}

TEST_CASE("sqlite: a full queue refuses at once and stores nothing of what it refused") {
    sqlite_fixture c{{.writes_queued_max = 4}};
    stalled_writer stalled{c.store()};
    std::vector<append_request> requests;
    for (auto i = 0; i < 6; ++i) requests.push_back(request(account("ada"), any));
    const auto outcomes = append_at_once(c.store(), requests, [&] { CHECK(stalled.release()); });
    for (std::size_t i = 0; i < 4; ++i) get_or_fail<append_committed>(outcomes[i]);
    for (std::size_t i = 4; i < 6; ++i) CHECK(error_of(outcomes[i]) == errc::overloaded);
    CHECK(c.read(account("ada")).size() == 4);
}

TEST_CASE("sqlite: a commit whose sync fails is decided by running it again") {
    sqlite_fixture c{{.vfs = faulty_vfs()}};
    c.commit(request(account("ada"), any));
    const auto before = failed_syncs();
    fail_syncs(1);
    CHECK(c.commit(request(account("ada"), any)).version == version{2});
    CHECK(failed_syncs() - before == 1);
    CHECK(c.read(account("ada")).size() == 2);
    c.reopen();
    CHECK(c.read(account("ada")).size() == 2);
}

TEST_CASE("sqlite: an outcome that stays unknown is told, and the same request decides it") {
    sqlite_fixture c{{.vfs = faulty_vfs()}};
    auto sent = command(account("ada"), expected_version::none(), "c1", 2);
    sent.effects = {effect("k")};
    fail_syncs(1000);
    CHECK(error_of(c.append(sent)) == errc::unknown_outcome);
    fail_syncs(0);
    CHECK(c.commit(sent).version == version{2});
    CHECK(c.commit(sent).version == version{2});
    CHECK(c.read(account("ada")).size() == 2);
    CHECK(run(c.store().pending(account("ada")))->size() == 1);
    c.reopen();
    CHECK(c.read(account("ada")).size() == 2);
    CHECK(run(c.opened->verify()));
}

TEST_CASE("sqlite: the filter knows the streams of a file, and beyond its bound nothing") {
    sqlite_stream_filter filter{2};
    CHECK(filter.may_hold("account-ada"));  // nothing is known before the file was looked at
    sqlite_fixture c;
    c.commit(request(account("ada"), any));
    c.close();
    sqlite_connection raw{c.options.path, sqlite_connection::access::read_write};
    filter.load(raw);
    CHECK(filter.may_hold("account-ada"));
    CHECK(!filter.may_hold("account-eve"));
    filter.add("account-eve");
    CHECK(filter.may_hold("account-eve"));
    CHECK(!filter.may_hold("account-bob"));
    filter.add("account-bob");  // beyond its bound it knows nothing more
    CHECK(filter.may_hold("account-zoe"));
}

TEST_CASE("sqlite: a stream that is not there needs no reader, one that is there does") {
    sqlite_options nobody_reads;
    nobody_reads.reads_queued_max = 0;
    sqlite_fixture c{nobody_reads};
    CHECK(run(c.store().read(account("ada"), {}, 10))->empty());
    CHECK_FALSE(run(c.store().latest_snapshot(account("ada"), "account.state.v1"))->has_value());
    c.commit(request(account("ada"), any));
    CHECK(run(c.store().read(account("ada"), {}, 10)).error().code() == errc::overloaded);
    c.reopen();
    CHECK(run(c.store().read(account("ada"), {}, 10)).error().code() == errc::overloaded);
    CHECK(run(c.store().read(account("eve"), {}, 10))->empty());
}

TEST_CASE("sqlite: documents of a replaced model are cleared away between other writes") {
    sqlite_fixture c;
    const auto from = *run(c.store().load_checkpoint("live"));
    const auto fill = [&](const std::string& name, int count) {
        REQUIRE(run(c.store().update(name, from, from, [&](read_model& m) {
            for (auto i = 0; i < count; ++i) {
                m.put({std::to_string(i), "{}", {{"parity", i % 2 == 0 ? "even" : "odd"}}});
            }
        })));
    };
    fill("live", 1200);
    fill("beside", 3);
    REQUIRE(run(c.store().swap("live", "beside")));
    for (auto i = 0; i < 6; ++i) c.commit(request(account("ada"), any));
    CHECK(c.ask("SELECT count(*) FROM documents") == 3);
    CHECK(c.ask("SELECT count(*) FROM document_indexes") == 3);
    CHECK(c.ask("SELECT count(*) FROM models") == 1);
}

TEST_CASE("sqlite: a long stream is read whole, in slices") {
    sqlite_fixture c;
    for (auto i = 0; i < 3; ++i) c.commit(request(account("long"), any, 4000));
    const auto events = c.read(account("long"), version{}, 20'000);
    REQUIRE(events.size() == 12'000);
    CHECK(events.back().version == version{12'000});
    CHECK(run(c.store().read_all(position{}, 20'000))->events.size() == 12'000);
    CHECK(run(c.store().read_category("account", position{}, 11'000))->events.size() == 11'000);
}

}  // namespace tidemark::testing
