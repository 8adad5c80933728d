#include "tidemark/eventstore/postgres_effects.hpp"
#include "tidemark/eventstore/postgres_event_store.hpp"
#include "tidemark/eventstore/postgres_parts.hpp"

#include <utility>

// `postgres_storage` as an `effect_log`.

namespace tidemark {
namespace {

using ids = std::vector<message_id>;

/// Runs `work(postgres_effects&)` on a thread of the store.
template <class T, class Work>
awaitable<result<T>> ask(postgres_parts& parts, Work work) {
    return parts.calls->read<T>(
        [&parts, work = std::move(work)](postgres_connection& session) -> result<T> {
            postgres_effects effects{session, parts.now()};
            return work(effects);
        });
}

template <class T, class Work>
awaitable<result<T>> change(postgres_parts& parts, Work work) {
    return parts.calls->write<T>(
        [&parts, work = std::move(work)](postgres_connection& session) -> result<T> {
            if (parts.options.is_read_only) return refuse_write(parts.options);
            postgres_effects effects{session, parts.now()};
            return work(effects);
        });
}

}  // namespace

awaitable<result<effect_log::claim_page>> postgres_storage::claim(claim_request request) {
    return change<claim_page>(*parts_, [=](postgres_effects& e) { return e.claim(request); });
}

awaitable<result<std::optional<claimed_effect>>> postgres_storage::find(message_id effect) {
    using found = std::optional<claimed_effect>;
    return ask<found>(*parts_, [=](postgres_effects& e) { return e.find(effect); });
}

awaitable<result<ids>> postgres_storage::renew(std::string owner, std::vector<effect_claim> held,
                                               duration lease) {
    return change<ids>(*parts_, [=](postgres_effects& e) { return e.renew(owner, held, lease); });
}

awaitable<result<ids>> postgres_storage::complete(std::vector<completion> ended) {
    return change<ids>(*parts_, [=](postgres_effects& e) { return e.complete(ended); });
}

awaitable<result<void>> postgres_storage::retry_later(completion held, instant due,
                                                      std::string error_code,
                                                      std::string error_message) {
    return change<void>(*parts_, [=](postgres_effects& e) {
        return e.retry_later(held, due, error_code, error_message);
    });
}

awaitable<result<void>> postgres_storage::release(std::vector<completion> held) {
    return change<void>(*parts_, [=](postgres_effects& e) -> result<void> {
        e.release(held);
        return {};
    });
}

awaitable<result<void>> postgres_storage::park(completion held, std::string error_code,
                                               std::string error_message) {
    return change<void>(
        *parts_, [=](postgres_effects& e) { return e.park(held, error_code, error_message); });
}

awaitable<result<std::vector<dead_letter>>> postgres_storage::dead_letters(
    dead_letter_filter filter) {
    using list = std::vector<dead_letter>;
    return ask<list>(*parts_, [=](postgres_effects& e) { return e.dead_letters(filter); });
}

awaitable<result<std::uint64_t>> postgres_storage::dead_letter_count() {
    return ask<std::uint64_t>(*parts_, [](postgres_effects& e) { return e.dead_letter_count(); });
}

awaitable<result<std::optional<instant>>> postgres_storage::oldest_dead_letter() {
    using found = std::optional<instant>;
    return ask<found>(*parts_, [](postgres_effects& e) { return e.oldest_dead_letter(); });
}

awaitable<result<void>> postgres_storage::replay(message_id effect, audit_entry who) {
    return change<void>(*parts_, [=](postgres_effects& e) { return e.replay(effect, who); });
}

awaitable<result<void>> postgres_storage::drop(message_id effect, audit_entry who) {
    return change<void>(*parts_, [=](postgres_effects& e) { return e.drop(effect, who); });
}

awaitable<result<std::vector<audit_record>>> postgres_storage::audit_trail(std::size_t limit) {
    using list = std::vector<audit_record>;
    return ask<list>(*parts_, [=](postgres_effects& e) { return e.audit_trail(limit); });
}

awaitable<result<std::vector<claimed_effect>>> postgres_storage::pending(stream_id source) {
    using list = std::vector<claimed_effect>;
    return ask<list>(*parts_, [=](postgres_effects& e) { return e.pending(source); });
}

awaitable<result<effect_log::counts>> postgres_storage::count() {
    return ask<counts>(*parts_, [](postgres_effects& e) { return e.count(); });
}

}  // namespace tidemark
