#include "tidemark/examples/checkout/demo.hpp"

#include "tidemark/http/client.hpp"
#include "tidemark/observability/log.hpp"

#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <array>

namespace shop {

namespace http = tidemark::http;
using tidemark::awaitable;

namespace {

using namespace std::chrono_literals;

constexpr std::array<std::string_view, 6> articles{"apple", "bread", "coffee",
                                                   "lamp",  "novel", "umbrella"};
constexpr std::array<int, 6> prices{45, 320, 790, 4900, 1290, 1999};
constexpr std::array<std::string_view, 5> customers{"ada", "grace", "edsger", "barbara", "alan"};
/// Orders between two deliveries of goods, so that now and then an article is sold out.
constexpr std::uint64_t restock_every = 40;

http::outgoing post(std::string url, std::string key, std::string body) {
    http::outgoing out;
    out.method = http::method::post;
    out.url = std::move(url);
    out.headers.add("Content-Type", "application/json");
    out.headers.add("Idempotency-Key", key);
    out.body = std::move(body);
    return out;
}

std::string random_order(tidemark::random_bits& random) {
    const auto first = random.next() % articles.size();
    const auto count = 1 + random.next() % 3;
    std::string lines;
    for (std::size_t i = 0; i < count; ++i) {
        const auto at = (first + i) % articles.size();
        lines += (i == 0 ? "" : ",") + std::string{R"({"sku":")"} + std::string{articles[at]} +
                 R"(","quantity":)" + std::to_string(1 + random.next() % 3) + R"(,"price":)" +
                 std::to_string(prices[at]) + "}";
    }
    return R"({"customer":")" + std::string{customers[random.next() % customers.size()]} +
           R"(","lines":[)" + lines + "]}";
}

awaitable<void> restock(http::client& client, std::string url, tidemark::random_bits& random) {
    for (const auto article : articles) {
        const auto key = "demo-stock-" + std::to_string(random.next());
        auto request = post(url + "/api/v1/inventory/" + std::string{article} + "/restock", key,
                            R"({"quantity":60})");
        auto told = co_await client.fetch(std::move(request));
        if (!told) tidemark::log::debug("demo: not restocked", {"reason", told.error().message()});
    }
}

}  // namespace

awaitable<void> run_demo(tidemark::cli::demo_target target) {
    const tidemark::executor here = co_await boost::asio::this_coro::executor;
    http::client client{target.world, here};
    const auto pause = target.world.make_timer(here);
    auto& random = target.world.random();
    const auto url = "http://" + target.address + ":" + std::to_string(target.port);
    const auto gap = std::chrono::duration_cast<tidemark::duration>(
        std::chrono::duration<double>(1.0 / std::max(target.rate, 0.01)));
    for (std::uint64_t placed = 0; !target.is_stopping(); ++placed) {
        if (placed % restock_every == 0) co_await restock(client, url, random);
        const auto key = "demo-" + std::to_string(random.next());
        auto request = post(url + "/api/v1/orders", key, random_order(random));
        auto told = co_await client.fetch(std::move(request));
        if (!told) tidemark::log::debug("demo: no order", {"reason", told.error().message()});
        for (auto left = gap; left > 0us && !target.is_stopping(); left -= 200ms) {
            const auto step = std::min<tidemark::duration>(left, 200ms);
            co_await pause->wait(step);
        }
    }
}

}  // namespace shop
