#include "tidemark/eventstore/contract.hpp"
#include "tidemark/eventstore/limits.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <thread>

namespace tidemark::testing {
namespace {

const auto any = expected_version::any();
const auto none = expected_version::none();

snapshot snapshot_of(std::uint64_t v, std::string payload) {
    return {.stream = account("ada"),
            .name = "account.state.v1",
            .version = version{v},
            .head = next_id(),
            .payload = std::move(payload)};
}

}  // namespace

TEST_CASE("snapshots: the newest of a name is kept, an older one ignored") {
    for_each_backend([](contract_store& c) {
        auto& store = c.store();
        CHECK(!run(store.latest_snapshot(account("ada"), "account.state.v1"))->has_value());
        const auto fifth = snapshot_of(5, "five");
        REQUIRE(run(store.save_snapshot(fifth)));
        REQUIRE(run(store.save_snapshot(snapshot_of(3, "three"))));
        const auto kept = run(store.latest_snapshot(account("ada"), "account.state.v1"))->value();
        CHECK(kept.payload == "five");
        CHECK(kept.version == version{5});
        CHECK(kept.head == fifth.head);
        CHECK(kept.stream == account("ada"));
        CHECK(!run(store.latest_snapshot(account("ada"), "account.state.v2"))->has_value());
        CHECK(!run(store.latest_snapshot(account("eve"), "account.state.v1"))->has_value());
        REQUIRE(run(store.save_snapshot(snapshot_of(9, "nine"))));
        CHECK(run(store.latest_snapshot(account("ada"), "account.state.v1"))->value().payload ==
              "nine");
    });
}

TEST_CASE("snapshots: a listing goes through streams and names in order, page by page") {
    for_each_backend([](contract_store& c) {
        auto& store = c.store();
        CHECK(run(store.list_snapshots({}, 10))->empty());
        const auto keep = [&](const char* id, const char* name, std::uint64_t v) {
            auto taken = snapshot_of(v, "12345");
            taken.stream = account(id);
            taken.name = name;
            REQUIRE(run(store.save_snapshot(std::move(taken))));
        };
        keep("bob", "account.state.v1", 2);
        keep("ada", "account.state.v2", 7);
        keep("ada", "account.state.v1", 5);
        const auto first = run(store.list_snapshots({}, 2)).value();
        REQUIRE(first.size() == 2);
        CHECK(first[0].stream == account("ada"));
        CHECK(first[0].name == "account.state.v1");
        CHECK(first[0].version == version{5});
        CHECK(first[0].bytes == 5);
        CHECK(first[1].name == "account.state.v2");
        const auto rest =
            run(store.list_snapshots({first[1].stream.text(), first[1].name}, 2)).value();
        REQUIRE(rest.size() == 1);
        CHECK(rest[0].stream == account("bob"));
        CHECK(rest[0].version == version{2});
    });
}

TEST_CASE("snapshots: one beyond the limit is refused") {
    for_each_backend([](contract_store& c) {
        const auto saved =
            run(c.store().save_snapshot(snapshot_of(1, std::string(payload_bytes_max + 1, 'x'))));
        REQUIRE(!saved);
        CHECK(saved.error().code() == errc::too_large);
    });
}

TEST_CASE("list_streams: by prefix, in text order, in pages") {
    for_each_backend([](contract_store& c) {
        for (const auto* id : {"b", "a", "c%", "c_", "cx"}) c.commit(request(account(id), any, 2));
        const auto order = c.commit(request(stream_id{"order", "1"}, any));
        const auto texts = [&](const std::string& prefix, const std::string& after,
                               std::size_t limit) {
            std::vector<std::string> found;
            const auto page = run(c.store().list_streams(prefix, after, limit)).value();
            for (const auto& one : page) {
                found.push_back(one.stream.text());
            }
            return found;
        };
        using list = std::vector<std::string>;
        CHECK(texts("account-", "", 2) == list{"account-a", "account-b"});
        CHECK(texts("account-", "account-b", 9) == list{"account-c%", "account-c_", "account-cx"});
        CHECK(texts("account-c%", "", 9) == list{"account-c%"});
        CHECK(texts("", "account-c_", 9) == list{"account-cx", "order-1"});
        CHECK(texts("zebra", "", 9).empty());
        const auto last = run(c.store().list_streams("order", "", 1))->at(0);
        CHECK(last.version == version{1});
        CHECK(last.last_position == order.position);
        CHECK(last.last_recorded_at == c.time.now());
        CHECK(run(c.store().status())->streams == 6);
    });
}

namespace {

struct pages {
    std::vector<recorded_event> events;
    std::size_t count = 0;
    std::size_t bytes_max = 0;

