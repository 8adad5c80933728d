#include "tidemark/observability/log.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cmath>
#include <stdexcept>
#include <string>
#include <thread>

namespace {

using namespace tidemark;

/// Puts a memory sink in place for one test.
class captured {
  public:
    captured() : before_{log::exchange_sink(sink_)} {}
    captured(const captured&) = delete;
    captured& operator=(const captured&) = delete;
    ~captured() { log::exchange_sink(before_); }
    [[nodiscard]] std::vector<std::string> lines() const { return sink_->lines(); }

  private:
    std::shared_ptr<log::memory_sink> sink_ = std::make_shared<log::memory_sink>();
    std::shared_ptr<log::sink> before_;
};

/// A pipe whose reader is the test.
class pipe_pair {
  public:
    pipe_pair() {
        if (::pipe(ends_.data()) != 0) throw std::runtime_error("pipe");
        ::fcntl(ends_[0], F_SETFL, O_NONBLOCK);
    }
    pipe_pair(const pipe_pair&) = delete;
    pipe_pair& operator=(const pipe_pair&) = delete;
    ~pipe_pair() {
        ::close(ends_[0]);
        ::close(ends_[1]);
    }
    [[nodiscard]] int writer() const { return ends_[1]; }
    [[nodiscard]] std::string read_all() const {
        std::string out;
        std::array<char, 65536> buffer{};
        for (;;) {
            const auto count = ::read(ends_[0], buffer.data(), buffer.size());
            if (count <= 0) return out;
            out.append(buffer.data(), static_cast<std::size_t>(count));
        }
    }

  private:
    std::array<int, 2> ends_{};
};

std::string json(const log::field& f) {
    const std::array<log::field, 1> fields{f};
    return log::to_json({log::level::info, "m", "x", fields});
}

std::size_t count(const std::string& text, std::string_view part) {
    auto out = std::size_t{0};
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++out;
    return out;
}

}  // namespace

TEST_CASE("log: a line is one JSON object with typed fields") {
    const captured lines;
    const auto reason = std::string{"insufficient_funds"};
    log::info("refused", {"reason", reason}, {"attempt", 3}, {"size", 7U}, {"ratio", 0.5},
              {"late", true});
    REQUIRE(lines.lines().size() == 1);
    CHECK(lines.lines()[0] ==
          R"({"level":"info","module":"app","message":"refused","reason":"insufficient_funds",)"
          R"("attempt":3,"size":7,"ratio":0.5,"late":true})");
}

