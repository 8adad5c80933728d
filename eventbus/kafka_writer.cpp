#include "tidemark/eventbus/kafka_bus_state.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace tidemark {
namespace {

/// How long a call about a transaction may block one of the pool's threads before it is made again.
constexpr duration one_try = std::chrono::seconds{2};

bool is_taken(const delivery_report& told) { return told.outcome == delivery::persisted; }

using kafka::producer;
using reports = std::vector<delivery_report>;

}  // namespace

/// Each batch is a transaction of its own.
class kafka_event_bus::only_writer final : public writer {
  public:
    only_writer(std::shared_ptr<state> bus, std::shared_ptr<producer> with)
        : bus_{std::move(bus)}, with_{std::move(with)} {}
    only_writer(const only_writer&) = delete;
    only_writer& operator=(const only_writer&) = delete;
    ~only_writer() override { bus_->let_go(with_); }

    awaitable<reports> publish(std::vector<bus_message> batch) override {
        reports out(batch.size(), {delivery::not_persisted, "a message before it was not taken"});
        std::size_t count = 0;
        for (; count < batch.size(); ++count) {
            auto why = bus_->size_trouble(batch[count]);
            if (!why && !bus_->is_known(batch[count].topic)) {
                auto unknown = co_await bus_->topic_trouble(batch[count].topic);
                why = std::move(unknown);
            }
            if (!why) continue;
            out[count] = std::move(*why);
            break;
        }
        // What brokers refuse undoes what came before it, which then goes by itself.
        while (count > 0) {
            auto told = co_await attempt(&batch, count);
            std::ranges::move(told, out.begin());
            const auto refused =
                std::ranges::find(told, delivery::refused, &delivery_report::outcome);
            if (refused == told.end()) break;
            count = static_cast<std::size_t>(refused - told.begin());
        }
        co_return out;
    }

  private:
    /// The first `count` messages: all of them are persisted, or none is.
    awaitable<reports> attempt(const std::vector<bus_message>* batch, std::size_t count) {
        if (const auto begun = with_->begin_transaction(); begun.how != producer::ending::done) {
            co_return reports(count, {delivery::fatal, begun.reason});
        }
        auto work = std::make_shared<kafka::publication>(count);
        co_await bus_->send(with_, batch, work);
        auto told = std::move(work->reports);
        const auto failed = std::ranges::find_if_not(told, is_taken);
        if (failed != told.end()) {
            auto why = failed->reason;
            co_return co_await undo(std::move(told), std::move(why));
        }
        const auto ended = co_await end(&producer::commit_transaction);
        if (ended.how == producer::ending::done) co_return told;
        if (ended.how != producer::ending::undo) {
            co_return reports(count, {delivery::fatal, ended.reason});
        }
        co_return co_await undo(std::move(told), ended.reason);
    }

    awaitable<reports> undo(reports told, std::string why) {
        const auto undone = co_await end(&producer::undo_transaction);
        if (undone.how != producer::ending::done) {
            co_return reports(told.size(), {delivery::fatal, why + "; " + undone.reason});
        }
        for (auto& each : told) {
            if (each.outcome != delivery::refused) each = {delivery::not_persisted, why};
        }
        co_return told;
    }

    /// Asks until the brokers have decided; after the time for a delivery it stays `open`, and who
    /// opens the writer anew finds out.
    awaitable<producer::transaction_end> end(producer::transaction_end (producer::*how)(duration)) {
        const auto until = bus_->world.clock().steady() + bus_->options.delivery_timeout;
        for (;;) {
            auto job = [with = with_, how] { return ((*with).*how)(one_try); };
            auto told = co_await bus_->blocking.run(std::move(job));
            if (!told)
                co_return producer::transaction_end{producer::ending::open, told.error().message()};
            const auto is_late = bus_->world.clock().steady() >= until;
            if (told->how != producer::ending::open || is_late) co_return std::move(*told);
        }
    }

    const std::shared_ptr<state> bus_;
    const std::shared_ptr<producer> with_;
};

bool kafka_event_bus::has_writers() const { return !state_->options.transactional_id.empty(); }

awaitable<result<std::unique_ptr<event_bus::writer>>> kafka_event_bus::open_writer(
    std::string name) {
    if (!has_writers()) co_return co_await event_bus::open_writer(std::move(name));
    const auto kept = state_;
    const auto id = kept->options.transactional_id + "." + name;
    const auto with = producer::make(kept->options, kept->on, id);
    {
        const std::scoped_lock lock{kept->mutex};
        kept->of_writers.push_back(with);
    }
    auto opened = std::make_unique<only_writer>(kept, with);
    auto job = [with, within = kept->options.ask_timeout] { return with->take_id(within); };
    auto taken = co_await kept->blocking.run(std::move(job));
    if (!taken) co_return error{taken.error().code(), "\"" + id + "\": " + taken.error().message()};
    co_return std::unique_ptr<writer>{std::move(opened)};
}

}  // namespace tidemark
