// expect: stored_name_is_used_twice
#include "tidemark/core/core.hpp"

namespace bank {

struct opened {};
struct closed {};
TIDEMARK_MESSAGE(opened, "account.opened.v1")
TIDEMARK_MESSAGE(closed, "account.opened.v1")

}  // namespace bank
