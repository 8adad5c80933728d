#include "tidemark/http/static_files.hpp"

#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

namespace tidemark {
/// The files of test_files/, embedded by the build.
std::span<const http::embedded_file> test_files();
}  // namespace tidemark

using namespace tidemark;
using namespace tidemark::http;

namespace {

response get(std::string path, std::string_view name = {}, std::string_view value = {}) {
    io threads{{.shards = 1, .blocking_threads = 1}};
    router routes;
    static_files_options options;
    options.mount = "/console";
    serve_files(routes, test_files(), options);
    request r;
    r.path = std::move(path);
    if (!name.empty()) r.headers.add(name, value);
    return run(threads, routes.dispatch(std::move(r))).reply;
}

}  // namespace

TEST_CASE("static files: the mount gives the index, paths below it give their files") {
    const auto index = get("/console");
    CHECK(index.status == 200);
    CHECK(index.content_type == "text/html; charset=utf-8");
    CHECK(index.body.starts_with("<!doctype html>"));
    const auto module = get("/console/pages/one.mjs");
    CHECK(module.content_type == "text/javascript; charset=utf-8");
    CHECK(module.body == "export const one = \"\xc3\xa4\\\\\";\n");
    CHECK(get("/console/nothing.js").status == 404);
    CHECK(get("/console/pages").status == 404);
}

TEST_CASE("static files: pages run no inline script and cannot be framed") {
    const auto index = get("/console");
    const auto policy = index.headers.find("Content-Security-Policy").value_or("");
    CHECK(policy.find("default-src 'none'") != std::string_view::npos);
    CHECK(policy.find("script-src 'self'") != std::string_view::npos);
    CHECK(policy.find("frame-ancestors 'none'") != std::string_view::npos);
    CHECK(policy.find("unsafe") == std::string_view::npos);
}

TEST_CASE("static files: a known tag is answered without the bytes") {
    const auto first = get("/console");
    const std::string tag{*first.headers.find("ETag")};
    const auto again = get("/console", "If-None-Match", tag);
    CHECK(again.status == 304);
    CHECK(again.body.empty());
    CHECK(again.headers.find("ETag") == tag);
    CHECK(get("/console", "If-None-Match", "\"other\", " + tag).status == 304);
    CHECK(get("/console", "If-None-Match", "\"other\"").status == 200);
}

TEST_CASE("static files: gzip is for those who accept it, where it is shorter") {
    const auto packed = get("/console", "Accept-Encoding", "br, gzip");
    CHECK(packed.headers.find("Content-Encoding") == "gzip");
    CHECK(packed.body.starts_with("\x1f\x8b"));
    CHECK(packed.body.size() < get("/console").body.size());
    CHECK_FALSE(
        get("/console", "Accept-Encoding", "gzip;q=0").headers.contains("Content-Encoding"));
    CHECK_FALSE(get("/console").headers.contains("Content-Encoding"));
    CHECK(get("/console").headers.find("Vary") == "Accept-Encoding");
    const auto tiny = get("/console/pages/one.mjs", "Accept-Encoding", "gzip");
    CHECK_FALSE(tiny.headers.contains("Content-Encoding"));
}

TEST_CASE("static files: tests and hidden files are not embedded") {
    CHECK(std::ranges::none_of(test_files(), [](const auto& file) {
        return file.path.find("_test.") != std::string_view::npos || file.path.starts_with('.');
    }));
    CHECK(test_files().size() == 2);
}
