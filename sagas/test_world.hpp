#pragma once

#include "tidemark/async/simulated_execution.hpp"
#include "tidemark/codec/json_codec.hpp"
#include "tidemark/eventstore/memory_event_store.hpp"
#include "tidemark/runtime/runtime.hpp"
#include "tidemark/runtime/test_aggregates.hpp"
#include "tidemark/sagas/saga_events.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

/// One simulated process over a store that survives it and can be made to fail.
namespace saga_test {

/// A memory store that turns some appends away, or stores them and does not say so. Notes where
/// the sagas stand.
class faulty_storage final : public tidemark::memory_storage {
  public:
    using memory_storage::memory_storage;

    /// Turned away as `unavailable`.
    std::function<bool(const tidemark::append_request&)> is_blocked;
    /// Stored, and answered `unknown_outcome`.
    std::function<bool(const tidemark::append_request&)> is_lost;
    std::map<std::string, tidemark::saga_phase> phases;
    std::size_t lost = 0;

    tidemark::awaitable<std::vector<tidemark::append_outcome>> append(
        tidemark::append_batch batch) override {
        auto passed = std::make_shared<std::vector<tidemark::append_request>>();
        std::vector<bool> blocked;
        for (const auto& one : *batch) {
            blocked.push_back(is_blocked && is_blocked(one));
            if (!blocked.back()) passed->push_back(one);
        }
        auto outcomes = co_await memory_storage::append(passed);
        std::vector<tidemark::append_outcome> out;
        auto next = outcomes.begin();
        for (std::size_t i = 0; i < batch->size(); ++i) {
            const auto& one = (*batch)[i];
            if (blocked[i]) {
                out.push_back(tidemark::error{tidemark::errc::unavailable, "turned away"});
                continue;
            }
            note(one, *next);
            if (is_lost && is_lost(one)) {
                ++lost;
                *next = tidemark::error{tidemark::errc::unknown_outcome, "not said"};
            }
            out.push_back(std::move(*next++));
        }
        co_return out;
    }

  private:
    void note(const tidemark::append_request& sent, const tidemark::append_outcome& became) {
        if (!std::holds_alternative<tidemark::append_committed>(became)) return;
        for (const auto& event : sent.events) {
            if (event.message.name == tidemark::stored_name<tidemark::saga_input>()) {
                phases.try_emplace(sent.stream.text(), tidemark::saga_phase::running);
            }
            if (event.message.name != tidemark::stored_name<tidemark::saga_status>()) continue;
            auto status = tidemark::decode<tidemark::saga_status>(event.message.payload);
            phases[sent.stream.text()] = status.value().state;
        }
    }
};

/// The append hands an input of this stored name to a saga.
inline bool hands_over(const tidemark::append_request& sent, std::string_view input) {
    for (const auto& event : sent.events) {
        if (event.message.name != tidemark::stored_name<tidemark::saga_input>()) continue;
        auto heard = tidemark::decode<tidemark::saga_input>(event.message.payload);
        if (heard && heard->name == input) return true;
    }
    return false;
}

class world {
  public:
    explicit world(std::function<void(tidemark::runtime&)> wire, std::uint64_t seed = 11)
        : wire_{std::move(wire)}, bits_{tidemark::simulation_options{.seed = seed}} {
        boot();
    }
    ~world() { crash(); }

    void boot() {
        process = std::make_unique<tidemark::simulated_execution>(bits_, 2);
        runtime = std::make_unique<tidemark::runtime>(*process, events, bus_);
        wire_(*runtime);
        runtime->start();
    }
    void crash() {
        process->kill();
        runtime.reset();
        process.reset();
    }

    template <class A, class Command, class... Fields>
    tidemark::outcome call(const tidemark::id<A>& to, Fields... fields) {
        return call_as<A, Command>(tidemark::call{}, to, fields...);
    }
    template <class A, class Command, class... Fields>
    tidemark::outcome call_as(tidemark::call how, const tidemark::id<A>& to, Fields... fields) {
        auto live = runtime->template store<A>();
        return run(*process, live.template execute<Command>(std::move(how), to, fields...));
    }
    void pass(tidemark::duration span) { bits_.run_for(span); }
    /// Until the saga stands there; false if it does not within ten minutes.
    bool comes_to(const tidemark::stream_id& saga, tidemark::saga_phase phase) {
        return until([this, saga, phase] {
            const auto found = events.phases.find(saga.text());
            return found != events.phases.end() && found->second == phase;
        });
    }
    bool until(const std::function<bool()>& holds) {
        return bits_.run_until(holds, std::chrono::minutes{10}) == tidemark::run_end::reached;
    }
    std::vector<tidemark::recorded_event> read(const tidemark::stream_id& of) {
        auto page = run(outlasting_, events.read(of, tidemark::version{}, 1000));
        if (!page) throw std::runtime_error{page.error().message()};
        return *page;
    }
    /// Everything of one kind that a saga has stored.
    template <class Event>
    std::vector<Event> stored(const tidemark::stream_id& of) {
        std::vector<Event> out;
        for (const auto& event : read(of)) {
            if (event.message.name != tidemark::stored_name<Event>()) continue;
            out.push_back(tidemark::decode<Event>(event.message.payload).value());
        }
        return out;
    }
    std::size_t pending(const tidemark::stream_id& of) {
        auto page = run(outlasting_, events.pending(of));
        return page.value().size();
    }
    tidemark::simulated_execution& outside() { return outlasting_; }
    tidemark::simulated_scheduler& scheduler() { return bits_; }

  private:
    std::function<void(tidemark::runtime&)> wire_;
    tidemark::simulated_scheduler bits_;
    tidemark::simulated_execution outlasting_{bits_};
    store_test::unused_bus bus_;

  public:
    faulty_storage events{outlasting_.clock()};
    std::unique_ptr<tidemark::simulated_execution> process;
    std::unique_ptr<tidemark::runtime> runtime;
};

}  // namespace saga_test
