#include "tidemark/cli/serving.hpp"

#include "tidemark/cli/build_version.hpp"
#include "tidemark/cli/failure.hpp"
#include "tidemark/cli/tool_run.hpp"
#include "tidemark/eventstore/temporary_folder.hpp"
#include "tidemark/http/client.hpp"
#include "tidemark/observability/log.hpp"
#include "tidemark/runtime/test_aggregates.hpp"

#include <doctest/doctest.h>
#include <boost/json/parse.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <variant>
#include <vector>

namespace {

using namespace tidemark;
using namespace tidemark::testing;
using cli::exit_code;
using store_test::asker;
using store_test::counter;

http::response told(const outcome& o) { return o ? http::json(200, "{}") : http::json(409, "{}"); }

/// POST /add/{id}/{amount}: a whole API.
awaitable<http::response> add(tidemark::store<counter> to, http::request r) {
    const id<counter> which{r.parameter("id")};
    const auto amount = std::stoi(r.parameter("amount"));
    auto done = co_await to.execute<counter::add>(which, amount);
    co_return told(done);
}

awaitable<http::response> ask(tidemark::store<asker> to, http::request r) {
    const id<asker> which{r.parameter("id")};
    const std::string what = "card";
    trace_context trace;
    trace.traceparent = r.traceparent;
    call how;
    how.tracing(std::move(trace));
    auto done = co_await to.execute<asker::ask>(std::move(how), which, what);
    co_return told(done);
}

/// POST /spoil/{id}: an event as no program of today writes it.
awaitable<http::response> spoil(runtime& app, http::request r) {
    append_request one;
    one.stream = id<counter>{r.parameter("id")}.stream();
    one.expected = expected_version::any();
    one.events.push_back({app.world().fresh_id(), {"counter.added.v1", R"({"amount":"two"})"}});
    auto batch = std::make_shared<std::vector<append_request>>();
    batch->push_back(std::move(one));
    const auto told = co_await app.events().append(std::move(batch));
    co_return http::json(std::holds_alternative<append_committed>(told.front()) ? 200 : 500, "{}");
}

cli::app counters() {
    cli::app out;
    out.name = "counters";
    out.version = "9.9";
    out.example = "curl {url}/add/a/1";
    out.wire = [](runtime& app, const settings&) {
        app.store<counter>();
        app.store<asker>();
        app.perform<asker::fetch>([](asker::fetch) -> awaitable<result<asker::take>> {
            co_return error{errc::invalid_argument, "the gateway says no"};
        });
    };
    out.add_routes = [](http::router& routes, runtime& app, const settings&) {
        const auto store = app.store<counter>();
        const auto askers = app.store<asker>();
        routes.post("/add/{id}/{amount}",
                    [store](http::request r) { return add(store, std::move(r)); });
        routes.post("/spoil/{id}", [&app](http::request r) { return spoil(app, std::move(r)); });
        routes.post("/ask/{id}", [askers](http::request r) { return ask(askers, std::move(r)); });
    };
    return out;
}

/// A process of its own making: the application served on free ports over a file of its own.
class fixture {
  public:
    explicit fixture(std::string admin_port = "0") {
        values_ = testing::settings_of(store_url(), std::move(admin_port));
    }
    void serve() {
        process_ = std::make_unique<cli::serving>(what_, values_, cli::serve_mode::development);
        process_->start();
    }
    cli::serving::drained stop() {
        const auto out = process_->drain();
        process_.reset();
        return out;
    }
    ~fixture() {
        if (process_) stop();
    }
    fixture(const fixture&) = delete;
    fixture& operator=(const fixture&) = delete;

    [[nodiscard]] std::string store_url() const { return "sqlite:" + folder_.file("t.db"); }
    [[nodiscard]] cli::serving& process() { return *process_; }