    void add(std::vector<recorded_event> page) {
        std::size_t bytes = 0;
        for (const auto& event : page) bytes += event.message.payload.size();
        ++count;
        bytes_max = std::max(bytes_max, bytes);
        std::ranges::move(page, std::back_inserter(events));
    }
};

pages read_stream(contract_store& c, const stream_id& of, std::size_t limit) {
    pages found;
    for (auto is_more = true; is_more;) {
        const auto after = found.events.empty() ? version{} : found.events.back().version;
        auto page = c.read(of, after, limit);
        is_more = is_full_page(page, limit);
        found.add(std::move(page));
    }
    return found;
}

pages read_log(contract_store& c, const std::string& category, std::size_t limit) {
    pages found;
    position seen;
    for (auto is_more = true; is_more;) {
        auto page = category.empty() ? *run(c.store().read_all(seen, limit))
                                     : *run(c.store().read_category(category, seen, limit));
        is_more = is_full_page(page.events, limit);
        if (is_more) CHECK(page.seen == page.events.back().position);
        CHECK(page.seen <= page.horizon);
        seen = page.seen;
        found.add(std::move(page.events));
    }
    CHECK(seen == run(c.store().status())->last_position);
    return found;
}

/// Events of these sizes, each of another letter.
append_request sized(const stream_id& stream, const std::vector<std::size_t>& sizes) {
    auto made = request(stream, any, 0);
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        made.events.push_back(
            event("a.b.v1", std::string(sizes[i], static_cast<char>('a' + i % 26))));
    }
    return made;
}

/// The payloads are those that were sent, in their order.
void check_payloads(const std::vector<recorded_event>& read, const append_request& sent) {
    REQUIRE(read.size() == sent.events.size());
    for (std::size_t i = 0; i < read.size(); ++i) {
        CHECK(read[i].id == sent.events[i].id);
        CHECK(std::ranges::equal(read[i].message.payload, sent.events[i].message.payload));
    }
}

}  // namespace

TEST_CASE("pages: full with the event that brings them to 4 MiB, and complete together") {
    for_each_backend([](contract_store& c) {
        constexpr auto most = event_bytes_max;
        constexpr auto rest = page_bytes_max - 4 * most - 1 - 4097 - 1;
        const auto ada = sized(account("ada"), {most, 1, most, 4097, most, rest, most, 7, most});
        const auto bob =
            sized(stream_id{"order", "bob"}, {9, most, most, most, most, most, 5000, 3});
        c.commit(ada);
        c.commit(bob);
        c.commit(request(account("eve"), any, 3));
        const auto first = c.read(account("ada"), {}, 100);
        CHECK(first.size() == 8);  // seven payloads are one byte short of 4 MiB
        CHECK(is_full_page(first, 100));
        check_payloads(read_stream(c, account("ada"), 100).events, ada);
        check_payloads(read_stream(c, account("ada"), 2).events, ada);
        const auto category = read_log(c, "order", 100);
        CHECK(category.count == 2);
        CHECK(category.bytes_max == 9 + 5 * most);
        check_payloads(category.events, bob);
        const auto all = read_log(c, {}, 100);
        CHECK(all.events.size() == 20);
        CHECK(all.bytes_max < page_bytes_max + most);
        CHECK(read_log(c, {}, 3).events == all.events);
    });
}

