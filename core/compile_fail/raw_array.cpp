// expect: raw_array_field_in<bank::opened>
#include "tidemark/core/core.hpp"

namespace bank {

struct opened {
    int digits[4] = {};
};
TIDEMARK_MESSAGE(opened, "account.opened.v1", digits)

}  // namespace bank