    int post(const std::string& path, const std::string& traceparent = "") {
        http::outgoing asked;
        asked.method = http::method::post;
        if (!traceparent.empty()) asked.headers.add("traceparent", traceparent);
        asked.url = process_->api_url() + path;
        const auto answered = client_.fetch(std::move(asked));
        REQUIRE(answered.has_value());
        return answered->status;
    }
    std::string get(const std::string& path) {
        http::outgoing asked;
        asked.url = process_->admin_url() + path;
        const auto answered = client_.fetch(std::move(asked));
        REQUIRE(answered.has_value());
        REQUIRE(answered->status == 200);
        return answered->body;
    }
    ran live(std::vector<std::string> arguments) {
        arguments.insert(arguments.end(), {"--url", process_->admin_url()});
        return run_with(arguments);
    }
    ran offline(std::vector<std::string> arguments) {
        arguments.insert(arguments.end(), {"--store", store_url()});
        return run_with(arguments);
    }

  private:
    ran run_with(const std::vector<std::string>& arguments) {
        return testing::run_with(what_, arguments);
    }

    testing::temporary_folder folder_;
    cli::app what_ = counters();
    settings values_;
    std::unique_ptr<cli::serving> process_;
    http::blocking_client client_;
};

/// The verbs that read, and what each must say of three additions to counter-a.
void check_reading(const std::function<ran(std::vector<std::string>)>& tool) {
    CHECK(tool({"stream", "ls"}).results.find("counter-a  3 ") != std::string::npos);
    const auto events = tool({"stream", "cat", "counter-a", "--from", "2"});
    CHECK(events.results.find("counter.added.v1  {\"amount\":2}") != std::string::npos);
    CHECK(events.results.starts_with("v2 "));
    const auto state = tool({"stream", "state", "counter-a", "--at", "2", "--json"});
    CHECK(cli::to_text(state.json().at("state")) == R"({"value":3})");
    CHECK(tool({"stream", "diff", "counter-a", "1", "3"}).results.find("$.value  1 → 6") !=
          std::string::npos);
    const auto tail = tool({"tail", "--from-start", "--no-follow", "--json"});
    CHECK(std::count(tail.results.begin(), tail.results.end(), '\n') == 3);
    CHECK(tool({"check", "--log", "--set", "http.port=0", "--set", "http.admin_port=0"})
              .results.find("log             3 events in 1 streams") != std::string::npos);
    CHECK(tool({"stream", "cat", "counter-x"}).code == static_cast<int>(exit_code::failed));
    CHECK(tool({"saga", "ls"}).code == 0);
    CHECK(tool({"projection", "ls"}).code == 0);
}

}  // namespace

TEST_CASE("serving: the verbs say the same of a running process and of its file") {
    fixture f;
    f.serve();
    for (auto i = 1; i <= 3; ++i) CHECK(f.post("/add/a/" + std::to_string(i)) == 200);
    check_reading([&f](std::vector<std::string> a) { return f.live(std::move(a)); });
    // The file, read-only, beside the process that serves it.
    check_reading([&f](std::vector<std::string> a) { return f.offline(std::move(a)); });
    const auto done = f.stop();
    CHECK(done.is_complete);
    CHECK(done.text.ends_with("0 left for the next start"));
    check_reading([&f](std::vector<std::string> a) { return f.offline(std::move(a)); });
}

TEST_CASE("serving: the lines of a failing request and of what it caused carry its trace") {
    const auto lines = std::make_shared<log::memory_sink>();
    const auto before = log::exchange_sink(lines);
    fixture f;
    f.serve();
    const std::string trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    CHECK(f.post("/add/a/1000", trace) == 409);
    CHECK(f.post("/ask/b", trace) == 200);
    const auto line_of = [&lines](std::string_view message) {
        for (const auto& line : lines->lines()) {
            const auto read = boost::json::parse(line);
            if (cli::cell(read, "message") == message) return read;
        }
        return boost::json::value{};
    };
    while (line_of("effect parked as dead letter").is_null()) std::this_thread::yield();
    const auto parked = line_of("effect parked as dead letter");
    CHECK(cli::cell(parked, "trace_id") == trace.substr(3, 32));
    CHECK(cli::cell(parked, "source") == "asker-b");
    CHECK(message_id::parse(cli::cell(parked, "correlation")).has_value());
    CHECK(cli::cell(parked, "causation") == cli::cell(parked, "correlation"));
    f.stop();
    log::exchange_sink(before);
    const auto request = line_of("request");
    CHECK(cli::cell(request, "target") == "/add/a/1000");
    CHECK(cli::cell(request, "trace_id") == trace.substr(3, 32));
    CHECK(cli::cell(request, "span_id") == trace.substr(36, 16));
}

