// expect: fields_out_of_order_or_repeated_in<bank::opened>
#include "tidemark/core/core.hpp"

namespace bank {

struct opened {
    std::string owner;
    std::int64_t cents = 0;
    std::string city;
};
TIDEMARK_MESSAGE(opened, "account.opened.v1", owner, cents, city, city)

}  // namespace bank
