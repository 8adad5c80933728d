#pragma once

#include <string_view>

namespace tidemark::cli {

/// "0.1.0", of the library.
[[nodiscard]] std::string_view library_version();
/// Commit the program was built from, with "-dirty" behind it if files differed from it; "unknown"
/// when it was built outside a repository.
[[nodiscard]] std::string_view source_revision();
/// "clang 19.1.7" or "gcc 12.2.0".
[[nodiscard]] std::string_view compiler_version();

}  // namespace tidemark::cli
