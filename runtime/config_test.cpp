#include "tidemark/runtime/config.hpp"

#include "tidemark/runtime/nearest.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace {

using namespace tidemark;
using namespace std::chrono_literals;

/// A folder of its own, removed at the end of the test.
class folder {
  public:
    folder() {
        auto name = (std::filesystem::temp_directory_path() / "tidemark_config_XXXXXX").string();
        path_ = ::mkdtemp(name.data());
    }
    folder(const folder&) = delete;
    folder& operator=(const folder&) = delete;
    ~folder() { std::filesystem::remove_all(path_); }

    std::string write(const std::string& name, const std::string& text) const {
        const auto path = (path_ / name).string();
        std::ofstream{path} << text;
        return path;
    }
    [[nodiscard]] std::string path(const std::string& name) const {
        return (path_ / name).string();
    }

  private:
    std::filesystem::path path_;
};

config_sources only_defaults() {
    config_sources out;
    out.fallback_file.clear();
    return out;
}

std::vector<config_mistake> mistakes_of(const config_sources& sources) {
    try {
        (void)load_settings(default_schema(), sources);
    } catch (const config_error& e) {
        return e.mistakes();
    }
    return {};
}

std::string source_of(const settings& values, const char* name) { return values.at(name).source; }

}  // namespace

TEST_CASE("config: without any source every setting has its default") {
    const auto values = load_settings(default_schema(), only_defaults());
    const config c{values};
    CHECK(c.http.address == "127.0.0.1");
    CHECK(c.http.port == 8080);
    CHECK(c.http.admin_port == 8081);
    CHECK(c.store_url == "sqlite:./tidemark.db");
    CHECK(c.bus_url == "memory:");
    CHECK(c.io.shards == 0);
    CHECK(c.io.blocking_threads == 4);
    CHECK(c.runtime.mailbox_max == 1024);
    CHECK(c.runtime.cache_bytes == 64U * 1024 * 1024);
    CHECK(c.runtime.deadline == 10s);
    CHECK(c.runtime.drain == 20s);
    CHECK(c.runtime.lease == 10s);
    CHECK(c.runtime.snapshots.every == 100);
    CHECK(c.runtime.snapshots.bytes == 1024U * 1024);
    CHECK(c.sqlite.is_synchronous_full);
    CHECK(c.demo.is_enabled);
    CHECK(source_of(values, "http.port") == "default");
}

TEST_CASE("config: flags win over environment, environment over file, file over default") {
    const folder f;
    auto sources = only_defaults();
    sources.file = f.write("t.toml",
                           "[http]\naddress = \"::1\"\nport = 1\nadmin_port = 2\n"
                           "[runtime]\ndeadline = \"1500ms\"\n");
    sources.environment = {"TIDEMARK_HTTP_PORT=3", "TIDEMARK_HTTP_ADMIN_PORT=4", "HOME=/root"};
    sources.flags = {{"--port", "http.port", "5"}};
    const auto values = load_settings(default_schema(), sources);
    CHECK(values.integer("http.port") == 5);
    CHECK(source_of(values, "http.port") == "flag --port");
    CHECK(values.integer("http.admin_port") == 4);
    CHECK(source_of(values, "http.admin_port") == "environment TIDEMARK_HTTP_ADMIN_PORT");
    CHECK(values.text("http.address") == "::1");
    CHECK(source_of(values, "http.address") == sources.file + ":2");
    CHECK(values.duration("runtime.deadline") == 1500ms);
    CHECK(values.integer("runtime.mailbox_max") == 1024);
}

TEST_CASE("config: all mistakes of all sources are reported together, each with its fix") {
    const folder f;
    auto sources = only_defaults();
    sources.file = f.write("t.toml",
                           "[http]\nport = \"abc\"\n\n[runtime]\nmailbx_max = 5\n"
                           "lease = 10\nattempts_max = [1]\n");
    sources.environment = {"TIDEMARK_RUNTIME_DRAIN=soon",
                           "TIDEMARK_STORE_ULR=memory:", "TIDEMARK_STRICT=1"};
    sources.flags = {{"--set", "io.shard", "2"}, {"--store", "store.url", "oracle:x"}};
    const auto found = mistakes_of(sources);
    const auto has = [&found](std::string_view code, std::string_view what, std::string_view from,
                              std::string_view fix) {
        return std::any_of(found.begin(), found.end(), [&](const config_mistake& m) {
            return m.code == code && m.what == what && m.from.ends_with(from) && m.fix == fix;
        });
    };
    CHECK(found.size() == 8);
    CHECK(has("CFG-012", "http.port must be 0..65535, got \"abc\"", "t.toml:2",
              "[http]  port = 8080"));
    CHECK(has("CFG-003", "there is no setting runtime.mailbx_max", "t.toml:5",
              "did you mean runtime.mailbox_max?"));
    CHECK(has("CFG-012",
              "runtime.lease must be a duration with its unit (us ms s min h d), 1s..10min, "
              "got \"10\"",
              "t.toml:6", "[runtime]  lease = \"10s\""));
    CHECK(has("CFG-011", "runtime.attempts_max must be one value, got a list, a table or a date",
              "t.toml:7", "[runtime]  attempts_max = 16"));
    CHECK(has("CFG-012",
              "runtime.drain must be a duration with its unit (us ms s min h d), 0s..10min, "
              "got \"soon\"",
              "environment TIDEMARK_RUNTIME_DRAIN", "export TIDEMARK_RUNTIME_DRAIN=20s"));
    CHECK(has("CFG-004", "there is no setting for the variable TIDEMARK_STORE_ULR",
              "environment TIDEMARK_STORE_ULR", "did you mean TIDEMARK_STORE_URL?"));
    CHECK(has("CFG-005", "there is no setting io.shard", "flag --set io.shard",
              "did you mean io.shards?"));
    CHECK(has("CFG-012",
              "store.url must begin with sqlite:, postgres:, postgresql: or memory:, "
              "got \"oracle:x\"",
              "flag --store", "--store sqlite:./tidemark.db"));
}

