#include "tidemark/testing/simulated_storage.hpp"

#include "tidemark/eventstore/limits.hpp"
#include "tidemark/testing/simulated_writers.hpp"

#include <utility>

namespace tidemark::testing {

/// What a process shares with the alarms of its calls.
class simulated_storage::link {
  public:
    link(simulated_database& of, simulated_execution& process)
        : database{of}, writers{std::make_shared<simulated_writers>(of, process)} {}

    void call(const std::shared_ptr<call_state>& made);

    simulated_database& database;
    std::shared_ptr<simulated_writers> writers;

  private:
    static void arrive(simulated_database& database, const std::shared_ptr<call_state>& made,
                       std::uint64_t crashes_before);
    static void answer(simulated_database& database, const std::shared_ptr<call_state>& made);
};

/// One question to the database, without the type of its answer.
struct simulated_storage::call_state {
    call_state() = default;
    call_state(const call_state&) = delete;
    call_state& operator=(const call_state&) = delete;
    virtual ~call_state() = default;
    virtual void work() = 0;
    virtual void fail(error why) = 0;

    /// The work is done inside the caller: it ends with it, and never comes late.
    bool needs_caller = false;
    bool has_caller = true;
    /// What is read first, some time before the work; may be empty.
    std::function<void()> before;
    event answered;
};

template <class T>
struct simulated_storage::typed_call final : call_state {
    std::function<T()> asked;
    std::optional<T> told;

