#include "tidemark/cli/readiness.hpp"

namespace tidemark::cli {

awaitable<result<void>> ask_store(storage& events) {
    auto status = co_await events.status();
    if (!status) co_return status.error();
    co_return result<void>{};
}

awaitable<result<void>> ask_bus(const runtime& app, const event_bus& bus) {
    const auto status = bus.status();
    if (!status.connected) co_return error{errc::unavailable, status.reason};
    for (const auto& relay : app.relays()) {
        if (relay.failures != 0 || relay.phase == relay_fsm::phase::parked) {
            co_return error{errc::unavailable, "relay of \"" + relay.topic + "\": " + relay.reason};
        }
    }
    for (const auto& consumer : app.consumers()) {
        if (consumer.failures_in_row != 0 || consumer.phase == consumer_fsm::phase::parked) {
            co_return error{errc::unavailable,
                            "consumer \"" + consumer.name + "\": " + consumer.reason};
        }
    }
    for (const auto& server : app.servers()) {
        if (server.failures_in_row == 0) continue;
        co_return error{errc::unavailable,
                        "commands of \"" + server.topic + "\": " + server.reason};
    }
    for (const auto& caller : app.callers()) {
        if (caller.failures_in_row == 0) continue;
        co_return error{errc::unavailable, "replies of \"" + caller.topic + "\": " + caller.reason};
    }
    co_return result<void>{};
}

awaitable<result<void>> ask_projections(const runtime& app) {
    for (const auto& p : app.projections()) {
        if (p.state == "stopped" || p.state == "retrying") {
            co_return error{errc::unavailable, p.name + " is " + p.state + ": " + p.reason};
        }
    }
    co_return result<void>{};
}

}  // namespace tidemark::cli