TEST_CASE("config: a mistake is printed with code, source and fix") {
    auto sources = only_defaults();
    sources.environment = {"TIDEMARK_IO_SHARDS=many"};
    CHECK_THROWS_WITH_AS((void)load_settings(default_schema(), sources),
                         "tidemark-CFG-012  io.shards must be 0..256, got \"many\"\n"
                         "  from     environment TIDEMARK_IO_SHARDS\n"
                         "  fix      export TIDEMARK_IO_SHARDS=0      docs: tidemark explain "
                         "CFG-012",
                         config_error);
}

TEST_CASE("config: values are parsed by type and kept within their bounds") {
    const auto schema = default_schema();
    struct row {
        const char *name, *text;
        bool is_valid;
    };
    const row rows[] = {
        {"http.port", "0", true},
        {"http.port", "65535", true},
        {"http.port", "65536", false},
        {"http.port", "-1", false},
        {"http.port", "80 ", false},
        {"http.port", "", false},
        {"http.port", "8e3", false},
        {"http.port", "99999999999999999999", false},
        {"http.address", "::", true},
        {"http.address", "localhost", false},
        {"runtime.deadline", "1h", true},
        {"runtime.deadline", "61min", false},
        {"runtime.deadline", "0s", false},
        {"runtime.deadline", "0.5s", true},
        {"runtime.deadline", "s", false},
        {"runtime.deadline", "nan s", false},
        {"runtime.deadline", "infs", false},
        {"runtime.cache_bytes", "1048576", true},
        {"runtime.cache_bytes", "1.5MiB", true},
        {"runtime.cache_bytes", "1MB", false},
        {"runtime.cache_bytes", "1048575", false},
        {"demo.rate", "0.1", true},
        {"demo.rate", "inf", false},
        {"demo.enabled", "yes", false},
        {"sqlite.synchronous", "full", false},
        {"bus.url", "kafka://a:9092,b:9092", true},
        {"bus.url", "kafka://a", false},
        {"bus.url", "kafka://", false},
        {"bus.url", "kafka:a:9092", false},
        {"bus.url", "memory:x", false},
        {"store.url", "sqlite", false},
        {"store.url", "sqlite:", false},
        {"store.url", "memory:x", false},
        {"store.url", "postgres://shop:secret@db:5432/orders?sslmode=require", true},
        {"store.url", "postgresql:///orders", true},
        {"store.url", "postgres:orders", false},
        {"store.url", "postgres://db/orders?password=secret", false},
        {"postgres.schema", "orders_2", true},
        {"postgres.schema", "2orders", false},
        {"postgres.schema", "orders; DROP", false},
        {"log.modules", "relay=debug", true},
        {"log.modules", "relay", false},
        {"log.modules", "relay=loud", false},
    };
    for (const auto& r : rows) {
        const auto parsed = parse_setting(*schema.find(r.name), r.text);
        CHECK_MESSAGE(std::holds_alternative<setting_value>(parsed) == r.is_valid, r.name, " = ",
                      r.text);
    }
}

TEST_CASE("config: a secret may stand in a file, but not beside its variable") {
    const folder f;
    auto schema = default_schema();
    schema.add({.name = "payment.token", .fallback = "", .doc = "Token.", .is_secret = true});
    auto sources = only_defaults();
    sources.environment = {"TIDEMARK_PAYMENT_TOKEN_FILE=" + f.write("token", "hush\n")};
    const auto values = load_settings(schema, sources);
    CHECK(values.text("payment.token") == "hush");
    CHECK(shown(values.at("payment.token")) == "********");
    sources.environment.push_back("TIDEMARK_PAYMENT_TOKEN=other");
    CHECK_THROWS_WITH_AS((void)load_settings(schema, sources), doctest::Contains("CFG-006"),
                         config_error);
    sources.environment = {"TIDEMARK_PAYMENT_TOKEN_FILE=" + f.path("missing")};
    CHECK_THROWS_WITH_AS((void)load_settings(schema, sources), doctest::Contains("CFG-007"),
                         config_error);
}

