#include "tidemark/cli/open_store.hpp"

#include "tidemark/cli/failure.hpp"
#include "tidemark/cli/kafka_settings.hpp"
#include "tidemark/eventbus/kafka_event_bus.hpp"
#include "tidemark/eventbus/memory_event_bus.hpp"
#include "tidemark/eventstore/memory_event_store.hpp"
#include "tidemark/eventstore/postgres_event_store.hpp"
#include "tidemark/eventstore/sqlite_event_store.hpp"
#include "tidemark/runtime/config.hpp"

#include <stdexcept>
#include <utility>

namespace tidemark::cli {

std::string sqlite_path(const settings& values) {
    constexpr std::string_view scheme = "sqlite:";
    const auto& url = values.text("store.url");
    return url.starts_with(scheme) ? url.substr(scheme.size()) : "";
}

bool is_postgres(const settings& values) {
    return values.text("store.url").starts_with("postgres");
}

namespace {

postgres_protection demanded_protection(std::string_view asked, store_mode mode) {
    using enum postgres_protection;
    if (asked == "required") return encrypted;
    return asked == "automatic" && mode == store_mode::production ? verified : none;
}

}  // namespace

postgres_options postgres_settings(const settings& values, store_mode mode) {
    const config typed{values};
    postgres_options options;
    options.url = typed.store_url;
    options.password = typed.postgres.password;
    options.schema = typed.postgres.schema;
    options.migrates = typed.postgres.migrates;
    options.is_read_only = mode == store_mode::read_only;
    options.is_pooled = typed.postgres.is_pooled;
    options.listen_url = typed.postgres.listen_url;
    options.protection = demanded_protection(typed.postgres.encryption, mode);
    options.allows_unsafe_durability = typed.postgres.allows_unsafe_durability;
    options.statement_timeout = typed.postgres.statement_timeout;
    options.idle_in_transaction_timeout = typed.postgres.idle_in_transaction_timeout;
    options.connections_min = typed.postgres.connections_min;
    options.connections_max = typed.postgres.connections_max;
    options.acquire_timeout = typed.postgres.acquire_timeout;
    options.writers = typed.postgres.writers;
    options.batch_requests_max = typed.postgres.group_commit_max;
    return options;
}

postgres_storage* as_postgres(storage& events) {
    return events.kind() == "postgres" ? &static_cast<postgres_storage&>(events) : nullptr;
}

sqlite_storage* as_sqlite(storage& events) {
    return events.kind() == "sqlite" ? &static_cast<sqlite_storage&>(events) : nullptr;
}

namespace {

std::unique_ptr<storage> open_postgres(const settings& values, store_mode mode) {
    auto opened = postgres_storage::open(postgres_settings(values, mode));
    if (opened) return std::move(*opened);
    throw failure{
        exit_code::unreachable,
        {"CLI-006", opened.error().message(), "store.url, " + values.at("store.url").source,
         "do what the message says; nothing was changed"}};
}

std::unique_ptr<storage> open_sqlite(execution& world, const settings& values, store_mode mode) {
    const config typed{values};
    sqlite_options options;
    options.path = sqlite_path(values);
    options.durability =
        typed.sqlite.is_synchronous_full ? sqlite_durability::full : sqlite_durability::normal;
    options.batch_requests_max = typed.sqlite.group_commit_max;
    options.is_read_only = mode == store_mode::read_only;
    auto opened = sqlite_storage::open(world.clock(), std::move(options));
    if (opened) return std::move(*opened);
    const auto from = "store.url, " + values.at("store.url").source;
    if (opened.error().code() == errc::not_found) {
        throw failure{
            exit_code::unreachable,
            {"CLI-006", opened.error().message(), from,
             "name the file with --store sqlite:PATH, or start the process that makes it"}};
    }
    throw to_failure(opened.error(), from);
}

}  // namespace

std::unique_ptr<storage> open_store(execution& world, const settings& values, store_mode mode) {
    if (is_postgres(values)) return open_postgres(values, mode);
    if (!sqlite_path(values).empty()) return open_sqlite(world, values, mode);
    return std::make_unique<memory_storage>(world.clock());
}

std::unique_ptr<event_bus> open_bus(execution& world, const settings& values,
                                    bool allows_plaintext) {
    if (!values.text("bus.url").starts_with("kafka:")) return std::make_unique<memory_event_bus>();
    auto options = kafka_settings(values);
    const auto& security = values.at("kafka.security");
    if (!allows_plaintext && options.security.ends_with("plaintext") && !is_loopback(options)) {
        throw failure{
            exit_code::usage,
            {"CLI-011",
             "the brokers " + options.brokers + " are on other machines, and kafka.security is " +
                 options.security,
             "bus.url, " + values.at("bus.url").source + "; kafka.security, " + security.source,
             "set kafka.security to ssl or sasl_ssl"}};
    }
    try {
        return std::make_unique<kafka_event_bus>(world, world.shard(world.shard_count() - 1),
                                                 std::move(options));
    } catch (const std::invalid_argument& refused) {
        throw failure{exit_code::usage,
                      {"CLI-011", refused.what(), "bus.url, " + values.at("bus.url").source,
                       "correct the kafka.* setting that the message names"}};
    }
}

}  // namespace tidemark::cli
