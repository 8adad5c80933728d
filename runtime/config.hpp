#pragma once

#include "tidemark/async/io.hpp"
#include "tidemark/runtime/options.hpp"
#include "tidemark/runtime/settings.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace tidemark {

/// A setting given on the command line.
struct config_flag {
    /// As typed: "--port" or "--set".
    std::string spelling;
    /// "http.port".
    std::string name;
    std::string value;
};

/// Where values come from; the first that sets one wins: flags, environment, file, default.
struct config_sources {
    std::vector<config_flag> flags;
    /// "NAME=value" each, as in `environ`.
    std::vector<std::string> environment;
    /// A file that must exist; empty: `TIDEMARK_CONFIG`, else `fallback_file` if there is one.
    std::string file;
    std::string fallback_file = "tidemark.toml";
    /// What the user ran, for remedies that are commands.
    std::string program = "tidemark";
};

/// The settings of Tidemark itself.
[[nodiscard]] config_schema default_schema();

/// Reads every source and reports every mistake at once: throws `config_error`. Values of a
/// source are checked even if another source overrides them.
[[nodiscard]] settings load_settings(const config_schema& schema, const config_sources& sources);

/// The environment of this process, for `config_sources::environment`.
[[nodiscard]] std::vector<std::string> process_environment();

/// The values of `default_schema`, typed. Each member is documented by its setting.
struct config {
    struct http_options {
        std::string address;
        std::uint16_t port;
        std::uint16_t admin_port;
    };
    struct sqlite_options {
        bool is_synchronous_full;
        std::size_t group_commit_max;
    };
    struct postgres_options {
        std::string password;
        std::string schema;
        bool migrates;
        bool is_pooled;
        bool allows_unsafe_durability;
        std::string listen_url;
        /// "automatic": in production.
        std::string encryption;
        std::size_t writers;
        std::size_t connections_min;
        std::size_t connections_max;
        std::size_t group_commit_max;
        duration acquire_timeout;
        duration statement_timeout;
        duration idle_in_transaction_timeout;
    };
    struct demo_options {
        bool is_enabled;
        double rate;
    };

    /// Throws like `load_settings` for what only holds between settings.
    explicit config(const settings& values);

    http_options http;
    std::string store_url;
    std::string bus_url;
    io_options io;
    /// Only what `runtime.*` names is set; the rest has its defaults.
    runtime_options runtime;
    sqlite_options sqlite;
    postgres_options postgres;
    demo_options demo;
};

/// Installs what log.* says: see `log::configure`.
void configure_log(const settings& values);

/// The schema as the Markdown page `docs/configuration.md`.
[[nodiscard]] std::string configuration_page(const config_schema& schema);

}  // namespace tidemark
