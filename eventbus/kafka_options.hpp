#pragma once

#include "tidemark/core/version.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace tidemark {

/// How brokers that speak Kafka's protocol are reached, and the bounds of what waits on the way.
/// Copied by whoever takes it.
struct kafka_options {
    /// "host:port,host:port": where to begin; the rest is learned from the first that answers.
    std::string brokers;
    /// What the brokers' logs and quotas know this process as.
    std::string client_id = "tidemark";

    /// "plaintext", "ssl", "sasl_plaintext" or "sasl_ssl".
    std::string security = "plaintext";
    /// With SASL: "SCRAM-SHA-512", "SCRAM-SHA-256" or "PLAIN".
    std::string sasl_mechanism = "SCRAM-SHA-512";
    std::string username;
    std::string password;
    /// File of the certificates that a broker's is checked against; empty: the system's. A broker's
    /// host name is always checked.
    std::string ca_file;

    /// Partitions of the topics: how a missing one is made, and what one that is there must have.
    std::size_t partitions = 6;
    /// Whether `ensure_topic` makes one that is missing; otherwise it has to be waited for.
    bool creates_topics = true;
    /// Copies of each partition of a topic that is made; 0: what the brokers do by default.
    std::size_t replication = 0;

    /// How long the brokers have to take a message, its repetitions included; then its report says
    /// whether it may be there all the same.
    duration delivery_timeout = std::chrono::seconds{30};
    /// How long a message waits for company. More is better compressed and later. What is published
    /// together travels together with much less.
    duration linger = std::chrono::microseconds{500};
    /// Requests to a broker that are not answered yet, at most 5. With more than one, order and
    /// loss rest on the broker's check of sequences.
    std::size_t requests_in_flight_max = 5;
    /// "none", "lz4", "zstd", "gzip" or "snappy".
    std::string compression = "lz4";
    /// With it, relays publish in transactions, under this and the log's identity and the topic
    /// ("shop" → "shop.<log>.relay:<topic>"): brokers shut out a relay whose lease another one has
    /// taken, whatever it still sends. Readers have to read what is committed, as librdkafka does
    /// by default. Empty: consumers see copies of such a relay, and drop them by version.
    std::string transactional_id;
    /// Key, payload and headers together; a larger message is `refused`.
    std::size_t message_bytes_max = 960UL * 1024;
    /// Messages and bytes on their way to the brokers; what publishes waits at the bound. Two of
    /// the largest messages always fit.
    std::size_t messages_queued_max = 20'000;
    std::size_t bytes_queued_max = std::size_t{64} << 20U;
    /// Bytes of one partition's messages that are sent together; a larger message goes alone.
    std::size_t batch_bytes_max = std::size_t{1} << 20U;

    /// How long a member may be silent before its partitions are given to others.
    duration session_timeout = std::chrono::seconds{10};
    /// How long a member may work on what it polled before it counts as hung.
    duration poll_interval_max = std::chrono::minutes{5};
    /// "range" is right for brokers' clients before 2.10; later "cooperative-sticky" is as well.
    std::string assignment = "range";
    /// The name by which a member comes back to its partitions after a restart; empty: none.
    std::string member_id;
    /// Bytes fetched and not yet polled, for each partition.
    std::size_t bytes_fetched_max = std::size_t{8} << 20U;

    /// How long a topic may be unknown before it counts as missing: brokers hear of a fresh one
    /// one after the other.
    duration topic_patience = std::chrono::seconds{3};
    /// How long a question about topics may take.
    duration ask_timeout = std::chrono::seconds{10};
};

}  // namespace tidemark