TEST_CASE("pages: of many short events are bounded by bytes too") {
    for_each_backend([](contract_store& c) {
        constexpr std::size_t each = 4096;
        constexpr auto whole = page_bytes_max / each;
        const auto sent = sized(account("ada"), std::vector<std::size_t>(whole + 30, each));
        c.commit(sent);
        CHECK(c.read(account("ada"), {}, whole - 1).size() == whole - 1);
        CHECK(c.read(account("ada"), {}, 100'000).size() == whole);
        const auto stream = read_stream(c, account("ada"), 100'000);
        CHECK(stream.count == 2);
        check_payloads(stream.events, sent);
        const auto all = read_log(c, {}, 100'000);
        CHECK(all.count == 2);
        CHECK(all.events == stream.events);
        CHECK(read_log(c, "account", 100'000).events == all.events);
    });
}

TEST_CASE("status: names the log and how long it is") {
    for_each_backend([](contract_store& c) {
        const auto before = *run(c.store().status());
        CHECK(!before.incarnation.is_none());
        CHECK(before.last_position == position{});
        CHECK(!before.kind.empty());
        CHECK(!before.location.empty());
        const auto last = c.commit(request(account("ada"), none, 3)).position;
        const auto after = *run(c.store().status());
        CHECK(after.incarnation == before.incarnation);
        CHECK(after.last_position == last);
        CHECK(after.streams == 1);
    });
}

TEST_CASE("limits: what cannot be stored is refused before anything is") {
    for_each_backend([](contract_store& c) {
        auto huge = request(account("ada"), none, 0);
        huge.events = {event("a.b.v1", std::string(event_bytes_max + 1, 'x'))};
        CHECK(error_of(c.append(huge)) == errc::too_large);
        huge.events[0].message.payload.pop_back();
        c.commit(huge);
        CHECK(c.read(account("ada")).at(0).message.payload.size() == event_bytes_max);

        CHECK(error_of(c.append(request(stream_id{}, any))) == errc::invalid_argument);
        CHECK(error_of(c.append(request(stream_id{"a-b", "c"}, any))) == errc::invalid_argument);
        auto twice = request(account("eve"), any);
        twice.events.push_back(twice.events[0]);
        CHECK(error_of(c.append(twice)) == errc::invalid_argument);
        auto unnamed = request(account("eve"), any);
        unnamed.events[0].id = {};
        CHECK(error_of(c.append(unnamed)) == errc::invalid_argument);
        CHECK(error_of(c.append(effects({effect("", 1, {1})}))) == errc::invalid_argument);
        CHECK(error_of(c.append(effects({effect("", 1, {2})}))) == errc::invalid_argument);
        CHECK(c.read(account("eve")).empty());

        const std::vector<append_request> many(batch_requests_max + 1);
        const auto outcomes = c.append_all(many);
        CHECK(std::ranges::all_of(outcomes, [](const auto& o) {
            return std::holds_alternative<error>(o) && std::get<error>(o).code() == errc::too_large;
        }));
    });
}

TEST_CASE("on_commit: wakes after a commit, until its token ends") {
    for_each_backend([](contract_store& c) {
        std::atomic<int> wakes{0};
        auto token = c.store().on_commit([&wakes] { ++wakes; });
        c.commit(request(account("ada"), none));
        CHECK(wakes >= 1);
        get_or_fail<append_conflict>(c.append(request(account("ada"), none)));
        token.reset();
        const auto before = wakes.load();
        c.commit(request(account("ada"), any));
        CHECK(wakes == before);
    });
}

TEST_CASE("append: writers on one stream from many threads have one winner per version") {
    for_each_backend([](contract_store& c) {
        constexpr auto writers = 4;
        constexpr auto rounds = 50;
        std::atomic<int> won{0};
        std::atomic<int> lost{0};
        std::atomic<int> other{0};
        const auto write = [&] {
            for (std::uint64_t v = 0; v < rounds; ++v) {
                auto sent = std::make_shared<const std::vector<append_request>>(
                    1, request(account("hot"), expected_version::exactly(version{v})));
                const auto outcome = run(c.store().append(sent)).at(0);
                if (std::holds_alternative<append_committed>(outcome)) {
                    ++won;
                } else if (std::holds_alternative<append_conflict>(outcome)) {
                    ++lost;
                } else {
                    ++other;
                }
            }
        };
        std::vector<std::thread> threads;
        for (auto i = 0; i < writers; ++i) threads.emplace_back(write);
        for (auto& thread : threads) thread.join();
        CHECK(won == rounds);
        CHECK(lost == writers * rounds - rounds);
        CHECK(other == 0);
        CHECK(c.read(account("hot")).size() == rounds);
    });
}

TEST_CASE("answers: one command id sent by many threads at once is carried out once") {
    for_each_backend([](contract_store& c) {
        std::atomic<int> committed{0};
        std::atomic<int> answered{0};
        const auto send = [&] {
            for (auto i = 0; i < 50; ++i) {
                auto sent = std::make_shared<const std::vector<append_request>>(
                    1, command(account("ada"), any, "c" + std::to_string(i)));
                const auto outcome = run(c.store().append(sent)).at(0);
                committed += std::holds_alternative<append_committed>(outcome) ? 1 : 0;
                answered += std::holds_alternative<append_answered>(outcome) ? 1 : 0;
            }
        };
        std::vector<std::thread> threads;
        for (auto i = 0; i < 4; ++i) threads.emplace_back(send);
        for (auto& thread : threads) thread.join();
        CHECK(committed == 50);
        CHECK(answered == 150);
        CHECK(c.read(account("ada")).size() == 50);
    });
}

}  // namespace tidemark::testing
