#include "tidemark/eventbus/memory_event_bus.hpp"

#include "tidemark/async/event.hpp"
#include "tidemark/eventbus/consumed_event.hpp"
#include "tidemark/eventbus/key_hash.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <utility>

namespace tidemark {
namespace {

struct partition {
    /// Offset of the first message kept.
    std::uint64_t first = 0;
    std::deque<bus_message> messages;

    [[nodiscard]] std::uint64_t end() const { return first + messages.size(); }
};

/// What one member of a group reads. Its offsets move with every poll and fall back to the
/// committed ones whenever the group is dealt out again.
struct seat {
    std::map<std::size_t, std::uint64_t> reading;
    /// As it was before the last poll that brought something.
    std::map<std::size_t, std::uint64_t> begun;
    /// Partition that is looked at first, so that none starves.
    std::size_t turn = 0;
    /// A rebalance took away what was polled and not committed.
    bool has_lost_work = false;
    bool has_work = false;
    std::uint64_t rebalances = 0;
    event wake;
};

struct group {
    std::vector<std::uint64_t> committed;
    std::vector<seat*> seats;

    /// Deals the partitions out in ranges, as Kafka's range assignor does.
    void deal() {
        const auto partitions = committed.size();
        const auto members = seats.size();
        std::size_t next = 0;
        for (std::size_t i = 0; i < members; ++i) {
            auto& s = *seats[i];
            s.has_lost_work = s.has_lost_work || s.has_work;
            s.has_work = false;
            ++s.rebalances;
            s.reading.clear();
            const auto share = partitions / members + (i < partitions % members ? 1 : 0);
            for (std::size_t n = 0; n < share; ++n, ++next) s.reading[next] = committed[next];
            s.begun = s.reading;
            s.wake.notify();
        }
    }
};

struct topic {
    std::vector<partition> partitions;
    std::map<std::string, group> groups;
    std::size_t kept = 0;
    std::size_t turn = 0;

    group& group_of(const std::string& name) {
        auto& g = groups[name];
        if (g.committed.empty()) {
            for (const auto& each : partitions) g.committed.push_back(each.first);
        }
        return g;
    }

    /// Drops one message that every group has committed, preferring the fullest partition.
    bool trim() {
        partition* chosen = nullptr;
        for (std::size_t i = 0; i < partitions.size(); ++i) {
            auto& candidate = partitions[i];
            if (candidate.messages.empty() || !is_committed(i)) continue;
            if (!chosen || candidate.messages.size() > chosen->messages.size()) {
                chosen = &candidate;
            }
        }
        if (!chosen) return false;
        chosen->messages.pop_front();
        ++chosen->first;
        --kept;
        return true;
    }

    [[nodiscard]] bool is_committed(std::size_t index) const {
        return std::all_of(groups.begin(), groups.end(), [&](const auto& named) {
            return named.second.committed[index] > partitions[index].first;
        });
    }

    void wake_readers() {
        for (auto& [name, g] : groups) {
            for (auto* each : g.seats) each->wake.notify();
        }
    }
};

}  // namespace

struct memory_event_bus::state {
    memory_bus_options options;
    std::mutex mutex;
    std::map<std::string, topic> topics;
    /// How often the writer of a name was opened.
    std::map<std::string, std::uint64_t> writers;

    delivery_report publish(bus_message message) {
        const auto found = topics.find(message.topic);
        auto report = put(std::move(message));
        if (found != topics.end()) found->second.wake_readers();
        return report;
    }

