#include "tidemark/http/router.hpp"

#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>

using namespace tidemark;
using namespace tidemark::http;

namespace {

/// Answers with the route's name and the path parameters it got.
awaitable<response> tell(std::string name, request r) {
    for (const auto& [key, value] : r.path_parameters) name += " " + key + "=" + value;
    co_return text(200, name);
}

action telling(std::string name) {
    return [name](request r) { return tell(name, std::move(r)); };
}

awaitable<response> fail(request) {
    throw std::runtime_error{"out of cheese"};
    co_return no_content();
}

router shop() {
    router out;
    out.get("/orders/{id}", telling("order"))
        .get("/orders/recent", telling("recent"))
        .post("/orders/{id}/cancel", telling("cancel"))
        .get("/orders", telling("list"))
        .post("/orders", telling("place"))
        .get("/files/{path...}", telling("file"))
        .get("/files/index", telling("index"))
        .get("/", telling("root"))
        .get("/broken", fail);
    return out;
}

dispatched ask(method m, std::string path) {
    io threads{{.shards = 1, .blocking_threads = 1}};
    const auto routes = shop();
    request r;
    r.method = m;
    r.path = std::move(path);
    return run(threads, routes.dispatch(std::move(r)));
}

}  // namespace

TEST_CASE("router: the best route answers, with its parameters") {
    struct row {
        method asked;
        std::string_view path, answer, route;
    };
    for (const auto& [asked, path, answer, route] : {
             row{method::get, "/", "root", "/"},
             row{method::get, "/orders", "list", "/orders"},
             row{method::post, "/orders", "place", "/orders"},
             row{method::get, "/orders/7", "order id=7", "/orders/{id}"},
             row{method::get, "/orders/recent", "recent", "/orders/recent"},
             row{method::head, "/orders/7", "order id=7", "/orders/{id}"},
             row{method::post, "/orders/a b/cancel", "cancel id=a b", "/orders/{id}/cancel"},
             row{method::get, "/files/index", "index", "/files/index"},
             row{method::get, "/files/a/b.js", "file path=a/b.js", "/files/{path...}"},
         }) {
        CAPTURE(path);
        const auto out = ask(asked, std::string{path});
        CHECK(out.reply.status == 200);
        CHECK(out.reply.body == answer);
        CHECK(out.route == route);
        CHECK(out.failure.empty());
    }
}

TEST_CASE("router: unknown paths are 404, trailing slashes among them") {
    for (const auto path : {"/nothing", "/orders/", "/orders/7/", "/orders//cancel", "/files/",
                            "/files", "//", "/orders/7/cancel/now"}) {
        CAPTURE(path);
        const auto out = ask(method::get, path);
        CHECK(out.reply.status == 404);
        CHECK(out.route == "unmatched");
    }
}

TEST_CASE("router: a known path under another method is 405 and says what is offered") {
    const auto out = ask(method::erase, "/orders");
    CHECK(out.reply.status == 405);
    CHECK(out.reply.headers.find("Allow") == "GET, HEAD, OPTIONS, POST");
    CHECK(ask(method::head, "/orders/7/cancel").reply.status == 405);
}

TEST_CASE("router: OPTIONS lists the methods of a known path") {
    const auto out = ask(method::options, "/orders/7/cancel");
    CHECK(out.reply.status == 204);
    CHECK(out.reply.headers.find("Allow") == "OPTIONS, POST");
    CHECK(ask(method::options, "/nothing").reply.status == 404);
}

TEST_CASE("router: what an action throws is a 500 for the caller and a line for the log") {
    const auto out = ask(method::get, "/broken");
    CHECK(out.reply.status == 500);
    REQUIRE(out.reply.failure);
    CHECK(out.reply.failure->code == "user_code_threw");
    CHECK(out.reply.failure->detail.find("cheese") == std::string::npos);
    CHECK(out.failure == "action of /broken threw: out of cheese");
}

TEST_CASE("router: patterns that cannot be meant are refused when they are added") {
    for (const auto bad : {"", "orders", "/{", "/{}", "/{a", "/{A}", "/x{a}", "/{a}/{a}",
                           "/{a...}/b", "/a?b", "/a%20b", "/{...}"}) {
        CAPTURE(bad);
        router routes;
        CHECK_THROWS_AS(routes.get(bad, telling("")), std::invalid_argument);
    }
}

TEST_CASE("router: a route is added once, whatever its parameters are called") {
    auto routes = shop();
    CHECK_THROWS_AS(routes.get("/orders/{number}", telling("")), std::invalid_argument);
    CHECK_THROWS_AS(routes.add(method::head, "/x", telling("")), std::invalid_argument);
    CHECK(routes.routes().size() == 9);
    CHECK(routes.routes().front().pattern == "/orders/{id}");
}
