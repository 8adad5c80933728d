#include "tidemark/eventbus/kafka_statistics.hpp"

#include <doctest/doctest.h>

using tidemark::kafka::parse_statistics;

TEST_CASE("kafka statistics: brokers are counted by what they are, failures by all they are") {
    const auto seen = parse_statistics(R"({"msg_cnt":3,"msg_size":1200,"brokers":{
        "b:1/bootstrap":{"nodeid":-1,"source":"configured","state":"UP","txerrs":1,
                         "txretries":0,"req_timeouts":2,"rtt":{"avg":0,"cnt":0}},
        "b:1/1":{"nodeid":1,"source":"learned","state":"UP","txerrs":0,"txretries":4,
                 "req_timeouts":0,"rtt":{"avg":1000,"cnt":3}},
        "b:2/2":{"nodeid":2,"source":"learned","state":"INIT","txerrs":0,"txretries":0,
                 "req_timeouts":0,"rtt":{"avg":0,"cnt":0}},
        "b:3/3":{"nodeid":3,"source":"learned","state":"CONNECT","txerrs":5,"txretries":0,
                 "req_timeouts":0,"rtt":{"avg":5000,"cnt":1}},
        "GroupCoordinator":{"nodeid":1,"source":"logical","state":"UP"}}})");
    REQUIRE(seen.has_value());
    CHECK(seen->messages_waiting == 3);
    CHECK(seen->bytes_waiting == 1200);
    CHECK(seen->brokers_up == 1);
    CHECK(seen->brokers_idle == 1);
    CHECK(seen->brokers_down == 1);
    CHECK(seen->requests_failed == 8);
    CHECK(seen->requests_repeated == 4);
    CHECK(seen->round_trip_seconds == doctest::Approx(0.002));
}

TEST_CASE("kafka statistics: a text of another form says nothing") {
    for (const auto* text : {"", "{", "[]", "{}", R"({"brokers":7})"}) {
        CHECK_FALSE(parse_statistics(text).has_value());
    }
    const auto bare = parse_statistics(R"({"msg_cnt":-1,"msg_size":"x","brokers":{"b":7,"c":{}}})");
    REQUIRE(bare.has_value());
    CHECK(bare->messages_waiting == 0);
    CHECK(bare->brokers_down == 0);
}