TEST_CASE(
    "serving: an event that the program cannot read is told with stream, version, path, fix") {
    fixture f;
    f.serve();
    CHECK(f.post("/add/a/1") == 200);
    CHECK(f.post("/spoil/a") == 200);
    const auto check = [](const ran& told) {
        CHECK(is(told, exit_code::failed));
        CHECK_MESSAGE(told.remarks.find("tidemark-CLI-013  cannot decode counter.added.v1 (stream "
                                        "counter-a, version 2): $.amount expected integer") !=
                          std::string::npos,
                      told.remarks);
        CHECK_MESSAGE(
            told.remarks.find("fix      add an upcaster from the stored name to what the program "
                              "reads today") != std::string::npos,
            told.remarks);
    };
    check(f.live({"stream", "state", "counter-a"}));
    f.stop();
    check(f.offline({"stream", "state", "counter-a"}));
    CHECK(f.offline({"stream", "cat", "counter-a", "--from", "2"}).results.find("two") !=
          std::string::npos);
}

TEST_CASE("serving: what was acknowledged is there after the next start") {
    fixture f;
    f.serve();
    CHECK(f.post("/add/a/7") == 200);
    CHECK(f.post("/add/a/99") == 409);
    f.stop();
    f.serve();
    CHECK(f.post("/add/a/8") == 200);
    const auto state = f.live({"stream", "state", "counter-a", "--json"});
    CHECK(cli::to_text(state.json().at("state")) == R"({"value":15})");
}

TEST_CASE("serving: a store that does not say when takes snapshots as the settings say") {
    fixture f;
    f.serve();
    for (auto i = 0; i < 100; ++i) REQUIRE(f.post("/add/a/1") == 200);
    CHECK(f.post("/add/b/1") == 200);
    f.stop();
    const auto listed = f.offline({"snapshot", "ls", "--json"}).json();
    const auto& items = listed.at("items").as_array();
    REQUIRE(items.size() == 1);
    CHECK(cli::cell(items[0], "stream") == "counter-a");
    CHECK(cli::cell(items[0], "version") == "100");
}

TEST_CASE("serving: a file that is served is changed through its process only") {
    fixture f;
    f.serve();
    const auto told = f.offline({"dlq", "drop", "0", "--reason", "x"});
    CHECK(told.code == static_cast<int>(exit_code::conflict));
    CHECK(told.remarks.find("is served by process") != std::string::npos);
}

TEST_CASE("serving: dead letters are listed, replayed and dropped, live and offline") {
    fixture f;
    f.serve();
    CHECK(f.post("/ask/a") == 200);
    CHECK(f.post("/ask/b") == 200);
    std::vector<std::string> effects;
    while (effects.size() < 2) {
        effects.clear();
        const auto list = f.live({"dlq", "ls", "--json"}).json();
        for (const auto& item : list.at("items").as_array()) {
            effects.push_back(cli::cell(item, "effect"));
        }
    }
    CHECK(f.live({"dlq", "show", effects[0]}).results.find("the gateway says no") !=
          std::string::npos);
    CHECK(f.live({"dlq", "replay", "--all", "--dry-run"}).results.find("would replay") !=
          std::string::npos);
    CHECK(f.live({"dlq", "replay"}).code == static_cast<int>(exit_code::usage));
    CHECK(f.live({"dlq", "drop", effects[0], "--reason", "twice"}).code == 0);
    CHECK(f.get("/metrics").find("tidemark_dlq_replayed_total{outcome=\"dropped\"} 1") !=
          std::string::npos);
    // The sampler sees the one that is left, and its age.
    const std::string age = "tidemark_dlq_oldest_age_seconds{queue=\"effect\"} ";
    for (auto is_sampled = false; !is_sampled;) {
        const auto numbers = f.get("/metrics");
        const auto at = numbers.find('\n' + age);
        is_sampled =
            at != std::string::npos && std::stod(numbers.substr(at + 1 + age.size())) > 0 &&
            numbers.find("tidemark_dlq_entries{queue=\"effect\"} 1\n") != std::string::npos;
    }
    f.stop();
    CHECK(f.offline({"dlq", "drop", effects[1], "--reason", "twice", "--actor", "ada"}).code == 0);
    CHECK(f.offline({"dlq", "ls", "--json"}).json().at("items").as_array().empty());
    CHECK(f.offline({"dlq", "show", effects[1]}).code == static_cast<int>(exit_code::failed));
}

