// expect: wrong_number_of_fields_for<bank::opened>
#include "tidemark/core/core.hpp"

namespace bank {

struct opened {
    std::string owner;
    std::int64_t cents = 0;
    std::string city;
};
TIDEMARK_MESSAGE(opened, "account.opened.v1", owner, cents, city)

const auto ada = tidemark::make_message<opened>("ada");

}  // namespace bank
