#include "tidemark/observability/log.hpp"
#include "tidemark/runtime/config.hpp"
#include "tidemark/runtime/config_kafka.hpp"
#include "tidemark/runtime/setting_kinds.hpp"

#include <arpa/inet.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>

namespace tidemark {
namespace {

using type = setting_type;

std::optional<std::string> check_address(std::string_view text) {
    std::array<unsigned char, 16> parsed{};
    const std::string address{text};
    if (::inet_pton(AF_INET, address.c_str(), parsed.data()) == 1 ||
        ::inet_pton(AF_INET6, address.c_str(), parsed.data()) == 1) {
        return std::nullopt;
    }
    return "must be an IPv4 or IPv6 address";
}

std::optional<std::string> check_store(std::string_view text) {
    if (text == "sqlite:") return "must name a file behind sqlite:";
    if (text.starts_with("memory:") && text != "memory:") return "must be memory: and no more";
    if (!text.starts_with("postgres")) return std::nullopt;
    if (text.find("://") == std::string_view::npos) return "must read postgres://host/database";
    // Messages mask what stands between user and host, nothing else.
    if (text.find("password=") != std::string_view::npos) {
        return "must not carry the password as a parameter: postgres.password does";
    }
    return std::nullopt;
}

std::optional<std::string> check_schema_name(std::string_view text) {
    constexpr std::size_t longest = 63;
    const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
    const auto is_name =
        !text.empty() && text.size() <= longest && is_letter(text[0]) &&
        std::ranges::all_of(text, [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
    if (is_name) return std::nullopt;
    return "must be small letters, digits and _";
}

std::optional<std::string> check_modules(std::string_view text) {
    for (auto rest = text; !rest.empty();) {
        const auto part = rest.substr(0, rest.find(','));
        rest.remove_prefix(std::min(rest.size(), part.size() + 1));
        const auto equals = part.find('=');
        if (equals == std::string_view::npos || equals == 0 ||
            !log::parse_level(part.substr(equals + 1))) {
            return "must be a list module=level,…";
        }
    }
    return std::nullopt;
}

void add_rim(config_schema& schema) {
    schema.add({.name = "http.address",
                .fallback = "127.0.0.1",
                .doc = "Address both listeners bind to.",
                .check = check_address});
    schema.add(
        integer_setting("http.port", "8080", "0", "65535", "Port of the API; 0 takes a free one."));
    schema.add(
        integer_setting("http.admin_port", "8081", "0", "65535",
                        "Port of health, metrics, admin API and console; 0 takes a free one."));
    schema.add({.name = "store.url",
                .type = type::url,
                .fallback = "sqlite:./tidemark.db",
                .doc =
                    "Where events are kept: sqlite:PATH, postgres://user@host/database, or memory: "
                    "which forgets at exit.",
                .choices = {"sqlite", "postgres", "postgresql", "memory"},
                .is_secret = true,
                .check = check_store});
    schema.add({.name = "bus.url",
                .type = type::url,
                .fallback = "memory:",
                .doc = "Where committed events are published: kafka://host:port,host:port, or "
                       "memory: which stays in the process.",
                .choices = {"memory", "kafka"},
                .is_secret = true,
                .check = check_bus});
    schema.add(text_setting("bus.cloud_events_source",
                            "Not empty: what relays publish are CloudEvents 1.0 as well (headers "
                            "ce_...), of this source: a URI reference, such as /shop."));
    schema.add(
        choice_setting("sqlite.synchronous", "FULL", {"FULL", "NORMAL"},
                       "FULL survives a power cut; NORMAL may lose the last commits in one."));
    schema.add(integer_setting("sqlite.group_commit_max", "1000", "1", "10000",
                               "Most appends committed together."));
}

void add_postgres(config_schema& schema) {
    schema.add({.name = "postgres.password",
                .fallback = "",
                .doc = "Password of the store's user; empty: the URL's, else PGPASSFILE.",
                .is_secret = true});
    schema.add({.name = "postgres.schema",
                .fallback = "tidemark",
                .doc = "Schema that holds the store; several can live in one database.",
                .check = check_schema_name});
    schema.add(
        flag_setting("postgres.migrate", "true", "Whether a start applies pending migrations."));
    schema.add(flag_setting("postgres.pooled", "false",
                            "Whether the URL leads to a pooler in transaction mode (PgBouncer)."));
    schema.add(flag_setting(
        "postgres.unsafe_durability", "false",
        "Serve although the server loses commits in a power cut (fsync, synchronous_commit)."));
    schema.add({.name = "postgres.listen_url",
                .fallback = "",
                .doc =
                    "Past the pooler, to the server itself, for one session that listens; empty: "
                    "other processes' commits are found by polling.",
                .is_secret = true});
    schema.add(
        choice_setting("postgres.encryption", "automatic", {"automatic", "required", "optional"},
                       "What a connection over the network must be. automatic: in production "
                       "sslmode=verify-full; required: encrypted; optional: anything."));
    schema.add(integer_setting("postgres.writers", "2", "1", "32", "Connections that append."));
    schema.add(integer_setting("postgres.connections_min", "1", "0", "1000",
                               "Other connections kept open, and opened at the start."));
    schema.add(integer_setting("postgres.connections_max", "8", "1", "1000",
                               "Other connections at most."));
    schema.add(integer_setting("postgres.group_commit_max", "1000", "1", "10000",
                               "Most appends in one statement."));
    schema.add(span_setting("postgres.acquire_timeout", "5s", "1ms", "10min",
                            "How long a call waits for a connection."));
    schema.add(span_setting("postgres.statement_timeout", "20s", "100ms", "1h",
                            "How long a statement may run before the server undoes it."));
    schema.add(span_setting("postgres.idle_in_transaction_timeout", "10s", "100ms", "1h",
                            "How long a transaction may wait for this process before the server "
                            "undoes it."));
}

void add_runtime(config_schema& schema) {
    schema.add(integer_setting("io.shards", "0", "0", "256",
                               "Threads that run instances; 0: one per core."));
    schema.add(
        integer_setting("io.blocking_threads", "4", "1", "256", "Threads for calls that block."));
    schema.add(integer_setting(
        "runtime.mailbox_max", "1024", "1", "1000000",
        "Commands that may wait for one instance; beyond that: overloaded, at once."));
    schema.add({.name = "runtime.cache_bytes",
                .type = type::bytes,
                .fallback = "64MiB",
                .doc = "Memory for instances; beyond it the least recently used leave.",
                .least = "1MiB",
                .most = "1024GiB"});
    schema.add(span_setting("runtime.deadline", "10s", "1ms", "1h",
                            "How long a command may take if its caller does not say."));
    schema.add(integer_setting(
        "runtime.attempts_max", "16", "1", "1000",
        "How often a command is decided again after a conflict before its caller hears of it."));
    schema.add(integer_setting("runtime.snapshot_every", "100", "0", "1000000",
                               "Events between snapshots if the store does not say; 0: none by "
                               "their number."));
    schema.add({.name = "runtime.snapshot_bytes",
                .type = type::bytes,
                .fallback = "1MiB",
                .doc = "Bytes of events between snapshots if the store does not say; 0B: none by "
                       "their size.",
                .least = "0B",
                .most = "1GiB"});
    schema.add(span_setting(
        "runtime.answer_retention", "30d", "1h", "3650d",
        "How long a command's answer is kept at least; a key repeated later is a new command."));
    schema.add(span_setting("runtime.drain", "20s", "0s", "10min",
                            "How long a stop waits for work in flight."));
    schema.add(
        span_setting("runtime.lease", "10s", "1s", "10min",
                     "How long a process owns the effects it runs before another may take over."));
    schema.add(integer_setting(
        "runtime.effect_concurrency", "256", "1", "10000",
        "Effects each shard carries out at the same time; later ones wait in the store."));
}

void add_presentation(config_schema& schema) {
    schema.add(choice_setting("log.level", "info",
                              {"trace", "debug", "info", "warn", "error", "critical", "off"},
                              "Least level that is printed."));
    schema.add({.name = "log.modules",
                .fallback = "",
                .doc = "Exceptions to log.level: relay=debug,http=warn.",
                .check = check_modules});
    schema.add(choice_setting("log.format", "automatic", {"automatic", "json", "human"},
                              "JSON lines, lines for people, or by whether stdout is a terminal."));
    schema.add(flag_setting("demo.enabled", "true",
                            "Whether `dev` runs the demo driver; `run` never does."));
    schema.add({.name = "demo.rate",
                .type = type::real,
                .fallback = "2",
                .doc = "What the demo driver starts, per second.",
                .least = "0.1",
                .most = "1000"});
}

std::size_t size_at(const settings& values, std::string_view name) {
    return static_cast<std::size_t>(values.integer(name));
}

std::string range_of(const setting& of) {
    if (!of.choices.empty()) {
        std::string out;
        for (const auto& c : of.choices) {
            out += (out.empty() ? "`" : ", `") + c + (of.type == type::url ? ":`" : "`");
        }
        return out;
    }
    return of.least.empty() && of.most.empty() ? "" : "`" + of.least + "`..`" + of.most + "`";
}

}  // namespace

config_schema default_schema() {
    config_schema schema;
    add_rim(schema);
    add_postgres(schema);
    add_kafka(schema);
    add_runtime(schema);
    add_presentation(schema);
    return schema;
}

config::config(const settings& values)
    : http{values.text("http.address"), static_cast<std::uint16_t>(values.integer("http.port")),
           static_cast<std::uint16_t>(values.integer("http.admin_port"))},
      store_url{values.text("store.url")},
      bus_url{values.text("bus.url")},
      io{.shards = size_at(values, "io.shards"),
         .blocking_threads = size_at(values, "io.blocking_threads")},
      runtime{.mailbox_max = size_at(values, "runtime.mailbox_max"),
              .cache_bytes = static_cast<std::size_t>(values.bytes("runtime.cache_bytes")),
              .deadline = values.duration("runtime.deadline"),
              .attempts_max = static_cast<std::uint32_t>(values.integer("runtime.attempts_max")),
              .lease = values.duration("runtime.lease"),
              .effect_concurrency = size_at(values, "runtime.effect_concurrency"),
              .drain = values.duration("runtime.drain"),
              .answer_retention = values.duration("runtime.answer_retention"),
              .cloud_events_source = values.text("bus.cloud_events_source"),
              .snapshots = {.every = size_at(values, "runtime.snapshot_every"),
                            .bytes = values.bytes("runtime.snapshot_bytes")}},
      sqlite{values.text("sqlite.synchronous") == "FULL",
             size_at(values, "sqlite.group_commit_max")},
      postgres{
          .password = values.text("postgres.password"),
          .schema = values.text("postgres.schema"),
          .migrates = values.boolean("postgres.migrate"),
          .is_pooled = values.boolean("postgres.pooled"),
          .allows_unsafe_durability = values.boolean("postgres.unsafe_durability"),
          .listen_url = values.text("postgres.listen_url"),
          .encryption = values.text("postgres.encryption"),
          .writers = size_at(values, "postgres.writers"),
          .connections_min = size_at(values, "postgres.connections_min"),
          .connections_max = size_at(values, "postgres.connections_max"),
          .group_commit_max = size_at(values, "postgres.group_commit_max"),
          .acquire_timeout = values.duration("postgres.acquire_timeout"),
          .statement_timeout = values.duration("postgres.statement_timeout"),
          .idle_in_transaction_timeout = values.duration("postgres.idle_in_transaction_timeout")},
      demo{values.boolean("demo.enabled"), values.real("demo.rate")} {
    if (postgres.connections_min > postgres.connections_max) {
        throw config_error{{{"CFG-013", "postgres.connections_min is above connections_max",
                             values.at("postgres.connections_min").source + " and " +
                                 values.at("postgres.connections_max").source,
                             "raise postgres.connections_max, or lower the other"}}};
    }
    if (http.port != 0 && http.port == http.admin_port) {
        const auto port = std::to_string(http.port);
        throw config_error{
            {{"CFG-013", "http.port and http.admin_port are both " + port,
              values.at("http.port").source + " and " + values.at("http.admin_port").source,
              "give them different ports, or 0 for free ones"}}};
    }
}

void configure_log(const settings& values) {
    log::options options;
    options.level = log::parse_level(values.text("log.level")).value_or(log::level::info);
    options.modules = values.text("log.modules");
    const auto& format = values.text("log.format");
    if (format == "json") options.format = log::format::json;
    if (format == "human") options.format = log::format::human;
    log::configure(options);
}

std::string configuration_page(const config_schema& schema) {
    std::string out =
        "# Configuration\n\n"
        "Flags win over environment variables, those over the file, that over the default. The "
        "file is\n`tidemark.toml` in the working folder, or the one named by `--config` or "
        "`TIDEMARK_CONFIG`. The setting\n`http.port` is `port` in the section `[http]` of the "
        "file, the variable `TIDEMARK_HTTP_PORT`, and\n`--set http.port=8080` on the command "
        "line. `tidemark config show` prints every value and where it\ncame from. A setting "
        "marked *secret* may be read from a file named by its variable with `_FILE`\nbehind it, "
        "and is not shown. This page is generated from the schema; a test fails when it is "
        "stale.\n\n"
        "| Setting | Type | Default | Values | Meaning |\n|---|---|---|---|---|\n";
    for (const auto& s : schema.settings()) {
        const auto range = range_of(s);
        out += "| `" + s.name + "` | " + std::string{to_string(s.type)} +
               (s.is_secret ? ", secret | " : " | ") +
               (s.fallback.empty() ? "| " : "`" + s.fallback + "` | ") +
               (range.empty() ? "| " : range + " | ") + s.doc + " |\n";
    }
    out +=
        "\n## Codes of mistakes\n\nAll mistakes are reported together, and the program exits "
        "with 2. `tidemark explain CODE` prints one of these.\n\n| Code | Meaning |\n|---|---|\n";
    for (const auto& code : config_codes()) {
        out += "| `" + code + "` | " + std::string{*explain_config_code(code)} + " |\n";
    }
    return out;
}

}  // namespace tidemark
