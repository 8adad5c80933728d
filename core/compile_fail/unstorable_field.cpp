// expect: a_field_of_this_type_cannot_be_stored<void *>
#include "tidemark/core/core.hpp"

namespace bank {

struct opened {
    void* owner = nullptr;
};
TIDEMARK_MESSAGE(opened, "account.opened.v1", owner)

const auto ada = tidemark::any_message{opened{}};

}  // namespace bank