TEST_CASE("log: text is escaped into valid JSON whatever its bytes") {
    const std::string prefix = R"({"level":"info","module":"m","message":"x","k":)";
    struct row {
        std::string text, expected;
    };
    const std::array rows{
        row{"a\"b\\c", R"("a\"b\\c")"},
        row{"line\nbreak\ttab\r", R"("line\nbreak\ttab\r")"},
        row{std::string{"nul\0byte", 8}, R"("nul\u0000byte")"},
        row{"\x1b[31mred", R"("\u001b[31mred")"},
        row{"gr\xC3\xBC\xC3\x9F", "\"gr\xC3\xBC\xC3\x9F\""},
        row{"bad\xFFutf", "\"bad\xEF\xBF\xBDutf\""},
        row{"cut\xE2\x82", "\"cut\xEF\xBF\xBD\xEF\xBF\xBD\""},
        row{"overlong\xC0\xAF", "\"overlong\xEF\xBF\xBD\xEF\xBF\xBD\""},
        row{"surrogate\xED\xA0\x80", "\"surrogate\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
    };
    for (const auto& r : rows) CHECK(json({"k", r.text}) == prefix + r.expected + "}");
}

TEST_CASE("log: a long text is cut and says so") {
    const auto line = json({"k", std::string(100'000, 'a')});
    CHECK(line.size() < 4300);
    CHECK(line.ends_with("a\xE2\x80\xA6\"}"));
}

TEST_CASE("log: a number that is not finite is a text") {
    CHECK(json({"k", std::nan("")}).ends_with(R"("k":"nan"})"));
    CHECK(json({"k", -INFINITY}).ends_with(R"("k":"-inf"})"));
}

TEST_CASE("log: a field cannot replace the line's own keys") {
    CHECK(json({"level", "critical"}).ends_with(R"("field_level":"critical"})"));
}

TEST_CASE("log: a trace context becomes correlation, causation, trace and span ids") {
    const captured lines;
    trace_context trace;
    trace.correlation = message_id::derive({"a"});
    trace.causation = message_id::derive({"b"});
    trace.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    log::warn("late", log::fields(trace), {"n", 1});
    REQUIRE(lines.lines().size() == 1);
    CHECK(lines.lines()[0] == R"({"level":"warn","module":"app","message":"late","correlation":")" +
                                  trace.correlation.to_string() + R"(","causation":")" +
                                  trace.causation.to_string() +
                                  R"(","trace_id":"0af7651916cd43dd8448eb211c80319c",)"
                                  R"("span_id":"b7ad6b7169203331","n":1})");
}

TEST_CASE("log: every module has its own level and the rest share the default") {
    const captured lines;
    const log::source quiet{"log_test_quiet"};
    const log::source chatty{"log_test_chatty"};
    log::set_level("log_test_chatty", log::level::debug);
    log::set_level("log_test_quiet", log::level::error);
    quiet.warn("hidden");
    chatty.debug("shown");
    quiet.error("shown");
    log::set_default_level(log::level::warn);
    chatty.debug("still shown");
    log::info("hidden");
    log::set_default_level(log::level::info);
    CHECK(lines.lines().size() == 3);
}

TEST_CASE("log: the module list is refused with the part that is wrong") {
    CHECK_THROWS_WITH_AS(log::configure({.modules = "relay=debug,http=loud"}),
                         doctest::Contains("http=loud"), std::invalid_argument);
    CHECK_THROWS_AS(log::configure({.modules = "=debug"}), std::invalid_argument);
    CHECK_THROWS_AS(log::configure({.modules = "relay"}), std::invalid_argument);
}

TEST_CASE("log: the standard sink writes one line with its time") {
    const pipe_pair pipe;
    const auto sink = log::make_standard_sink({.descriptor = pipe.writer()});
    const std::array<log::field, 1> fields{log::field{"n", 1}};
    sink->write({log::level::info, "m", "hello", fields});
    const auto text = pipe.read_all();
    CHECK(text.starts_with("{\"ts\":\"20"));
    CHECK(
        text.ends_with("Z\",\"level\":\"info\",\"module\":\"m\",\"message\":\"hello\",\"n\":1}\n"));
}

TEST_CASE("log: the human format keeps to one line and quotes what needs it") {
    const std::array<log::field, 3> fields{log::field{"plain", "word"}, log::field{"text", "a b"},
                                           log::field{"attack", "x\n\x1b[2J"}};
    CHECK(log::to_human({log::level::info, "m", "hello", fields}, false) ==
          R"(info     m: hello plain=word text="a b" attack="x\n\u001b[2J")");
}

TEST_CASE("log: a reader that does not read costs one bounded wait, and losses are counted") {
    const pipe_pair pipe;
    const auto sink = log::make_standard_sink({.format = log::format::json,
                                               .descriptor = pipe.writer(),
                                               .stall_max = std::chrono::milliseconds{20}});
    const std::string text(2000, 'a');
    const std::array<log::field, 1> fields{log::field{"k", text}};
    const auto begin = std::chrono::steady_clock::now();
    // A pipe holds 64 KiB: most of these 2 MB find no room. Without the bound this never returns;
    // with a wait for each of them it would take 20 s.
    for (auto i = 0; i < 1000; ++i) sink->write({log::level::info, "m", "x", fields});
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds{10});
    const auto before = pipe.read_all();
    const auto written = count(before, "\"message\":\"x\"");
    CHECK(written > 10);
    CHECK(written < 100);
    sink->write({log::level::info, "m", "after", {}});
    const auto after = pipe.read_all();
    CHECK(after.find("\"message\":\"lines dropped: nobody read them\",\"count\":") !=
          std::string::npos);
    CHECK(after.find("\"message\":\"after\"") != std::string::npos);
}

TEST_CASE("log: lines of several threads do not mix") {
    const pipe_pair pipe;
    const auto sink = log::make_standard_sink({.descriptor = pipe.writer()});
    {
        std::vector<std::jthread> threads;
        for (auto t = 0; t < 4; ++t) {
            threads.emplace_back([&sink] {
                for (auto i = 0; i < 50; ++i) sink->write({log::level::info, "m", "hello", {}});
            });
        }
    }
    const auto text = pipe.read_all();
    CHECK(count(text, "\n") == 200);
    CHECK(count(text, "Z\",\"level\":\"info\",\"module\":\"m\",\"message\":\"hello\"}\n") == 200);
}

TEST_CASE("log: the memory sink keeps the last lines only") {
    log::memory_sink sink{2};
    for (const auto* text : {"one", "two", "three"}) {
        sink.write({log::level::info, "m", text, {}});
    }
    REQUIRE(sink.lines().size() == 2);
    CHECK(sink.lines()[0].find("two") != std::string::npos);
}
