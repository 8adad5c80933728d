#include "tidemark/eventbus/kafka_trouble.hpp"

#include <doctest/doctest.h>

#include <string>

using tidemark::kafka::trouble;

namespace {

tidemark::kafka_options secured() {
    tidemark::kafka_options out;
    out.brokers = "db.example:9093";
    out.security = "sasl_ssl";
    out.username = "ada";
    out.password = "s3cret";
    out.ca_file = "/etc/ca.pem";
    return out;
}

bool says(const trouble& in, std::string_view part) {
    return in.text().find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("kafka trouble: one broker that is away is none until all are") {
    trouble seen{secured()};
    seen.heard(RD_KAFKA_RESP_ERR__TRANSPORT, "b:1 Connection refused");
    CHECK(seen.text() == "");
    CHECK_FALSE(seen.is_everywhere());
    seen.heard(RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, "2/2 brokers are down");
    CHECK(seen.text() == "b:1 Connection refused");
    CHECK(seen.is_everywhere());
    CHECK_FALSE(seen.is_refusal());
    seen.is_over();
    CHECK(seen.text() == "");
    CHECK_FALSE(seen.is_everywhere());
}

TEST_CASE("kafka trouble: a refused user names the settings, and not the password") {
    trouble seen{secured()};
    seen.heard(RD_KAFKA_RESP_ERR__AUTHENTICATION, "SASL authentication error");
    seen.heard(RD_KAFKA_RESP_ERR__TRANSPORT, "Disconnected");
    seen.heard(RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, "1/1 brokers are down");
    for (const auto* part : {"SASL authentication error", "kafka.username \"ada\"",
                             "kafka.password", "kafka.sasl_mechanism SCRAM-SHA-512"}) {
        CHECK_MESSAGE(says(seen, part), seen.text());
    }
    CHECK_FALSE(says(seen, "s3cret"));
    CHECK(seen.is_refusal());
}

TEST_CASE("kafka trouble: what a certificate lacks is said with the setting to correct") {
    struct row {
        int x509_error;
        const char* part;
        const char* setting;
    };
    const row rows[] = {{62, "is not for that name", "bus.url"},
                        {64, "is not for that name", "bus.url"},
                        {18, "not signed by an authority that is known", "kafka.ca_file"},
                        {20, "now \"/etc/ca.pem\"", "kafka.ca_file"},
                        {10, "has expired", "clock"},
                        {9, "begins later", "clock"},
                        {66, "error 66", "kafka.ca_file"}};
    for (const auto& [x509_error, part, setting] : rows) {
        trouble seen{secured()};
        seen.distrusted("sasl_ssl://db.example:9093/1", x509_error);
        CHECK(seen.text() == "");
        seen.heard(RD_KAFKA_RESP_ERR__SSL, "certificate verify failed");
        CHECK_MESSAGE(says(seen, part), seen.text());
        CHECK_MESSAGE(says(seen, setting), seen.text());
        CHECK_MESSAGE(says(seen, "db.example:9093"), seen.text());
    }
}

TEST_CASE("kafka trouble: the wrong protocol names the security setting, a wrong host the URL") {
    trouble seen{secured()};
    seen.heard(RD_KAFKA_RESP_ERR__SSL,
               "SSL handshake failed: Disconnected: connecting to a PLAINTEXT broker listener?");
    CHECK_MESSAGE(says(seen, "kafka.security is sasl_ssl"), seen.text());
    trouble unknown{secured()};
    unknown.heard(RD_KAFKA_RESP_ERR__RESOLVE, "Failed to resolve 'db.example:9093'");
    CHECK_MESSAGE(says(unknown, "bus.url"), unknown.text());
}