    delivery_report put(bus_message message) {
        const auto found = topics.find(message.topic);
        if (found == topics.end()) {
            return {delivery::refused,
                    "topic \"" + message.topic + "\" does not exist; create it at start", true};
        }
        if (const auto size = size_of(message); size > options.message_bytes_max) {
            return {delivery::refused, "message of " + std::to_string(size) +
                                           " bytes for topic \"" + message.topic +
                                           "\" exceeds message_bytes_max (" +
                                           std::to_string(options.message_bytes_max) + ")"};
        }
        auto& t = found->second;
        if (t.kept >= options.messages_max && !t.trim()) {
            return {delivery::not_persisted, "topic \"" + message.topic +
                                                 "\" holds messages_max (" +
                                                 std::to_string(options.messages_max) +
                                                 ") messages that a group has not committed"};
        }
        const auto count = t.partitions.size();
        const auto index =
            message.key.empty() ? t.turn++ % count : partition_of(message.key, count);
        t.partitions[index].messages.push_back(std::move(message));
        ++t.kept;
        return {delivery::persisted, {}};
    }
};

class memory_event_bus::member final : public consumer {
  public:
    member(std::shared_ptr<state> bus, std::string topic_name, std::string group_name)
        : bus_{std::move(bus)}, topic_{std::move(topic_name)}, group_{std::move(group_name)} {
        const std::scoped_lock lock{bus_->mutex};
        join();
    }
    member(const member&) = delete;
    member& operator=(const member&) = delete;
    ~member() override { close(); }

    awaitable<result<std::vector<bus_message>>> poll(std::size_t limit) override {
        for (;;) {
            {
                const std::scoped_lock lock{bus_->mutex};
                if (is_closed_) co_return std::vector<bus_message>{};
                join();
                if (!has_joined_) co_return unknown_topic();
                auto batch = take(limit);
                if (!batch.empty() || limit == 0) co_return batch;
            }
            co_await seat_.wake.wait();
        }
    }

    awaitable<result<void>> commit() override {
        const std::scoped_lock lock{bus_->mutex};
        if (is_closed_) {
            co_return error{errc::shutting_down, "this consumer of \"" + topic_ + "\" is closed"};
        }
        if (std::exchange(seat_.has_lost_work, false)) {
            co_return error{errc::stale,
                            "group \"" + group_ + "\" of \"" + topic_ +
                                "\" was rebalanced; what was polled before comes again"};
        }
        seat_.has_work = false;
        if (!has_joined_) co_return result<void>{};
        auto& g = bus_->topics.at(topic_).group_of(group_);
        for (const auto& [index, offset] : seat_.reading) g.committed[index] = offset;
        co_return result<void>{};
    }

    void close() override {
        const std::scoped_lock lock{bus_->mutex};
        if (std::exchange(is_closed_, true)) return;
        seat_.wake.notify();
        if (!has_joined_) return;
        auto& g = bus_->topics.at(topic_).group_of(group_);
        std::erase(g.seats, &seat_);
        g.deal();
    }

    std::size_t assigned() const override {
        const std::scoped_lock lock{bus_->mutex};
        return seat_.reading.size();
    }

    std::uint64_t rebalances() const override {
        const std::scoped_lock lock{bus_->mutex};
        return seat_.rebalances;
    }

    std::optional<std::uint64_t> lag() const override {
        const std::scoped_lock lock{bus_->mutex};
        const auto found = bus_->topics.find(topic_);
        if (found == bus_->topics.end()) return std::nullopt;
        std::uint64_t behind = 0;
        for (const auto& [index, offset] : seat_.reading) {
            behind += found->second.partitions[index].end() - offset;
        }
        return behind;
    }

    std::vector<place> places() const override {
        const std::scoped_lock lock{bus_->mutex};
        std::vector<place> out;
        const auto found = bus_->topics.find(topic_);
        if (found == bus_->topics.end()) return out;
        for (const auto& [index, offset] : seat_.reading) {
            out.push_back(
                {index, seat_.begun.at(index), offset, found->second.partitions[index].end()});
        }
        return out;
    }

  private:
    /// Enters the group once the topic exists.
    void join() {
        if (has_joined_) return;
        const auto found = bus_->topics.find(topic_);
        if (found == bus_->topics.end()) return;
        auto& g = found->second.group_of(group_);
        g.seats.push_back(&seat_);
        g.deal();
        has_joined_ = true;
    }

    std::vector<bus_message> take(std::size_t limit) {
        std::vector<bus_message> batch;
        auto before = seat_.reading;
        auto& t = bus_->topics.at(topic_);
        auto next = seat_.reading.upper_bound(seat_.turn);
        for (auto left = seat_.reading.size(); left > 0 && batch.size() < limit; --left) {
            if (next == seat_.reading.end()) next = seat_.reading.begin();
            auto& [index, offset] = *next++;
            const auto& from = t.partitions[index];
            seat_.turn = index;
            while (offset < from.end() && batch.size() < limit) {
                batch.push_back(from.messages[offset++ - from.first]);
            }
        }
        if (!batch.empty()) seat_.begun = std::move(before);
        seat_.has_work = seat_.has_work || !batch.empty();
        return batch;
    }

