#include "tidemark/http/static_files.hpp"

#include <algorithm>
#include <utility>

namespace tidemark::http {

namespace {

constexpr std::string_view policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";

bool has_tag(std::string_view list, std::string_view tag) {
    if (list == "*") return true;
    const auto at = list.find(tag);
    return at != std::string_view::npos;
}

const embedded_file* find_file(std::span<const embedded_file> files, std::string_view path) {
    const auto it = std::ranges::find(files, path, &embedded_file::path);
    return it == files.end() ? nullptr : &*it;
}

response serve(const embedded_file& file, const request& r) {
    response out;
    out.headers.add("Content-Security-Policy", policy);
    // Asked again each time, answered with 304: a rebuilt program never meets old pages.
    out.headers.add("Cache-Control", "no-cache");
    out.headers.add("ETag", file.etag);
    out.headers.add("Vary", "Accept-Encoding");
    if (has_tag(r.headers.find("If-None-Match").value_or(""), file.etag)) {
        out.status = 304;
        return out;
    }
    out.content_type = file.content_type;
    const auto is_packed =
        !file.gzip_bytes.empty() && lists(r.headers.find("Accept-Encoding").value_or(""), "gzip");
    if (is_packed) out.headers.add("Content-Encoding", "gzip");
    out.body = is_packed ? file.gzip_bytes : file.bytes;
    return out;
}

awaitable<response> answer(std::span<const embedded_file> files, std::string path, request r) {
    const auto* file = find_file(files, path);
    if (file != nullptr) co_return serve(*file, r);
    co_return refuse(make_problem("not_found", "no file is called " + r.path));
}

}  // namespace

void serve_files(router& into, std::span<const embedded_file> files, static_files_options options) {
    const auto root = options.mount.empty() ? std::string{"/"} : options.mount;
    into.get(root, [files, index = std::move(options.index)](request r) {
        return answer(files, index, std::move(r));
    });
    into.get(options.mount + "/{path...}", [files](request r) {
        auto path = r.parameter("path");
        return answer(files, std::move(path), std::move(r));
    });
}

}  // namespace tidemark::http
