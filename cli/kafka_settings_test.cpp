#include "tidemark/cli/kafka_settings.hpp"

#include "tidemark/async/io.hpp"
#include "tidemark/cli/failure.hpp"
#include "tidemark/cli/open_store.hpp"
#include "tidemark/runtime/config.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace tidemark;
using namespace std::chrono_literals;

namespace {

settings with(std::vector<std::pair<std::string, std::string>> flags) {
    config_sources sources;
    sources.fallback_file.clear();
    for (auto& [name, value] : flags) sources.flags.push_back({"--set", name, value});
    return load_settings(default_schema(), sources);
}

/// What opening this bus is refused with.
std::string refused_with(const settings& values, bool allows_plaintext) {
    io world{{.shards = 1}};
    try {
        (void)cli::open_bus(world, values, allows_plaintext);
    } catch (const cli::failure& refused) {
        return refused.what();
    }
    throw std::runtime_error{"the bus was opened"};
}

}  // namespace

TEST_CASE("kafka settings: the URL names the brokers, and kafka.* the rest") {
    const auto made = cli::kafka_settings(with({{"bus.url", "kafka://a:9092,b:9092"},
                                                {"kafka.partitions", "12"},
                                                {"kafka.security", "sasl_ssl"},
                                                {"kafka.username", "ada"},
                                                {"kafka.delivery_timeout", "7s"}}));
    CHECK(made.brokers == "a:9092,b:9092");
    CHECK(made.partitions == 12);
    CHECK(made.security == "sasl_ssl");
    CHECK(made.username == "ada");
    CHECK(made.delivery_timeout == 7s);
}

TEST_CASE("kafka settings: plaintext is for brokers on this machine, or for development") {
    const auto far = with({{"bus.url", "kafka://127.0.0.1:9092,db.example:9092"}});
    const auto refused = refused_with(far, false);
    CHECK(refused.find("127.0.0.1:9092,db.example:9092") != std::string::npos);
    CHECK(refused.find("kafka.security") != std::string::npos);
    const auto in_the_clear =
        with({{"bus.url", "kafka://db.example:9092"}, {"kafka.security", "sasl_plaintext"}});
    CHECK(refused_with(in_the_clear, false).find("sasl_plaintext") != std::string::npos);
    CHECK_FALSE(cli::is_loopback(cli::kafka_settings(far)));
    io world{{.shards = 1}};
    const auto near = with({{"bus.url", "kafka://127.0.0.1:1,[::1]:1,localhost:1"}});
    CHECK(cli::open_bus(world, near, false) != nullptr);
}

TEST_CASE("kafka settings: a certificate file that is not there is named") {
    const auto refused = refused_with(with({{"bus.url", "kafka://db.example:9092"},
                                            {"kafka.security", "ssl"},
                                            {"kafka.ca_file", "/nowhere/ca.pem"}}),
                                      false);
    CHECK(refused.find("/nowhere/ca.pem") != std::string::npos);
}
