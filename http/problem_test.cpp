#include "tidemark/http/problem.hpp"

#include "tidemark/http/json_text.hpp"
#include "tidemark/http/preconditions.hpp"
#include "tidemark/http/problem_page.hpp"
#include "tidemark/http/wire.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

using namespace tidemark;
using namespace tidemark::http;

namespace {

constexpr problem_place place{"/api/v1/orders/7", "req-1",
                              "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"};

request with_header(std::string_view name, std::string_view value) {
    request r;
    r.headers.add(name, value);
    return r;
}

}  // namespace

TEST_CASE("problem: every kind of error has its status and code") {
    struct row {
        errc code;
        int status;
        std::string_view problem_code;
        long retry_after;
    };
    for (const auto& [code, status, problem_code, retry_after] : {
             row{errc::conflict, 409, "conflict", 0},
             row{errc::overloaded, 429, "overloaded", 1},
             row{errc::timed_out, 503, "timed_out", 1},
             row{errc::unknown_outcome, 504, "unknown_outcome", 0},
             row{errc::unavailable, 503, "unavailable", 2},
             row{errc::stale, 409, "stale", 0},
             row{errc::key_reused, 422, "key_reused", 0},
             row{errc::unknown_message, 400, "unknown_message", 0},
             row{errc::malformed_payload, 400, "malformed_payload", 0},
             row{errc::undecodable, 500, "undecodable", 0},
             row{errc::quarantined, 500, "quarantined", 0},
             row{errc::shutting_down, 503, "shutting_down", 5},
             row{errc::invalid_argument, 422, "invalid_argument", 0},
             row{errc::not_found, 404, "not_found", 0},
             row{errc::io_error, 500, "io_error", 0},
             row{errc::disk_full, 507, "disk_full", 30},
             row{errc::corrupt, 500, "corrupt", 0},
             row{errc::schema_mismatch, 500, "schema_mismatch", 0},
             row{errc::locked, 503, "locked", 2},
             row{errc::user_code_threw, 500, "user_code_threw", 0},
             row{errc::too_large, 413, "too_large", 0},
             row{errc::bad_setting, 422, "bad_setting", 0},
             row{errc::foreign_log, 500, "foreign_log", 0},
         }) {
        const auto p = to_problem(error{code, "what the machinery said"});
        CAPTURE(problem_code);
        CHECK(p.status == status);
        CHECK(p.code == problem_code);
        CHECK(p.retry_after.value_or(std::chrono::seconds{0}).count() == retry_after);
        CHECK(p.logged == "what the machinery said");
        CHECK_FALSE(p.detail.empty());
    }
}

TEST_CASE("problem: failures inside are told to the log, not to the caller") {
    const auto p = to_problem(error{errc::io_error, "/var/lib/db: SELECT failed"});
    CHECK(p.detail.find("SELECT") == std::string::npos);
    CHECK(to_json(p, place).find("/var/lib") == std::string::npos);
}

TEST_CASE("problem: a conflict under If-Match is a failed precondition") {
    const auto p = to_problem(error{errc::conflict, "head is 8"}, {"", true});
    CHECK(p.status == 412);
    CHECK(p.code == "version_mismatch");
}

TEST_CASE("problem: an unknown outcome names the command to ask about") {
    const auto p = to_problem(error{errc::unknown_outcome, "connection lost"}, {"cmd-9", false});
    CHECK(p.detail.find("/api/v1/commands/cmd-9") != std::string::npos);
    CHECK(to_json(p, place).find(R"("command_id":"cmd-9")") != std::string::npos);
}

TEST_CASE("problem: the body has every member of its contract") {
    auto p = make_problem("too_large", "say \"less\"\n");
    p.members.emplace_back("limit", "262144");
    CHECK(to_json(p, place) ==
          R"({"type":"docs/problems.md#too_large","title":"The body is too large",)"
          R"("status":413,"detail":"say \"less\"\n","instance":"/api/v1/orders/7",)"
          R"("code":"too_large","request_id":"req-1",)"
          R"("trace_id":"0af7651916cd43dd8448eb211c80319c",)"
          R"("doc":"docs/problems.md#too_large","limit":"262144"})");
}

