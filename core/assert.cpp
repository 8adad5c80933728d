#include "tidemark/core/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace tidemark {

void assertion_failed(const char* condition, const char* file, int line, std::string_view message) {
    std::fprintf(stderr, "%s:%d: assertion failed: %s%s%.*s\n", file, line, condition,
                 message.empty() ? "" : ": ", static_cast<int>(message.size()), message.data());
    std::fflush(stderr);
    std::abort();
}

}  // namespace tidemark