    void work() override {
        auto answer = asked();
        if (!told) told.emplace(std::move(answer));
    }
    void fail(error why) override { told.emplace(std::move(why)); }
};

void simulated_storage::link::call(const std::shared_ptr<call_state>& made) {
    const auto& faults = database.faults();
    const auto answering = [&db = database, made] { answer(db, made); };
    const auto lost = database.draw(faults.request_lost);
    const auto late = !lost && !made->needs_caller && database.draw(faults.executed_late);
    const auto crashes = database.crashes();
    if (lost || late) {
        made->fail(error{late ? errc::unknown_outcome : errc::unavailable,
                         "the connection to the database broke; try again"});
        database.scheduler().set_alarm(database.draw(faults.latency_max), answering);
    }
    if (lost) return;
    database.scheduler().set_alarm(database.draw(late ? faults.late_max : faults.latency_max),
                                   [&db = database, made, crashes] { arrive(db, made, crashes); });
}

void simulated_storage::link::arrive(simulated_database& database,
                                     const std::shared_ptr<call_state>& made,
                                     std::uint64_t crashes_before) {
    if (!database.is_up() || database.crashes() != crashes_before) {
        made->fail(error{errc::unavailable, "the database refuses connections; nothing was sent"});
        return answer(database, made);
    }
    if (made->needs_caller && !made->has_caller) return;
    if (made->before) {
        const auto before = std::exchange(made->before, {});
        before();
        database.scheduler().set_alarm(
            database.draw(database.faults().latency_max),
            [&database, made, crashes_before] { arrive(database, made, crashes_before); });
        return;
    }
    made->work();
    if (database.draw(database.faults().reply_lost)) {
        made->fail(error{errc::unknown_outcome,
                         "the connection to the database broke before its answer came"});
    }
    database.scheduler().set_alarm(database.draw(database.faults().latency_max),
                                   [&database, made] { answer(database, made); });
}

void simulated_storage::link::answer(simulated_database&, const std::shared_ptr<call_state>& made) {
    made->answered.notify();
}

simulated_storage::simulated_storage(simulated_database& database, simulated_execution& process)
    : database_{database}, link_{std::make_shared<link>(database, process)} {}

simulated_storage::~simulated_storage() { link_->writers->shut(); }

template <class T>
awaitable<T> simulated_storage::ask(std::function<T()> work) {
    auto made = std::make_shared<typed_call<T>>();
    made->asked = std::move(work);
    link_->call(made);
    co_await made->answered.wait();
    co_return std::move(*made->told);
}

awaitable<std::vector<append_outcome>> simulated_storage::append(append_batch batch) {
    if (auto refused = refuse_long_batch(batch->size())) co_return std::move(*refused);
    const auto sent = link_->writers->send(std::move(batch));
    co_await sent->done.wait();
    co_return std::move(sent->outcomes);
}

awaitable<result<event_page>> simulated_storage::read_page(position after, std::size_t limit,
                                                           std::string category) {
    auto made = std::make_shared<typed_call<result<event_page>>>();
    auto horizon = std::make_shared<position>();
    // The horizon first, the events in a later snapshot of their own.
    made->before = [&db = database_, horizon] { *horizon = db.horizon(); };
    made->asked = [&db = database_, horizon, after, limit, category = std::move(category)] {
        return result<event_page>{db.log().read_all(after, *horizon, limit, category)};
    };
    link_->call(made);
    co_await made->answered.wait();
    co_return std::move(*made->told);
}

/// `change` refers to what the caller keeps alive: it runs while the caller waits, or never.
awaitable<result<void>> simulated_storage::update(std::string name, checkpoint from, checkpoint to,
                                                  std::function<void(read_model&)> change) {
    auto made = std::make_shared<typed_call<result<void>>>();
    struct calling {
        call_state& held;
        ~calling() { held.has_caller = false; }
    };
    const calling here{*made};
    made->needs_caller = true;
    made->asked = [&db = database_, name = std::move(name), from, to, change = std::move(change)] {
        return db.models().update(name, from, to, change);
    };
    link_->call(made);
    co_await made->answered.wait();
    co_return std::move(*made->told);
}

awaitable<result<event_page>> simulated_storage::read_all(position after, std::size_t limit) {
    return read_page(after, limit, {});
}

awaitable<result<event_page>> simulated_storage::read_category(std::string category, position after,
                                                               std::size_t limit) {
    return read_page(after, limit, std::move(category));
}

event_store::wake_token simulated_storage::on_commit(std::function<void()> wake) {
    return link_->writers->wakes().add(std::move(wake));
}

awaitable<result<std::vector<recorded_event>>> simulated_storage::read(stream_id stream,
                                                                       version after,
                                                                       std::size_t limit) {
    return ask<result<std::vector<recorded_event>>>(
        [&db = database_, stream = std::move(stream), after, limit] {
            return result<std::vector<recorded_event>>{db.log().read(stream, after, limit)};
        });
}

awaitable<result<std::optional<snapshot>>> simulated_storage::latest_snapshot(stream_id stream,
                                                                              std::string name) {
    return ask<result<std::optional<snapshot>>>(
        [&db = database_, stream = std::move(stream), name = std::move(name)] {
            return result<std::optional<snapshot>>{db.log().latest_snapshot(stream, name)};
        });
}

awaitable<result<std::vector<snapshot_summary>>> simulated_storage::list_snapshots(
    snapshot_place after, std::size_t limit) {
    using list = std::vector<snapshot_summary>;
    return ask<result<list>>([&db = database_, after = std::move(after), limit] {
        return result<list>{db.log().list_snapshots(after, limit)};
    });
}

awaitable<result<std::optional<answer>>> simulated_storage::find_answer(std::string scope,
                                                                        std::string id) {
    return ask<result<std::optional<answer>>>(
        [&db = database_, scope = std::move(scope), id = std::move(id)] {
            return result<std::optional<answer>>{db.log().find_answer(scope, id)};
        });
}

awaitable<result<std::vector<stream_summary>>> simulated_storage::list_streams(std::string prefix,
                                                                               std::string after,
                                                                               std::size_t limit) {
    return ask<result<std::vector<stream_summary>>>(
        [&db = database_, prefix = std::move(prefix), after = std::move(after), limit] {
            return result<std::vector<stream_summary>>{db.log().list_streams(prefix, after, limit)};
        });
}

awaitable<result<effect_log::claim_page>> simulated_storage::claim(claim_request request) {
    return ask<result<effect_log::claim_page>>([&db = database_, request = std::move(request)] {
        return result<effect_log::claim_page>{db.log().effects().claim(request, db.now())};
    });
}

awaitable<result<std::optional<claimed_effect>>> simulated_storage::find(message_id effect) {
    return ask<result<std::optional<claimed_effect>>>([&db = database_, effect] {
        return result<std::optional<claimed_effect>>{db.log().effects().find(effect)};
    });
}

awaitable<result<std::vector<message_id>>> simulated_storage::renew(std::string owner,
                                                                    std::vector<effect_claim> held,
                                                                    duration lease) {
    return ask<result<std::vector<message_id>>>(
        [&db = database_, owner = std::move(owner), held = std::move(held), lease] {
            return result<std::vector<message_id>>{
                db.log().effects().renew(owner, held, lease, db.now())};
        });
}

awaitable<result<std::vector<message_id>>> simulated_storage::complete(
    std::vector<completion> ended) {
    return ask<result<std::vector<message_id>>>([&db = database_, ended = std::move(ended)] {
        return result<std::vector<message_id>>{db.log().effects().complete(ended)};
    });
}

awaitable<result<void>> simulated_storage::retry_later(completion held, instant due,
                                                       std::string error_code,
                                                       std::string error_message) {
    return ask<result<void>>([&db = database_, held, due, code = std::move(error_code),
                              message = std::move(error_message)] {
        return db.log().effects().retry_later(held, due, code, message);
    });
}

awaitable<result<void>> simulated_storage::park(completion held, std::string error_code,
                                                std::string error_message) {
    return ask<result<void>>(
        [&db = database_, held, code = std::move(error_code), message = std::move(error_message)] {
            return db.log().effects().park(held, code, message, db.now());
        });
}

awaitable<result<std::vector<dead_letter>>> simulated_storage::dead_letters(
    dead_letter_filter filter) {
    return ask<result<std::vector<dead_letter>>>([&db = database_, filter = std::move(filter)] {
        return result<std::vector<dead_letter>>{db.log().effects().dead_letters(filter)};
    });
}

awaitable<result<std::uint64_t>> simulated_storage::dead_letter_count() {
    return ask<result<std::uint64_t>>([&db = database_] {
        return result<std::uint64_t>{db.log().effects().dead_letter_count()};
    });
}

awaitable<result<std::optional<instant>>> simulated_storage::oldest_dead_letter() {
    using found = std::optional<instant>;
    return ask<result<found>>(
        [&db = database_] { return result<found>{db.log().effects().oldest_dead_letter()}; });
}

awaitable<result<void>> simulated_storage::replay(message_id effect, audit_entry who) {
    return ask<result<void>>([&db = database_, effect, who = std::move(who)] {
        return db.log().effects().replay(effect, who, db.now());
    });
}

awaitable<result<void>> simulated_storage::drop(message_id effect, audit_entry who) {
    return ask<result<void>>([&db = database_, effect, who = std::move(who)] {
        return db.log().effects().drop(effect, who, db.now());
    });
}

awaitable<result<std::vector<audit_record>>> simulated_storage::audit_trail(std::size_t limit) {
    return ask<result<std::vector<audit_record>>>([&db = database_, limit] {
        return result<std::vector<audit_record>>{db.log().effects().audit_trail(limit)};
    });
}

awaitable<result<std::vector<claimed_effect>>> simulated_storage::pending(stream_id source) {
    return ask<result<std::vector<claimed_effect>>>([&db = database_, source = std::move(source)] {
        return result<std::vector<claimed_effect>>{db.log().effects().pending(source)};
    });
}

awaitable<result<effect_log::counts>> simulated_storage::count() {
    return ask<result<effect_log::counts>>([&db = database_] {
        return result<effect_log::counts>{db.log().effects().count(db.now())};
    });
}

awaitable<result<checkpoint>> simulated_storage::load_checkpoint(std::string name) {
    return ask<result<checkpoint>>([&db = database_, name = std::move(name)] {
        return result<checkpoint>{db.models().load_checkpoint(name)};
    });
}

awaitable<result<std::optional<document>>> simulated_storage::find_document(std::string name,
                                                                            std::string key) {
    return ask<result<std::optional<document>>>(
        [&db = database_, name = std::move(name), key = std::move(key)] {
            return result<std::optional<document>>{db.models().find_document(name, key)};
        });
}

awaitable<result<std::vector<document>>> simulated_storage::query(std::string name,
                                                                  document_query query) {
    return ask<result<std::vector<document>>>(
        [&db = database_, name = std::move(name), query = std::move(query)] {
            return result<std::vector<document>>{db.models().query(name, query)};
        });
}

awaitable<result<void>> simulated_storage::swap(std::string live, std::string beside) {
    return ask<result<void>>([&db = database_, live = std::move(live), beside = std::move(beside)] {
        return db.models().swap(live, beside);
    });
}

awaitable<result<std::vector<read_model_store::model_summary>>> simulated_storage::list_models() {
    return ask<result<std::vector<read_model_store::model_summary>>>([&db = database_] {
        return result<std::vector<read_model_store::model_summary>>{db.models().list()};
    });
}

awaitable<result<void>> simulated_storage::save_snapshot(snapshot taken) {
    return ask<result<void>>([&db = database_, taken = std::move(taken)] {
        db.log().save_snapshot(taken);
        return result<void>{};
    });
}

awaitable<result<void>> simulated_storage::release(std::vector<completion> held) {
    return ask<result<void>>([&db = database_, held = std::move(held)] {
        db.log().effects().release(held);
        return result<void>{};
    });
}

awaitable<result<void>> simulated_storage::erase_model(std::string name) {
    return ask<result<void>>([&db = database_, name = std::move(name)] {
        db.models().erase_model(name);
        return result<void>{};
    });
}

awaitable<result<store_status>> simulated_storage::status() {
    return ask<result<store_status>>([&db = database_] {
        return result<store_status>{store_status{.kind = "simulated",
                                                 .location = "the simulation",
                                                 .incarnation = db.log().incarnation(),
                                                 .schema_version = 1,
                                                 .last_position = db.log().last_position(),
                                                 .streams = db.log().stream_count()}};
    });
}

}  // namespace tidemark::testing