TEST_CASE("serving: the process tells its health, its numbers and what it is") {
    fixture f;
    f.serve();
    CHECK(f.post("/add/a/1") == 200);
    CHECK(f.live({"health"}).code == 0);
    const auto numbers = f.get("/metrics");
    CHECK(numbers.find("tidemark_http_request_duration_seconds_count{method=\"POST\",route=\"/add/"
                       "{id}/{amount}\",status=\"200\"} 1") != std::string::npos);
    CHECK(numbers.find("tidemark_command_duration_seconds_count{aggregate=\"counter\"} 1") !=
          std::string::npos);
    CHECK(numbers.find("tidemark_build_info{version=") != std::string::npos);
    CHECK(numbers.find("process_resident_memory_bytes ") != std::string::npos);
    const auto what = boost::json::parse(f.get("/version"));
    CHECK(cli::cell(what, "version") == "9.9");
    CHECK(cli::cell(what, "revision") == cli::source_revision());
    CHECK(numbers.find("revision=\"" + std::string{cli::source_revision()} + "\"") !=
          std::string::npos);
    CHECK(f.get("/").find("<!doctype html>") != std::string::npos);
    const auto banner = f.process().banner();
    CHECK(banner.find("development mode, bound to 127.0.0.1") != std::string::npos);
    CHECK(banner.find("curl " + f.process().api_url() + "/add/a/1") != std::string::npos);
}

TEST_CASE("serving: a check of a process names the ports it really has, and remedies its program") {
    fixture f;
    f.serve();
    // The settings of the command itself name other ports.
    const auto checked = f.live({"check", "--json"}).json();
    const auto seen = [&checked](std::string_view name) {
        for (const auto& item : checked.at("items").as_array()) {
            if (cli::cell(item, "name") == name) return cli::cell(item, "seen");
        }
        return std::string{};
    };
    CHECK(seen("http.port") == "served at " + f.process().api_url());
    CHECK(seen("http.admin_port") == "served at " + f.process().admin_url());
    const auto overview = boost::json::parse(f.get("/admin/v1/overview"));
    CHECK(cli::cell(overview, "program") == "counters");
    CHECK(cli::cell(boost::json::parse(f.get("/version")), "program") == "counters");
}

TEST_CASE("serving: the live stream goes on behind the last event that was seen") {
    fixture f;
    f.serve();
    for (auto i = 1; i <= 5; ++i) CHECK(f.post("/add/a/" + std::to_string(i)) == 200);
    const auto follow = [&f](const std::string& last_id, std::size_t count) {
        http::blocking_client client;
        http::outgoing asked;
        asked.url = f.process().admin_url() + "/admin/v1/events/stream";
        if (!last_id.empty()) asked.headers.add("Last-Event-ID", last_id);
        std::vector<http::sse_event> seen;
        const auto done = client.follow(std::move(asked), [&](const http::sse_event& e) {
            seen.push_back(e);
            return seen.size() < count;
        });
        CHECK(done.has_value());
        return seen;
    };
    const auto first = follow("", 2);
    REQUIRE(first.size() == 2);
    CHECK(cli::cell(boost::json::parse(first[1].content), "version") == "2");
    const auto rest = follow(first[1].id, 3);
    REQUIRE(rest.size() == 3);
    for (auto i = std::size_t{0}; i < 3; ++i) {
        CHECK(cli::cell(boost::json::parse(rest[i].content), "version") == std::to_string(i + 3));
    }
}

TEST_CASE("serving: a taken port is refused with its flag, and nothing is left running") {
    fixture first;
    first.serve();
    const auto url = first.process().admin_url();
    fixture second{url.substr(url.rfind(':') + 1)};
    CHECK_THROWS_WITH_AS(second.serve(), doctest::Contains("--admin-port"), cli::failure);
}
