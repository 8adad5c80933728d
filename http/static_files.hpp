#pragma once

#include "tidemark/http/router.hpp"

#include <span>
#include <string>
#include <string_view>

namespace tidemark::http {

/// A file compiled into the program by `http/embed.py`. Refers to constants.
struct embedded_file {
    /// Path below the mount, without a leading slash: "pages/live.mjs".
    std::string_view path;
    std::string_view content_type;
    std::string_view bytes;
    /// Empty if the file does not shrink.
    std::string_view gzip_bytes;
    /// A strong tag with its quotes, from the content.
    std::string_view etag;
};

struct static_files_options {
    /// Where the files hang: "/console" serves "/console/app.mjs"; "" serves from the root.
    std::string mount;
    /// Served for the mount itself.
    std::string index = "index.html";
};

/// Adds the routes of the files: the mount, and everything below it. Answers carry a policy that
/// lets pages load only from their own origin and run no inline script, an ETag to ask again with,
/// and gzip where it is accepted. The files outlive the router. Throws as `router::add` does.
void serve_files(router& into, std::span<const embedded_file> files, static_files_options options);

}  // namespace tidemark::http
