#include "tidemark/eventstore/contract.hpp"
#include "tidemark/eventstore/sqlite_event_store.hpp"
#include "tidemark/eventstore/temporary_folder.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <set>

namespace tidemark::testing {
namespace {

/// The i-th append of a run; the same one whoever makes it.
append_request numbered(std::uint32_t i) {
    auto made = request(account(std::to_string(i % 5)), expected_version::any(), 0);
    for (const auto* part : {"a", "b"}) {
        auto added = event();
        added.id = message_id::derive({"kill", std::to_string(i), part});
        made.events.push_back(added);
    }
    made.command = command_record{.scope = "caller", .id = std::to_string(i), .payload_hash = i};
    return made;
}

append_outcome send(storage& store, std::uint32_t i) {
    auto batch = std::make_shared<const std::vector<append_request>>(1, numbered(i));
    return run(store.append(std::move(batch))).at(0);
}

/// In the child: appends from `first` on for ever and reports each committed number.
[[noreturn]] void write_until_killed(const std::string& path, std::uint32_t first, int report) {
    manual_clock time;
    const auto store = sqlite_storage::open(time, {.path = path});
    if (!store) ::_exit(1);
    for (auto i = first;; ++i) {
        if (!std::holds_alternative<append_committed>(send(**store, i))) ::_exit(2);
        if (::write(report, &i, sizeof i) != sizeof i) ::_exit(3);
    }
}

/// Runs a child until it has reported `count` appends, kills it, and answers all it reported.
std::set<std::uint32_t> kill_after(const std::string& path, std::uint32_t first,
                                   std::size_t count) {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    const auto child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        ::close(ends[0]);
        write_until_killed(path, first, ends[1]);
    }
    ::close(ends[1]);
    std::set<std::uint32_t> reported;
    std::uint32_t number = 0;
    while (::read(ends[0], &number, sizeof number) == sizeof number) {
        reported.insert(number);
        if (reported.size() == count) ::kill(child, SIGKILL);
    }
    ::close(ends[0]);
    auto status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    return reported;
}

}  // namespace

TEST_CASE("sqlite: what was acknowledged before kill -9 is there after it, exactly once") {
    const temporary_folder folder;
    const auto path = folder.file("tidemark.db");
    std::set<std::uint32_t> acknowledged;
    std::uint32_t first = 0;
    for (const std::size_t count : {1, 3, 17, 40, 5, 90}) {
        const auto reported = kill_after(path, first, count);
        CHECK(reported.size() >= count);
        acknowledged.insert(reported.begin(), reported.end());
        manual_clock time;
        const auto store = sqlite_storage::open(time, {.path = path}).value();
        REQUIRE(run(store->verify()));
        // The one under way may be stored or not; sent again it is stored once.
        const auto next = *acknowledged.rbegin() + 1;
        get_or_fail<append_committed>(send(*store, next));
        acknowledged.insert(next);
        std::multiset<message_id> stored;
        const auto page = run(store->read_all(position{}, 1'000'000)).value();
        for (const auto& event : page.events) {
            stored.insert(event.id);
        }
        CHECK(stored.size() == 2 * acknowledged.size());
        for (const auto number : acknowledged) {
            for (const auto& event : numbered(number).events) CHECK(stored.count(event.id) == 1);
            CHECK(run(store->find_answer("caller", std::to_string(number)))->has_value());
        }
        first = next + 1;
    }
}

}  // namespace tidemark::testing
