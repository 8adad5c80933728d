#include "tidemark/testing/simulated_cluster.hpp"

#include <utility>

namespace tidemark::testing {
namespace {

/// Every seed its own weather: some things never happen, others a little or a lot.
simulation_settings drawn(simulation_settings settings, random_source& random) {
    if (!settings.swarm) return settings;
    for (auto* chance :
         {&settings.crash, &settings.crash_at_commit, &settings.pause, &settings.duplicate,
          &settings.database_crash, &settings.refuse, &settings.hold_horizon, &settings.lose,
          &settings.rollback, &settings.slow_commit}) {
        *chance *= random.below(4) == 0 ? 0.0 : 2 * random.unit();
    }
    return settings;
}

}  // namespace

simulated_cluster::simulated_cluster(simulated_scheduler& scheduler, simulated_database& database,
                                     simulation_settings settings)
    : scheduler_{scheduler}, database_{database}, random_{scheduler.draw_seed()}, bus_{scheduler} {
    settings_ = drawn(std::move(settings), random_);
    log::set_default_level(settings_.log_level);
    database_.watch_commits([this](const std::string& owner) { crash_owner(owner); });
}

simulated_cluster::~simulated_cluster() {
    database_.watch_commits({});
    places_.clear();
}

void simulated_cluster::boot_all() {
    places_.resize(settings_.processes);
    for (std::size_t i = 0; i < places_.size(); ++i) boot(i);
}

void simulated_cluster::boot(std::size_t index) {
    auto& at = places_[index];
    if (at.live) return;
    const auto skew = static_cast<std::uint64_t>(settings_.skew_max.count());
    const auto drawn_skew = static_cast<duration::rep>(random_.below(2 * skew + 1));
    simulated_process::options options{
        .owner = "p" + std::to_string(index) + "." + std::to_string(++at.lives),
        .shards = 1 + static_cast<std::size_t>(random_.below(2)),
        .clock_offset = duration{drawn_skew} - settings_.skew_max,
        .runtime = settings_.runtime};
    const auto wire_all = [this](tidemark::runtime& runtime) {
        for (const auto& wiring : wirings_) wiring(runtime);
    };
    at.live = std::make_unique<simulated_process>(database_, bus_, wire_all, std::move(options));
}

void simulated_cluster::begin_storm() {
    is_storming_ = true;
    ++storm_;
    database_.set_faults({.latency_max = settings_.latency_max,
                          .commit_max = settings_.latency_max,
                          .slow_commit = settings_.slow_commit,
                          .rollback = settings_.rollback,
                          .request_lost = settings_.lose / 3,
                          .reply_lost = settings_.lose / 3,
                          .executed_late = settings_.lose / 3});
    bus_.set_faults({.latency_max = settings_.latency_max,
                     .cut = settings_.lose / 3,
                     .unknown = settings_.lose / 3,
                     .twice = settings_.lose / 3,
                     .rebalance = settings_.lose});
    strike();
}

void simulated_cluster::end_storm() {
    is_storming_ = false;
    database_.set_faults({});
    bus_.set_faults({});
    for (std::size_t i = 0; i < places_.size(); ++i) {
        boot(i);
        places_[i].live->resume();
    }
}

void simulated_cluster::later(duration most, std::function<void()> deed) {
    const auto span = random_.below(static_cast<std::uint64_t>(most.count()) + 1);
    scheduler_.set_alarm(duration{static_cast<duration::rep>(span)},
                         [this, storm = storm_, deed = std::move(deed)] {
                             if (is_storming_ && storm == storm_) deed();
                         });
}

/// Plans what happens within the next second.
void simulated_cluster::strike() {
    constexpr duration second = std::chrono::seconds{1};
    const auto happens = [&](double chance) { return chance > 0 && random_.unit() < chance; };
    const auto up_to = [this](duration most) {
        return duration{static_cast<duration::rep>(
            random_.below(static_cast<std::uint64_t>(most.count()) + 1))};
    };
    for (std::size_t i = 0; i < places_.size(); ++i) {
        if (happens(settings_.crash)) later(second, [this, i] { crash(i); });
        if (happens(settings_.pause)) later(second, [this, i] { pause(i); });
    }
    if (happens(settings_.database_crash)) {
        later(second, [this, up_to] {
            ++seen_.database_crashes;
            database_.crash(up_to(settings_.refuse_max));
        });
    }
    if (happens(settings_.refuse)) {
        later(second, [this, up_to] {
            ++seen_.refusals;
            database_.refuse_for(up_to(settings_.refuse_max));
        });
    }
    if (happens(settings_.hold_horizon)) {
        later(second, [this, up_to] { database_.hold_horizon(up_to(settings_.hold_max)); });
    }
    scheduler_.set_alarm(second, [this, storm = storm_] {
        if (is_storming_ && storm == storm_) strike();
    });
}

void simulated_cluster::crash(std::size_t index) {
    if (!places_[index].live) return;
    ++seen_.crashes;
    places_[index].live.reset();
    if (watcher_) watcher_(index);
    later(settings_.down_max, [this, index] { boot(index); });
}

void simulated_cluster::pause(std::size_t index) {
    auto& at = places_[index];
    if (!at.live || at.live->is_paused()) return;
    ++seen_.pauses;
    at.live->pause();
    later(settings_.pause_max, [this, index, life = at.lives] {
        auto& same = places_[index];
        if (same.live && same.lives == life) same.live->resume();
    });
}

void simulated_cluster::crash_owner(const std::string& owner) {
    if (!is_storming_ || random_.unit() >= settings_.crash_at_commit) return;
    for (std::size_t i = 0; i < places_.size(); ++i) {
        const auto& live = places_[i].live;
        // The owner of a lease is the process's name and a shard.
        if (live && owner.starts_with(live->owner() + "/")) {
            later(duration{0}, [this, i] { crash(i); });
        }
    }
}

}  // namespace tidemark::testing
