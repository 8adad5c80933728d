#pragma once

#include "tidemark/async/executor.hpp"
#include "tidemark/eventbus/bus_consumer.hpp"
#include "tidemark/eventbus/relay.hpp"
#include "tidemark/eventstore/storage.hpp"
#include "tidemark/observability/catalog.hpp"
#include "tidemark/runtime/answer_pruner.hpp"
#include "tidemark/runtime/bus_caller.hpp"
#include "tidemark/runtime/command_router.hpp"
#include "tidemark/runtime/command_server.hpp"
#include "tidemark/runtime/consumed_by.hpp"
#include "tidemark/runtime/effect_runner.hpp"
#include "tidemark/runtime/projection_runner.hpp"
#include "tidemark/runtime/projection_type_of.hpp"
#include "tidemark/runtime/shard_runtime.hpp"
#include "tidemark/runtime/store.hpp"

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tidemark {

/// Owns the live streams, the effect runners, the projections and the relays of one process on an
/// event store and a bus. Register everything, then `start`; `drain` before destruction. Everything
/// it is given outlives it. Registration is not thread-safe; the rest is usable from any executor.
class runtime final : public command_router {
  public:
    runtime(execution& ex, storage& events, event_bus& bus, runtime_options options = {},
            metrics_registry* registry = nullptr);
    ~runtime() override;
    runtime(const runtime&) = delete;
    runtime& operator=(const runtime&) = delete;

    /// Registers an aggregate or a saga and returns its store; again for a registered one: the
    /// store alone. Two types of one category, or a stored name used by two types, throw
    /// `std::logic_error`.
    template <class A>
    tidemark::store<A> store(store_options options = {}) {
        if (type_of(A::category) == nullptr) {
            add_store(std::make_unique<typename stream_type_of<A>::type>(), options);
        }
        return tidemark::store<A>{*this};
    }

    /// Registers a projection.
    template <projection P>
    void project(projection_options options = {}) {
        add_projection(std::make_unique<projection_type_of<P>>(), options);
    }

    /// Registers the performer of a request: `awaitable<Answer>(Request)` or
    /// `awaitable<Answer>(Request, request_context)`, where `Answer` is a message, a variant of
    /// messages, a `result` of either, or void (no answer).
    template <class Request, class Performer>
    void perform(Performer performer);

    /// Publishes every event of the log (by default all but the machinery's own) to a topic.
    void relay(relay_options options);

    /// Takes the events of a topic in by `P`, as if it were a projection of the other service's
    /// log: each event once, in the order of its stream, rows and place in one transaction. Events
    /// that none of the sources has are passed over. Give `options` a topic.
    template <projection P>
    void consume(consumer_options options) {
        options.name = P::name;
        options.apply = consumed_by(std::make_shared<projection_type_of<P>>());
        add_consumer(std::move(options));
    }

    /// Carries out the commands that arrive on a topic, on the aggregates registered here, and
    /// publishes what became of them. Give `options` a topic.
    void serve(command_server_options options);
    /// Orders something of another service's aggregates, by the topic that it serves. Give
    /// `options` both topics; two callers of one topic throw `std::logic_error`. Lives as long as
    /// the runtime.
    bus_caller& call_over(bus_caller_options options);

    // The type-erased halves of the above.
    void add_consumer(consumer_options options);
    void add_store(std::unique_ptr<stream_type> type, store_options options);
    void add_projection(std::unique_ptr<projection_type> type, projection_options options);
    void add_performer(std::string request, erased_performer performer);

    void start();
    /// Takes no new commands, lets what is in flight end for at most `options.drain`, then stops
    /// projections and relays. Says what was drained.
    struct drained {
        /// False: the time was up before everything had ended; what is left goes on after a
        /// restart.
        bool is_complete = true;
        std::uint64_t commands = 0;
        std::uint64_t effects = 0;
        /// What had not ended when the time was up: commands and effects together, and each.
        std::uint64_t unfinished = 0;
        std::uint64_t unfinished_commands = 0;
        std::uint64_t unfinished_effects = 0;
        duration took{};
    };
    [[nodiscard]] awaitable<drained> drain();
    /// Unwinds the callers that still wait, without an answer: the process is dead. Nothing may
    /// run on its execution any more. The destructor does it, too; a simulation does it first, so
    /// that what is unwound is gone before the gates it stands in.
    void abandon();

    [[nodiscard]] const stream_type* type_of(std::string_view category) const override;
    [[nodiscard]] const erased_performer* performer_of(std::string_view name) const override;
    [[nodiscard]] awaitable<command_result> deliver(stream_id to, envelope_ptr envelope) override;

    /// Runs a command for a caller.
    [[nodiscard]] awaitable<outcome> call_stream(stream_id to, std::unique_ptr<any_command> command,
                                                 call how);
    /// What became of the command that was called `once` with this key, or `known_as` the id whose
    /// text this is; nothing while it is undecided.
    [[nodiscard]] awaitable<result<std::optional<answer>>> find_answer(std::string scope,
                                                                       std::string id);
    /// Folds a stream at a version from the log, past the live instance: JSON of the state.
    struct state_at {
        tidemark::version version;
        std::string name;
        std::string state;
    };
    [[nodiscard]] awaitable<result<state_at>> state_of(stream_id stream, std::optional<version> at);
    /// True once the named projection has seen `at`, false after `span`; `not_found` for a name
    /// that is not registered.
    [[nodiscard]] awaitable<result<bool>> wait_for(std::string projection, position at,
                                                   duration span);

    // For operators.
    [[nodiscard]] std::vector<const stream_type*> types() const;
    [[nodiscard]] std::vector<projection_status> projections() const;
    /// What was registered, for replays beside; lives as long as the runtime.
    struct registered_projection {
        const projection_type* type = nullptr;
        projection_options options;
    };
    [[nodiscard]] std::vector<registered_projection> registered_projections() const;
    [[nodiscard]] result<void> rebuild(std::string_view projection);
    /// Pauses or resumes a projection, here and, within its `poll`, in every process that serves
    /// this store, until somebody says otherwise; who and why are kept. `not_found` if none of that
    /// name is registered or kept.
    [[nodiscard]] awaitable<result<void>> set_paused(std::string projection, bool is_paused,
                                                     audit_entry who);
    [[nodiscard]] std::vector<relay_status> relays() const;
    [[nodiscard]] std::vector<consumer_status> consumers() const;
    [[nodiscard]] std::vector<command_server_status> servers() const;
    [[nodiscard]] std::vector<bus_caller_status> callers() const;
    /// Who asks over this topic; null if nobody does. Lives as long as the runtime.
    [[nodiscard]] bus_caller* caller(std::string_view topic) const;
    /// A consumer by its name, for orders to it; null if there is none. Lives as long as the
    /// runtime.
    [[nodiscard]] bus_consumer* consumer(std::string_view name) const;
    struct live_streams {
        std::size_t count = 0;
        std::size_t bytes = 0;
        std::vector<shard_runtime::quarantined_stream> quarantined;
        /// Commands in mailboxes, by category; every registered one is there.
        std::map<std::string, std::size_t, std::less<>> waiting;
    };
    [[nodiscard]] awaitable<live_streams> live();
    [[nodiscard]] const runtime_totals& totals() const { return totals_; }
    [[nodiscard]] bool is_draining() const { return is_draining_; }
    [[nodiscard]] storage& events() { return events_; }
    [[nodiscard]] event_bus& bus() { return bus_; }
    [[nodiscard]] execution& world() { return execution_; }
    [[nodiscard]] const runtime_options& options() const { return options_; }
    [[nodiscard]] const runtime_metrics& metrics() const { return metrics_; }
    /// Effects that wait, run or are parked may be due again: look now.
    void wake_effects();

  private:
    struct registered {
        std::unique_ptr<stream_type> type;
        snapshot_policy snapshots;
    };
    [[nodiscard]] std::size_t shard_of(const stream_id& stream) const;
    /// Until nothing is under way, or `until`; says in `out` what is then left.
    [[nodiscard]] awaitable<void> wait_until_idle(duration until, drained& out);
    [[nodiscard]] awaitable<void> close_shards();
    [[nodiscard]] awaitable<void> on_shard(std::size_t index, std::function<void()> work);

    execution& execution_;
    storage& events_;
    event_bus& bus_;
    runtime_options options_;
    runtime_metrics metrics_;
    runtime_totals totals_;
    std::map<std::string, registered, std::less<>> stores_;
    std::map<std::string, std::string, std::less<>> names_;
    std::map<std::string, erased_performer, std::less<>> performers_;
    std::vector<std::unique_ptr<shard_runtime>> shards_;
    std::vector<std::unique_ptr<effect_runner>> runners_;
    std::vector<std::unique_ptr<projection_runner>> projections_;
    std::vector<std::unique_ptr<tidemark::relay>> relays_;
    std::vector<std::unique_ptr<bus_consumer>> consumers_;
    std::vector<std::unique_ptr<command_server>> servers_;
    std::vector<std::unique_ptr<bus_caller>> callers_;
    answer_pruner pruner_;
    std::atomic<bool> is_draining_{false};
    bool is_started_ = false;
};

namespace detail {

template <class T>
result<std::optional<encoded_message>> encoded_answer(result<T> answered) {
    if (!answered) return answered.error();
    auto encoded = try_encode(*answered);
    if (!encoded) return encoded.error();
    return std::optional<encoded_message>{std::move(*encoded)};
}

template <class T>
result<std::optional<encoded_message>> encoded_answer(T answered) {
    auto encoded = try_encode(answered);
    if (!encoded) return encoded.error();
    return std::optional<encoded_message>{std::move(*encoded)};
}

template <class Request, class Performer>
awaitable<result<std::optional<encoded_message>>> run_performer(
    std::shared_ptr<Performer> performer, Request request, request_context context) {
    constexpr bool takes_context = requires { (*performer)(request, context); };
    if constexpr (takes_context) {
        using work = decltype((*performer)(std::move(request), std::move(context)));
        if constexpr (std::is_void_v<typename work::value_type>) {
            co_await (*performer)(std::move(request), std::move(context));
            co_return std::optional<encoded_message>{};
        } else {
            auto answered = co_await (*performer)(std::move(request), std::move(context));
            co_return encoded_answer(std::move(answered));
        }
    } else {
        using work = decltype((*performer)(std::move(request)));
        if constexpr (std::is_void_v<typename work::value_type>) {
            co_await (*performer)(std::move(request));
            co_return std::optional<encoded_message>{};
        } else {
            auto answered = co_await (*performer)(std::move(request));
            co_return encoded_answer(std::move(answered));
        }
    }
}

template <class Request, class Performer>
awaitable<result<std::optional<encoded_message>>> decode_and_perform(
    std::shared_ptr<Performer> performer, encoded_message stored, request_context context) {
    auto request = decode<Request>(stored.payload);
    if (!request) co_return request.error();
    co_return co_await run_performer<Request>(std::move(performer), std::move(*request),
                                              std::move(context));
}

}  // namespace detail

template <class Request, class Performer>
void runtime::perform(Performer performer) {
    auto shared = std::make_shared<Performer>(std::move(performer));
    add_performer(
        std::string{stored_name<Request>()},
        [shared](encoded_message stored,
                 request_context context) -> awaitable<result<std::optional<encoded_message>>> {
            return detail::decode_and_perform<Request>(shared, std::move(stored),
                                                       std::move(context));
        });
}

}  // namespace tidemark
