#pragma once

#include "tidemark/core/any_message.hpp"
#include "tidemark/runtime/projection_type_of.hpp"
#include "tidemark/testing/judges.hpp"
#include "tidemark/testing/seeds.hpp"
#include "tidemark/testing/simulated_client.hpp"
#include "tidemark/testing/simulated_cluster.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace tidemark::testing {

/// A simulated world did not keep a promise. The message names the judge, what is wrong, and how to
/// play it again.
class simulation_failure : public std::runtime_error {
  public:
    simulation_failure(violation wrong, std::uint64_t seed);
    /// Who found it: "answers", "versions", "decisions", "projections", "sagas", "deliveries",
    /// "rest" or a name
    /// given to `require`.
    [[nodiscard]] const std::string& judge() const { return judge_; }
    [[nodiscard]] std::uint64_t seed() const { return seed_; }

  private:
    std::string judge_;
    std::uint64_t seed_;
};

template <class A>
class simulated_store;

/// A small world in one thread: processes with your stores, sagas and projections, one database,
/// callers, and a storm of crashes, pauses, lost messages and duplicates, all drawn from one seed,
/// on virtual time. The same seed gives the same history, bit for bit.
///
/// Register with `store`, `project` and `wire`, begin commands, then `run_until_idle`: the storm
/// rages while commands begin, then everything heals and must come to rest, then the judges look
/// at the log. Whatever they find is thrown as a `simulation_failure`. Not thread-safe.
class simulation {
  public:
    explicit simulation(std::uint64_t seed, simulation_settings settings = {});
    simulation(const simulation&) = delete;
    simulation& operator=(const simulation&) = delete;
    ~simulation();

    /// Registers an aggregate or a saga in every process. Before the first command; again: the
    /// handle alone. Throws `std::logic_error` when the processes already run.
    template <class A>
    simulated_store<A> store(store_options options = {}) {
        if (!types_.streams.contains(A::category)) {
            wire([options](tidemark::runtime& runtime) { runtime.store<A>(options); });
            types_.streams.emplace(A::category,
                                   std::make_unique<typename stream_type_of<A>::type>());
        }
        return simulated_store<A>{*this};
    }
    /// Registers a projection; at rest it must equal the fold of the log.
    template <projection P>
    void project(projection_options options = {}) {
        wire([options](tidemark::runtime& runtime) { runtime.project<P>(options); });
        types_.projections.push_back(std::make_unique<projection_type_of<P>>());
    }
    /// Every process relays the log to a topic of the simulated bus; at rest every event has
    /// arrived, in order.
    void relay(relay_options options);
    /// Anything else a process registers when it starts: performers, say.
    void wire(process_wiring wiring);

    /// Random numbers for the workload, from the world's seed.
    [[nodiscard]] random_source& random() { return random_; }
    [[nodiscard]] std::uint64_t seed() const { return scheduler_.seed(); }

    /// Lets virtual time pass, with the storm raging.
    void run_for(duration span);
    /// The storm, until every command has begun; then peace, until nothing is left to do; then the
    /// judges. Can be called again after more commands.
    void run_until_idle();
    /// A judge of your own: throws a `simulation_failure` unless `holds`.
    void require(bool holds, const std::string& judge, const std::string& text) const;

    /// The same for the same seed and program.
    [[nodiscard]] std::uint64_t fingerprint() const { return scheduler_.fingerprint(); }
    [[nodiscard]] const simulated_cluster::counts& hardships() const { return cluster_.seen(); }
    [[nodiscard]] const std::deque<simulated_operation>& operations() const {
        return client_.operations();
    }
    [[nodiscard]] simulated_bus& bus() { return cluster_.bus(); }
    [[nodiscard]] simulated_scheduler& scheduler() { return scheduler_; }
    [[nodiscard]] simulated_database& database() { return database_; }
    [[nodiscard]] const simulated_database& database() const { return database_; }

    /// Begins a command at a drawn moment within `delay_max`.
    const simulated_operation& begin(stream_id stream,
                                     std::function<std::unique_ptr<any_command>()> command);
    /// Runs the world until a command is decided; `simulation_failure` if it never is.
    outcome execute(stream_id stream, std::function<std::unique_ptr<any_command>()> command);
    /// Folds a stream from the log.
    [[nodiscard]] std::unique_ptr<any_state> fold(const stream_id& stream) const;

  private:
    void boot();
    void storm_begins();
    [[nodiscard]] std::optional<std::string> unrest();
    void replay_dead_letters();
    void judge();

    simulated_scheduler scheduler_;
    simulated_database database_;
    simulated_cluster cluster_;
    simulated_client client_;
    random_source random_;
    judged_types types_;
    bool is_storming_ = false;
};

/// What a test holds of one aggregate or saga type in a simulated world.
template <class A>
class simulated_store {
  public:
    using command = inbox_of<A>;

    explicit simulated_store(simulation& world) : world_{&world} {}

    /// Begins a command at a drawn moment; it is decided once `run_until_idle` has returned.
    template <class Command, class... Fields>
    const simulated_operation& start(const id<A>& to, Fields&&... fields) const {
        return start(to, command{make_message<Command>(std::forward<Fields>(fields)...)});
    }
    const simulated_operation& start(const id<A>& to, command given) const {
        return world_->begin(to.stream(), maker(std::move(given)));
    }
    /// Runs the world until the command is decided.
    template <class Command, class... Fields>
    outcome execute(const id<A>& to, Fields&&... fields) const {
        return execute(to, command{make_message<Command>(std::forward<Fields>(fields)...)});
    }
    outcome execute(const id<A>& to, command given) const {
        return world_->execute(to.stream(), maker(std::move(given)));
    }

    /// Folded from the log, not asked from a process.
    [[nodiscard]] typename A::state state_of(const id<A>& of) const
        requires looks_like_an_aggregate<A>
    {
        const auto folded = world_->fold(of.stream());
        return static_cast<const typed_state<typename A::state>&>(*folded).value;
    }
    /// Every instance that has events.
    [[nodiscard]] std::vector<id<A>> streams() const {
        std::vector<id<A>> all;
        const auto prefix = std::string{A::category} + "-";
        for (const auto& stream : streams_of(world_->database(), prefix)) {
            all.push_back(id<A>{std::string{stream.id()}});
        }
        return all;
    }
    /// The events of one instance, decoded; throws what cannot be decoded.
    template <class Aggregate = A>
        requires looks_like_an_aggregate<Aggregate>
    [[nodiscard]] std::vector<typename Aggregate::event> events_of(const id<A>& of) const {
        using event = typename Aggregate::event;
        std::vector<event> all;
        for (const auto& stored : testing::events_of(world_->database(), of.stream())) {
            const auto& message = stored.message;
            all.push_back(decode_current<event, A>(message.name, message.payload).value());
        }
        return all;
    }

  private:
    static std::function<std::unique_ptr<any_command>()> maker(command given) {
        return [given = std::move(given)] { return stream_type_of<A>::command_of(given); };
    }

    simulation* world_;
};

}  // namespace tidemark::testing