TEST_CASE("config: the password in a url is not shown") {
    const setting url{.name = "store.url", .type = setting_type::url, .is_secret = true};
    const auto show = [&url](const char* text) {
        return shown({url, std::string{text}, text, "default"});
    };
    CHECK(show("sqlite:./tidemark.db") == "sqlite:./tidemark.db");
    CHECK(show("postgres://ada:p@ss:w@db/bank") == "postgres://ada:********@db/bank");
    CHECK(show("postgres://ada@db:5432/bank") == "postgres://ada@db:5432/bank");
}

TEST_CASE("config: a file that is named must be there, and be TOML") {
    const folder f;
    auto sources = only_defaults();
    sources.file = f.path("missing.toml");
    REQUIRE(mistakes_of(sources).size() == 1);
    CHECK(mistakes_of(sources)[0].code == "CFG-001");
    sources.file = f.path(".");
    REQUIRE(mistakes_of(sources).size() == 1);
    CHECK(mistakes_of(sources)[0].code == "CFG-001");
    sources.file = f.write("bad.toml", "[http]\nport = = 1\n");
    REQUIRE(mistakes_of(sources).size() == 1);
    CHECK(mistakes_of(sources)[0].code == "CFG-002");
    CHECK(mistakes_of(sources)[0].from.find("bad.toml:2, column") != std::string::npos);
    sources.file = f.write("empty.toml", "");
    CHECK(mistakes_of(sources).empty());
}

TEST_CASE("config: the file of the working folder may be missing, the one of TIDEMARK_CONFIG not") {
    const folder f;
    config_sources sources;
    sources.fallback_file = f.path("tidemark.toml");
    CHECK(mistakes_of(sources).empty());
    f.write("tidemark.toml", "[io]\nshards = 3\n");
    CHECK(load_settings(default_schema(), sources).integer("io.shards") == 3);
    sources.environment = {"TIDEMARK_CONFIG=" + f.path("other.toml")};
    REQUIRE(mistakes_of(sources).size() == 1);
    CHECK(mistakes_of(sources)[0].from == "environment TIDEMARK_CONFIG");
}

TEST_CASE("config: both listeners on one port are refused with both sources") {
    auto sources = only_defaults();
    sources.flags = {{"--port", "http.port", "8081"}};
    const auto values = load_settings(default_schema(), sources);
    CHECK_THROWS_WITH_AS((config{values}), doctest::Contains("flag --port and default"),
                         config_error);
}

TEST_CASE("config: an application adds settings, and a wrong declaration is refused") {
    auto schema = default_schema();
    const auto add = [&schema](std::string name, std::string fallback) {
        schema.add({.name = std::move(name),
                    .type = setting_type::integer,
                    .fallback = std::move(fallback),
                    .doc = "X.",
                    .most = "9"});
    };
    add("payment.retries", "3");
    CHECK(load_settings(schema, only_defaults()).integer("payment.retries") == 3);
    CHECK_THROWS_WITH_AS(add("payment.retries", "3"), doctest::Contains("twice"),
                         std::invalid_argument);
    CHECK_THROWS_WITH_AS(add("payment.other", "10"), doctest::Contains("default is \"10\""),
                         std::invalid_argument);
    CHECK_THROWS_WITH_AS(add("payment", "1"), doctest::Contains("section.key"),
                         std::invalid_argument);
}

TEST_CASE("config: every code a mistake can have is explained") {
    for (const auto& code : config_codes()) CHECK(explain_config_code(code).has_value());
    CHECK(!explain_config_code("CFG-999").has_value());
}

TEST_CASE("nearest: the closest word within a third of its letters, or none") {
    const std::vector<std::string> words{"stream", "saga", "projection", "tail"};
    CHECK(nearest("straem", words) == "stream");
    CHECK(nearest("sagas", words) == "saga");
    CHECK(nearest("projekton", words) == "projection");
    CHECK(nearest("tial", words) == "tail");
    CHECK(nearest("xyz", words) == std::nullopt);
    CHECK(nearest(std::string(1000, 'a'), words) == std::nullopt);
}

TEST_CASE("config: docs/configuration.md is what the schema says") {
    const auto path = std::string{TIDEMARK_SOURCE_ROOT} + "/docs/configuration.md";
    const auto page = configuration_page(default_schema());
    if (std::getenv("TIDEMARK_WRITE_DOCS") != nullptr) std::ofstream{path} << page;
    std::ifstream in{path};
    std::ostringstream text;
    text << in.rdbuf();
    CHECK_MESSAGE(text.str() == page,
                  "docs/configuration.md is stale: run this test with TIDEMARK_WRITE_DOCS=1");
}
