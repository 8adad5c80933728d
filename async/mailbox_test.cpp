#include "tidemark/async/mailbox.hpp"

#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/async/simulated_execution.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <thread>
#include <vector>

using namespace tidemark;

namespace {

awaitable<std::vector<int>> drain(mailbox<int>& box) {
    std::vector<int> got;
    for (;;) {
        const auto next = co_await box.pop();
        if (!next) co_return got;
        got.push_back(*next);
    }
}

}  // namespace

TEST_CASE("mailbox: messages come out in the order they went in") {
    simulated_scheduler world;
    simulated_execution on{world};
    mailbox<int> box{8};
    for (auto i = 1; i <= 3; ++i) CHECK(box.try_push(int{i}));
    box.close();
    CHECK(run(on, drain(box)) == std::vector{1, 2, 3});
}

TEST_CASE("mailbox: full is an answer, and the message stays with the caller") {
    mailbox<std::unique_ptr<int>> box{1};
    auto first = std::make_unique<int>(1);
    auto second = std::make_unique<int>(2);
    CHECK(box.try_push(std::move(first)));
    CHECK_FALSE(box.try_push(std::move(second)));
    CHECK(second != nullptr);
    CHECK(**box.try_pop() == 1);
    CHECK(box.try_push(std::move(second)));
}

TEST_CASE("mailbox: a closed one takes nothing and gives what is left") {
    mailbox<int> box{4};
    CHECK(box.try_push(7));
    box.close();
    CHECK(box.is_closed());
    CHECK_FALSE(box.try_push(8));
    CHECK(box.size() == 1);
    CHECK(box.try_pop() == 7);
    CHECK(box.try_pop() == std::nullopt);
}

TEST_CASE("mailbox: close ends a pop that waits") {
    simulated_scheduler world;
    simulated_execution on{world};
    mailbox<int> box{4};
    world.set_alarm(std::chrono::seconds{1}, [&box] { box.close(); });
    CHECK(run(on, drain(box)).empty());
}

TEST_CASE("mailbox: pushes from many threads arrive all, each thread's in order") {
    constexpr auto threads = 3;
    constexpr auto each = 20'000;
    io shards{{.shards = 1}};
    mailbox<int> box{64};
    std::vector<std::thread> pushers;
    for (auto t = 0; t < threads; ++t) {
        pushers.emplace_back([&box, t] {
            for (auto i = 0; i < each; ++i) {
                while (!box.try_push(t * each + i)) std::this_thread::yield();
            }
        });
    }
    std::thread closer{[&] {
        for (auto& pusher : pushers) pusher.join();
        box.close();
    }};
    const auto got = run(shards, drain(box));
    closer.join();
    REQUIRE(got.size() == threads * each);
    std::vector<int> next(threads, 0);
    auto in_order = true;
    for (const auto value : got) {
        auto& expected = next[static_cast<std::size_t>(value / each)];
        in_order = in_order && value % each == expected++;
    }
    CHECK(in_order);
}
