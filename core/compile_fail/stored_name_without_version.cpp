// expect: a stored name reads like "account.opened.v1"
#include "tidemark/core/core.hpp"

namespace bank {

struct opened {};
TIDEMARK_MESSAGE(opened, "account.opened")

}  // namespace bank
