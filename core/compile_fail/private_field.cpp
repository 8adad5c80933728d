// expect: not_a_plain_struct<bank::opened>
#include "tidemark/core/core.hpp"

namespace bank {

class opened {
    int cents = 0;

  public:
    int euros = 0;
    [[nodiscard]] int all() const { return cents; }
};
TIDEMARK_MESSAGE(opened, "account.opened.v1", euros)

}  // namespace bank
