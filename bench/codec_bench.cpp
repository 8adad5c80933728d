/// Encoding and decoding of one event of about 200 bytes: ours, the general library's way (a tree
/// in between), and the limit, a parser and a printer written by hand for this one struct.

#include "tidemark/codec/json_codec.hpp"
#include "tidemark/core/message.hpp"

#include <benchmark/benchmark.h>
#include <boost/describe/class.hpp>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_from.hpp>
#include <boost/json/value_to.hpp>

#include <charconv>
#include <cstring>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace {

TIDEMARK_VALUE(cents, std::int64_t)

struct line {
    std::string sku;
    std::int32_t qty = 0;
    cents price;
};

struct order {
    struct placed {
        std::string customer;
        std::string currency;
        std::vector<line> items;
        cents total;
        bool express = false;
        std::uint64_t number = 0;
    };
    struct closed {};
    using event = std::variant<placed, closed>;
};

TIDEMARK_STRUCT(line, sku, qty, price)
TIDEMARK_MESSAGE(order::placed, "order.placed.v1", customer, currency, items, total, express,
                 number)
TIDEMARK_MESSAGE(order::closed, "order.closed.v1")

/// The same fields for the library's own conversions, which know no strong values.
struct plain_line {
    std::string sku;
    std::int32_t qty = 0;
    std::int64_t price = 0;
};
struct plain_placed {
    std::string customer;
    std::string currency;
    std::vector<plain_line> items;
    std::int64_t total = 0;
    bool express = false;
    std::uint64_t number = 0;
};
BOOST_DESCRIBE_STRUCT(plain_line, (), (sku, qty, price))
BOOST_DESCRIBE_STRUCT(plain_placed, (), (customer, currency, items, total, express, number))

order::placed example() {
    return {.customer = "Ada Lovelace, St James's Square",
            .currency = "EUR",
            .items = {{"tea-earl-grey-100", 2, cents{1250}}, {"kettle-steel", 1, cents{4999}}},
            .total = cents{7499},
            .express = true,
            .number = 9'007'199'254'740'993};
}

plain_placed plain_example() {
    plain_placed plain{.customer = example().customer,
                       .currency = "EUR",
                       .items = {},
                       .total = 7499,
                       .express = true,
                       .number = 9'007'199'254'740'993};
    for (const auto& it : example().items)
        plain.items.push_back({it.sku, it.qty, it.price.value()});
    return plain;
}

std::string payload() { return tidemark::encode(example()).payload; }

/// The limit: knows every byte that comes, checks nothing but what it needs to stay in bounds.
class hand_written_reader {
  public:
    explicit hand_written_reader(std::string_view text)
        : at_{text.data()}, end_{at_ + text.size()} {}

    plain_placed read() {
        plain_placed out;
        skip("{\"customer\":");
        out.customer = string();
        skip(",\"currency\":");
        out.currency = string();
        skip(",\"items\":[");
        while (*at_ == '{') {
            auto& item = out.items.emplace_back();
            skip("{\"sku\":");
            item.sku = string();
            skip(",\"qty\":");
            item.qty = number<std::int32_t>();
            skip(",\"price\":");
            item.price = number<std::int64_t>();
            skip("}");
            if (*at_ == ',') ++at_;
        }
        skip("],\"total\":");
        out.total = number<std::int64_t>();
        skip(",\"express\":");
        out.express = *at_ == 't';
        at_ += out.express ? 4 : 5;
        skip(",\"number\":");
        out.number = number<std::uint64_t>();
        return out;
    }

  private:
    void skip(std::string_view expected) { at_ += expected.size(); }
    std::string_view string() {
        const auto* const start = ++at_;
        const auto* const quote = static_cast<const char*>(
            std::memchr(start, '"', static_cast<std::size_t>(end_ - start)));
        at_ = quote + 1;
        return {start, static_cast<std::size_t>(quote - start)};
    }
    template <class T>
    T number() {
        T value{};
        at_ = std::from_chars(at_, end_, value).ptr;
        return value;
    }

    const char* at_;
    const char* end_;
};

void append(std::string& out, std::int64_t value) {
    char digits[20];
    out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

std::string hand_written(const plain_placed& value) {
    std::string out;
    out.reserve(256);
    out.append("{\"customer\":\"").append(value.customer);
    out.append("\",\"currency\":\"").append(value.currency).append("\",\"items\":[");
    for (const auto& item : value.items) {
        if (out.back() == '}') out += ',';
        out.append("{\"sku\":\"").append(item.sku).append("\",\"qty\":");
        append(out, item.qty);
        out.append(",\"price\":");
        append(out, item.price);
        out += '}';
    }
    out.append("],\"total\":");
    append(out, value.total);
    out.append(",\"express\":").append(value.express ? "true" : "false").append(",\"number\":");
    append(out, static_cast<std::int64_t>(value.number));
    out += '}';
    return out;
}

void finish(benchmark::State& state) {
    const auto bytes = payload().size();
    state.SetBytesProcessed(static_cast<std::int64_t>(bytes) * state.iterations());
    state.counters["bytes"] = static_cast<double>(bytes);
}

void decode_event(benchmark::State& state) {
    const auto text = payload();
    for (auto _ : state) {
        auto event = tidemark::decode_variant<order::event>("order.placed.v1", text);
        benchmark::DoNotOptimize(event);
    }
    finish(state);
}
BENCHMARK(decode_event)->Name("codec/decode");

void decode_by_tree(benchmark::State& state) {
    const auto text = payload();
    for (auto _ : state) {
        unsigned char buffer[4096];
        boost::json::monotonic_resource memory{buffer};
        auto event = boost::json::value_to<plain_placed>(boost::json::parse(text, &memory));
        benchmark::DoNotOptimize(event);
    }
    finish(state);
}
BENCHMARK(decode_by_tree)->Name("codec/decode/tree");

void decode_limit(benchmark::State& state) {
    const auto text = payload();
    if (hand_written_reader{text}.read().number != example().number) {
        state.SkipWithError("the hand-written reader reads something else");
    }
    for (auto _ : state) {
        auto event = hand_written_reader{text}.read();
        benchmark::DoNotOptimize(event);
    }
    finish(state);
}
BENCHMARK(decode_limit)->Name("codec/decode/limit");

void encode_event(benchmark::State& state) {
    const order::event event = example();
    for (auto _ : state) {
        auto encoded = tidemark::try_encode(event);
        benchmark::DoNotOptimize(encoded);
    }
    finish(state);
}
BENCHMARK(encode_event)->Name("codec/encode");

void encode_by_tree(benchmark::State& state) {
    const auto event = plain_example();
    for (auto _ : state) {
        unsigned char buffer[4096];
        boost::json::monotonic_resource memory{buffer};
        auto text = boost::json::serialize(boost::json::value_from(event, &memory));
        benchmark::DoNotOptimize(text);
    }
    finish(state);
}
BENCHMARK(encode_by_tree)->Name("codec/encode/tree");

void encode_limit(benchmark::State& state) {
    const auto event = plain_example();
    if (hand_written(event) != payload()) {
        state.SkipWithError("the hand-written printer prints something else");
    }
    for (auto _ : state) {
        auto text = hand_written(event);
        benchmark::DoNotOptimize(text);
    }
    finish(state);
}
BENCHMARK(encode_limit)->Name("codec/encode/limit");

}  // namespace

BENCHMARK_MAIN();