TEST_CASE("problem: a rejection is a 409 with the rejection's own code") {
    const auto p = rejection_problem("insufficient_funds");
    CHECK(p.status == 409);
    CHECK(p.code == "insufficient_funds");
    CHECK(to_json(p, place).find(R"("type":"docs/problems.md#rejection")") != std::string::npos);
    CHECK(rejection_problem("x", "own words").detail == "own words");
}

TEST_CASE("problem: catalogued codes are unique and have a status phrase") {
    std::set<std::string_view> codes;
    for (const auto& kind : problem_catalogue()) {
        CAPTURE(kind.code);
        CHECK(codes.insert(kind.code).second);
        CHECK(status_phrase(kind.status) != "Unknown");
        CHECK_FALSE(kind.title.empty());
    }
    CHECK(make_problem("no_such_code", "").code == "internal");
}

TEST_CASE("problem: every catalogued code is explained, and no other") {
    const auto kinds = problem_catalogue();
    const auto texts = problem_texts();
    REQUIRE(kinds.size() == texts.size());
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        CAPTURE(kinds[i].code);
        CHECK(kinds[i].code == texts[i].code);
        if (texts[i].from) CHECK(to_problem(error{*texts[i].from, ""}).code == kinds[i].code);
        for (const auto said : {texts[i].meaning, texts[i].example, texts[i].caller}) {
            CHECK_FALSE(said.empty());
        }
        CHECK_FALSE(texts[i].operators.empty());
    }
}

TEST_CASE("problem: docs/problems.md is what the catalogue says, and has every type's anchor") {
    const auto path = std::string{TIDEMARK_SOURCE_ROOT} + "/docs/problems.md";
    if (std::getenv("TIDEMARK_WRITE_DOCS") != nullptr) std::ofstream{path} << problems_page();
    std::ifstream in{path};
    std::ostringstream page;
    page << in.rdbuf();
    CHECK_MESSAGE(page.str() == problems_page(),
                  "docs/problems.md is stale: run this test with TIDEMARK_WRITE_DOCS=1");
    const auto leads_somewhere = [&page](const problem& p) {
        const auto body = to_json(p, place);
        const std::string lead = R"("type":"docs/problems.md#)";
        const auto at = body.find(lead);
        if (at == std::string::npos) return false;
        const auto begin = at + lead.size();
        const auto anchor = body.substr(begin, body.find('"', begin) - begin);
        return page.str().find("\n## " + anchor + "\n") != std::string::npos;
    };
    for (const auto& kind : problem_catalogue()) {
        CAPTURE(kind.code);
        CHECK(leads_somewhere(make_problem(kind.code, "x")));
    }
    CHECK(leads_somewhere(rejection_problem("insufficient_funds")));
}

TEST_CASE("json text: bytes that are not UTF-8 become valid JSON") {
    std::string out;
    append_json_string(out, "a\x01\x7f\xff\"\\\tz");
    CHECK(out == "\"a\\u0001\\u007f\xef\xbf\xbd\\\"\\\\\\tz\"");
}

TEST_CASE("preconditions: If-Match takes one tag of ours") {
    CHECK(etag(version{7}) == "\"v7\"");
    CHECK_FALSE(if_match(request{})->has_value());
    CHECK_FALSE(if_match(with_header("If-Match", "*"))->has_value());
    CHECK(if_match(with_header("if-match", "\"v7\""))->value() == version{7});
    for (const auto bad : {"v7", "\"7\"", "\"v\"", "\"v-1\"", "W/\"v7\"", "\"v7\", \"v8\"",
                           "\"v99999999999999999999\"", ""}) {
        CAPTURE(bad);
        CHECK(if_match(with_header("If-Match", bad)).has_error());
    }
}

TEST_CASE("preconditions: an idempotency key is there once and printable") {
    CHECK(*idempotency_key(with_header("Idempotency-Key", "order-1")) == "order-1");
    CHECK(idempotency_key(request{}).has_error());
    CHECK(idempotency_key(with_header("Idempotency-Key", "")).has_error());
    CHECK(idempotency_key(with_header("Idempotency-Key", "a b")).has_error());
    CHECK(idempotency_key(with_header("Idempotency-Key", std::string(256, 'k'))).has_error());
    auto twice = with_header("Idempotency-Key", "a");
    twice.headers.add("Idempotency-Key", "a");
    CHECK(idempotency_key(twice).has_error());
}

TEST_CASE("wire: dates are in the form HTTP asks for") {
    CHECK(http_date(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT");
    CHECK(http_date(0) == "Thu, 01 Jan 1970 00:00:00 GMT");
}