    [[nodiscard]] error unknown_topic() const {
        return {errc::not_found, "topic \"" + topic_ + "\" does not exist; create it at start"};
    }

    std::shared_ptr<state> bus_;
    const std::string topic_;
    const std::string group_;
    seat seat_;
    bool has_joined_ = false;
    bool is_closed_ = false;
};

class memory_event_bus::only_writer final : public writer {
  public:
    only_writer(std::shared_ptr<state> bus, std::string name, std::uint64_t turn)
        : bus_{std::move(bus)}, name_{std::move(name)}, turn_{turn} {}

    awaitable<std::vector<delivery_report>> publish(std::vector<bus_message> batch) override {
        const std::scoped_lock lock{bus_->mutex};
        if (bus_->writers.at(name_) != turn_) {
            const delivery_report shut_out{delivery::fatal,
                                           "another writer of \"" + name_ + "\" was opened"};
            co_return std::vector<delivery_report>(batch.size(), shut_out);
        }
        std::vector<delivery_report> reports;
        for (auto& message : batch) {
            reports.push_back(bus_->publish(std::move(message)));
            if (reports.back().outcome != delivery::persisted) break;
        }
        const delivery_report behind{delivery::not_persisted, "a message before it was not taken"};
        reports.resize(batch.size(), behind);
        co_return reports;
    }

  private:
    const std::shared_ptr<state> bus_;
    const std::string name_;
    const std::uint64_t turn_;
};

memory_event_bus::memory_event_bus(memory_bus_options options) : state_{std::make_shared<state>()} {
    state_->options = options;
}

memory_event_bus::~memory_event_bus() = default;

void memory_event_bus::create_topic(const std::string& name, std::size_t partitions) {
    const std::scoped_lock lock{state_->mutex};
    auto& t = state_->topics[name];
    if (!t.partitions.empty()) return;
    const auto count = partitions != 0 ? partitions : state_->options.partitions;
    t.partitions.resize(std::max<std::size_t>(count, 1));
}

awaitable<std::vector<delivery_report>> memory_event_bus::publish(std::vector<bus_message> batch) {
    std::vector<delivery_report> reports;
    const std::scoped_lock lock{state_->mutex};
    for (auto& message : batch) reports.push_back(state_->publish(std::move(message)));
    co_return reports;
}

bool memory_event_bus::has_writers() const { return state_->options.has_writers; }

awaitable<result<std::unique_ptr<event_bus::writer>>> memory_event_bus::open_writer(
    std::string name) {
    if (!has_writers()) co_return co_await event_bus::open_writer(std::move(name));
    const std::scoped_lock lock{state_->mutex};
    const auto turn = ++state_->writers[name];
    co_return std::make_unique<only_writer>(state_, std::move(name), turn);
}

std::unique_ptr<event_bus::consumer> memory_event_bus::subscribe(std::string topic,
                                                                 std::string group) {
    return std::make_unique<member>(state_, std::move(topic), std::move(group));
}

awaitable<result<void>> memory_event_bus::ensure_topic(std::string name) {
    create_topic(name);
    co_return result<void>{};
}

event_bus::bus_status memory_event_bus::status() const {
    return {.kind = "memory", .location = "in this process", .connected = true, .reason = {}};
}

std::uint64_t memory_event_bus::lag(const std::string& topic, const std::string& group) const {
    const std::scoped_lock lock{state_->mutex};
    const auto found = state_->topics.find(topic);
    if (found == state_->topics.end()) return 0;
    const auto& t = found->second;
    const auto known = t.groups.find(group);
    std::uint64_t behind = 0;
    for (std::size_t i = 0; i < t.partitions.size(); ++i) {
        const auto from =
            known == t.groups.end() ? t.partitions[i].first : known->second.committed[i];
        behind += t.partitions[i].end() - from;
    }
    return behind;
}

}  // namespace tidemark
