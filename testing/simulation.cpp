#include "tidemark/testing/simulation.hpp"

#include <utility>

namespace tidemark::testing {
namespace {

/// How often the world is looked at while it heals.
constexpr duration look = std::chrono::milliseconds{500};
/// A caller's command is decided within this, or something is stuck.
constexpr duration decided_within = std::chrono::minutes{30};
/// After the last command has begun.
constexpr duration storm_tail = std::chrono::seconds{20};

message_id incarnation_of(std::uint64_t seed) {
    return message_id::derive({"simulation", std::to_string(seed)});
}

std::string counted(std::uint64_t count, const char* what) {
    return std::to_string(count) + " " + what + "; ";
}

}  // namespace

simulation_failure::simulation_failure(violation wrong, std::uint64_t seed)
    : std::runtime_error{wrong.judge + ": " + wrong.text +
                         "; replay with --seed=" + std::to_string(seed)},
      judge_{std::move(wrong.judge)},
      seed_{seed} {}

simulation::simulation(std::uint64_t seed, simulation_settings settings)
    : scheduler_{{.seed = seed}},
      database_{scheduler_, incarnation_of(seed)},
      cluster_{scheduler_, database_, std::move(settings)},
      client_{scheduler_, cluster_},
      random_{scheduler_.draw_seed()} {}

simulation::~simulation() = default;

void simulation::wire(process_wiring wiring) {
    if (cluster_.is_booted()) {
        throw std::logic_error{
            "the simulated processes already run: register stores, projections and performers "
            "before the first command"};
    }
    cluster_.add_wiring(std::move(wiring));
}

void simulation::relay(relay_options options) {
    wire([options](tidemark::runtime& runtime) { runtime.relay(options); });
    types_.relays.push_back(std::move(options));
}

void simulation::boot() {
    if (!cluster_.is_booted()) cluster_.boot_all();
}

void simulation::storm_begins() {
    boot();
    if (is_storming_) return;
    is_storming_ = true;
    cluster_.begin_storm();
}

const simulated_operation& simulation::begin(
    stream_id stream, std::function<std::unique_ptr<any_command>()> command) {
    boot();
    const auto most = static_cast<std::uint64_t>(cluster_.settings().delay_max.count());
    const duration delay{static_cast<duration::rep>(random_.below(most + 1))};
    return client_.begin(std::move(stream), std::move(command), delay);
}

outcome simulation::execute(stream_id stream,
                            std::function<std::unique_ptr<any_command>()> command) {
    storm_begins();
    const auto& of = client_.begin(std::move(stream), std::move(command), duration{0});
    scheduler_.run_until([&of] { return of.is_decided(); }, decided_within);
    require(of.is_decided(), "rest", of.key + " on " + of.stream.text() + " is not decided");
    if (of.failure) return outcome{of.id(), *of.failure};
    return of.replies.front();
}

void simulation::run_for(duration span) {
    storm_begins();
    scheduler_.run_for(span);
}

void simulation::run_until_idle() {
    storm_begins();
    scheduler_.run_for(cluster_.settings().delay_max + storm_tail);
    is_storming_ = false;
    cluster_.end_storm();
    const auto until = scheduler_.elapsed() + cluster_.settings().heal_max;
    for (;;) {
        scheduler_.run_for(look);
        const auto left = unrest();
        if (!left) break;
        require(scheduler_.elapsed() < until, "rest", "not at rest: " + *left);
        replay_dead_letters();
    }
    judge();
}

/// What is still to be done; nothing if the world is at rest.
std::optional<std::string> simulation::unrest() {
    std::string left;
    for (const auto& of : client_.operations()) {
        if (of.unfinished == 0 && of.is_decided()) continue;
        left += of.key + " on " + of.stream.text() + " after " + std::to_string(of.attempts) +
                " attempts; ";
        break;
    }
    if (database_.unfinished() > 0) left += counted(database_.unfinished(), "transactions");
    const auto due = database_.log().effects().count(database_.now());
    const auto effects = due.ready + due.leased + due.waiting;
    if (effects > 0) left += counted(effects, "effects");
    if (due.timers > 0) left += counted(due.timers, "timers");
    for (const auto& letter : database_.log().effects().dead_letters({})) {
        left += "dead letter " + letter.work.effect.message.name + " of " +
                letter.work.source.text() + " (" + letter.error_message + "); ";
        break;
    }
    for (const auto& projection : types_.projections) {
        const std::string name{projection->name()};
        const auto at = database_.models().load_checkpoint(name).position;
        if (at >= database_.log().last_position()) continue;
        left += "projection " + name + " at " + std::to_string(at.value()) + " of " +
                std::to_string(database_.log().last_position().value()) + "; ";
    }
    for (const auto& relay : types_.relays) {
        const auto missing = missing_deliveries(cluster_.bus(), relay, database_);
        if (missing > 0) left += counted(missing, "events not on the bus");
    }
    if (left.empty()) return std::nullopt;
    return left;
}

/// What an operator does when the storm is over.
void simulation::replay_dead_letters() {
    auto& effects = database_.log().effects();
    for (const auto& letter : effects.dead_letters({})) {
        const auto replayed = effects.replay(letter.work.effect.id,
                                             {"simulation", "the storm is over"}, database_.now());
        require(replayed.has_value(), "rest", "a dead letter cannot be replayed");
    }
}

void simulation::judge() {
    const auto& operations = client_.operations();
    std::optional<violation> wrong = judge_answers(database_, operations);
    if (!wrong) wrong = judge_versions(database_, operations);
    if (!wrong) wrong = judge_decisions(database_, types_, operations);
    if (!wrong) wrong = judge_projections(database_, types_);
    for (const auto& relay : types_.relays) {
        if (!wrong) wrong = judge_order(cluster_.bus(), relay, database_);
    }
    if (!wrong && cluster_.settings().sagas_end) wrong = judge_sagas(database_, types_);
    if (wrong) throw simulation_failure{std::move(*wrong), seed()};
}

void simulation::require(bool holds, const std::string& judge, const std::string& text) const {
    if (!holds) throw simulation_failure{{judge, text}, seed()};
}

std::unique_ptr<any_state> simulation::fold(const stream_id& stream) const {
    const auto type = types_.streams.find(stream.category());
    if (type == types_.streams.end()) {
        throw std::logic_error{"no store of category \"" + std::string{stream.category()} +
                               "\" is registered in the simulation"};
    }
    auto state = type->second->initial_state();
    for (const auto& event : testing::events_of(database_, stream)) {
        auto evolved = type->second->evolve(*state, event);
        if (!evolved) throw std::system_error{evolved.error().code(), evolved.error().message()};
    }
    return state;
}

}  // namespace tidemark::testing
