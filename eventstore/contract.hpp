#pragma once

#include "tidemark/eventstore/run.hpp"
#include "tidemark/eventstore/storage.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

namespace tidemark::testing {

/// A clock that moves only when told to. Thread-safe.
class manual_clock : public clock {
  public:
    [[nodiscard]] instant now() const override { return instant{duration{now_.load()}}; }
    [[nodiscard]] duration steady() const override { return duration{now_.load()}; }
    void advance(duration by) { now_ += by.count(); }

  private:
    std::atomic<duration::rep> now_{1'700'000'000'000'000};
};

/// A backend under contract test: its storage and its clock. What it needs on the machine lives as
/// long as this object.
class contract_store {
  public:
    virtual ~contract_store() = default;
    [[nodiscard]] virtual storage& store() = 0;

    manual_clock time;

    // Calls that block until the backend has answered.
    append_outcome append(append_request request);
    std::vector<append_outcome> append_all(std::vector<append_request> requests);
    /// Appends and demands that it is committed.
    append_committed commit(append_request request);
    std::vector<recorded_event> read(const stream_id& stream, version after = {},
                                     std::size_t limit = 1000);
    effect_log::claim_page claim(const std::string& owner, std::size_t limit = 100);
    /// The ids of what `claim` hands out.
    std::vector<message_id> claim_ids(const std::string& owner);
    bool complete(const claimed_effect& work);
    bool complete(const effect_claim& held);
    effect_log::counts count();
};

struct contract_backend {
    std::string name;
    std::function<std::unique_ptr<contract_store>()> make;
    /// Whether this machine has what it needs; otherwise it says so or fails the running test.
    /// None: always.
    std::function<bool()> is_available;
};

/// Every backend that must keep the contract. A backend joins by standing in this list.
[[nodiscard]] const std::vector<contract_backend>& contract_backends();

/// Runs `test` on a fresh store of each backend and names the backend in failures.
void for_each_backend(const std::function<void(contract_store&)>& test);

/// Ids that differ within the process.
[[nodiscard]] message_id next_id();
[[nodiscard]] stream_id account(std::string_view id);
[[nodiscard]] new_event event(std::string name = "account.opened.v1", std::string payload = "{}");
/// A request for `stream` with so many fresh events.
[[nodiscard]] append_request request(const stream_id& stream, expected_version expected,
                                     std::size_t events = 1);
/// A request that also records the answer of command `id` of scope "caller".
[[nodiscard]] append_request command(const stream_id& stream, expected_version expected,
                                     const std::string& id, std::size_t events = 1);
/// A send under `key`; index and predecessors as in an effect tree.
[[nodiscard]] new_effect effect(std::string key = {}, std::uint32_t index = 0,
                                std::vector<std::uint32_t> after = {});
[[nodiscard]] new_timer timer_at(std::string name, instant due);
/// A request of stream "account-source" that only stores these effects, claimed by `owner` for 10
/// s.
[[nodiscard]] append_request effects(std::vector<new_effect> stored, std::string owner = {});
[[nodiscard]] std::vector<message_id> ids(std::initializer_list<new_effect> of);

/// `T` if the outcome is one, a failed test otherwise.
template <class T>
T get_or_fail(const append_outcome& outcome);
[[nodiscard]] errc error_of(const append_outcome& outcome);

}  // namespace tidemark::testing
