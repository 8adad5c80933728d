#pragma once

#include <string>

namespace tidemark {

/// What the exception that is being handled says, whatever its type. Only inside a catch block:
/// users' code may throw anything, and none of it may end the process.
[[nodiscard]] std::string thrown_text();

}  // namespace tidemark
