#include "tidemark/eventstore/contract.hpp"

#include "tidemark/eventstore/memory_event_store.hpp"
#include "tidemark/eventstore/postgres_database.hpp"
#include "tidemark/eventstore/postgres_event_store.hpp"
#include "tidemark/eventstore/sqlite_event_store.hpp"
#include "tidemark/eventstore/temporary_folder.hpp"

#include <doctest/doctest.h>

#include <utility>

namespace tidemark::testing {
namespace {

using namespace std::chrono_literals;

class memory_contract_store : public contract_store {
  public:
    [[nodiscard]] storage& store() override { return storage_; }

  private:
    memory_storage storage_{time};
};

class sqlite_contract_store : public contract_store {
  public:
    [[nodiscard]] storage& store() override { return *storage_; }

  private:
    temporary_folder folder_;
    std::unique_ptr<sqlite_storage> storage_ =
        sqlite_storage::open(time, {.path = folder_.file("tidemark.db")}).value();
};

class postgres_contract_store : public contract_store {
  public:
    [[nodiscard]] storage& store() override { return *storage_; }

  private:
    postgres_database database_;
    std::unique_ptr<postgres_storage> storage_ =
        postgres_storage::open(database_.options(), &time).value();
};

template <class T>
std::unique_ptr<contract_store> make() {
    return std::make_unique<T>();
}

template <class T>
T unwrap(result<T> answer) {
    const auto text = answer ? std::string{} : answer.error().message();
    REQUIRE_MESSAGE(answer.has_value(), text);
    return std::move(*answer);
}

}  // namespace

append_outcome contract_store::append(append_request request) {
    return append_all({std::move(request)}).at(0);
}

std::vector<append_outcome> contract_store::append_all(std::vector<append_request> requests) {
    const auto count = requests.size();
    auto batch = std::make_shared<const std::vector<append_request>>(std::move(requests));
    auto outcomes = run(store().append(std::move(batch)));
    REQUIRE(outcomes.size() == count);
    return outcomes;
}

append_committed contract_store::commit(append_request request) {
    return get_or_fail<append_committed>(append(std::move(request)));
}

std::vector<recorded_event> contract_store::read(const stream_id& stream, version after,
                                                 std::size_t limit) {
    return unwrap(run(store().read(stream, after, limit)));
}

effect_log::claim_page contract_store::claim(const std::string& owner, std::size_t limit) {
    return unwrap(run(store().claim({.owner = owner, .lease = 10s, .limit = limit})));
}

std::vector<message_id> contract_store::claim_ids(const std::string& owner) {
    std::vector<message_id> found;
    for (const auto& work : claim(owner).claimed) found.push_back(work.effect.id);
    return found;
}

bool contract_store::complete(const claimed_effect& work) {
    return complete(effect_claim{.effect = work.effect.id, .token = work.token});
}

bool contract_store::complete(const effect_claim& held) {
    const std::vector<completion> ended{{.effect = held.effect, .token = held.token}};
    return unwrap(run(store().complete(ended))).empty();
}

effect_log::counts contract_store::count() { return unwrap(run(store().count())); }

const std::vector<contract_backend>& contract_backends() {
    static const std::vector<contract_backend> all{
        contract_backend{.name = "memory", .make = make<memory_contract_store>},
        contract_backend{.name = "sqlite", .make = make<sqlite_contract_store>},
        contract_backend{.name = "postgres",
                         .make = make<postgres_contract_store>,
                         .is_available = has_postgres},
    };
    return all;
}

void for_each_backend(const std::function<void(contract_store&)>& test) {
    for (const auto& backend : contract_backends()) {
        CAPTURE(backend.name);
        if (backend.is_available && !backend.is_available()) continue;
        const auto store = backend.make();
        test(*store);
    }
}

message_id next_id() {
    static std::atomic<std::uint64_t> last{0};
    return message_id::v7(1'700'000'000'000, 0, ++last);
}

stream_id account(std::string_view id) { return {"account", id}; }

new_event event(std::string name, std::string payload) {
    return {.id = next_id(), .message = {std::move(name), std::move(payload)}};
}

append_request request(const stream_id& stream, expected_version expected, std::size_t events) {
    append_request made{.stream = stream, .expected = expected};
    for (std::size_t i = 0; i < events; ++i) made.events.push_back(event());
    made.trace = {.correlation = next_id(), .causation = next_id(), .traceparent = "00-ab-cd-01"};
    return made;
}

append_request command(const stream_id& stream, expected_version expected, const std::string& id,
                       std::size_t events) {
    auto made = request(stream, expected, events);
    made.command = command_record{.scope = "caller", .id = id, .payload_hash = 7};
    return made;
}

new_effect effect(std::string key, std::uint32_t index, std::vector<std::uint32_t> after) {
    static const auto tree = message_id::derive({"tree"});
    return {.id = next_id(),
            .kind = effect_kind::send,
            .target = account("target"),
            .message = {"account.deposit.v1", R"({"amount":1})"},
            .sequence_key = std::move(key),
            .tree = tree,
            .index = index,
            .after = std::move(after),
            .options = R"({"retry":3})",
            .trace = {.correlation = next_id(), .causation = next_id(), .traceparent = "00-1"}};
}

new_timer timer_at(std::string name, instant due) {
    return {.name = std::move(name),
            .generation = next_id(),
            .due = due,
            .message = {"account.expire.v1", "{}"},
            .options = "{}",
            .trace = {.correlation = next_id(), .causation = next_id(), .traceparent = {}}};
}

append_request effects(std::vector<new_effect> stored, std::string owner) {
    append_request made{.stream = account("source")};
    made.effects = std::move(stored);
    made.owner = std::move(owner);
    made.lease = 10s;
    return made;
}

std::vector<message_id> ids(std::initializer_list<new_effect> of) {
    std::vector<message_id> found;
    for (const auto& one : of) found.push_back(one.id);
    return found;
}

template <class T>
T get_or_fail(const append_outcome& outcome) {
    static constexpr const char* kinds[] = {"committed", "conflict", "answered", "stale", "error"};
    const auto* failed = std::get_if<error>(&outcome);
    const auto text = failed == nullptr ? std::string{} : failed->message();
    REQUIRE_MESSAGE(std::holds_alternative<T>(outcome), std::string{kinds[outcome.index()]}, " ",
                    text);
    return std::get<T>(outcome);
}
template append_committed get_or_fail(const append_outcome&);
template append_conflict get_or_fail(const append_outcome&);
template append_answered get_or_fail(const append_outcome&);
template append_stale get_or_fail(const append_outcome&);

errc error_of(const append_outcome& outcome) {
    const auto* failed = std::get_if<error>(&outcome);
    REQUIRE(failed != nullptr);
    return failed->code();
}

}  // namespace tidemark::testing
