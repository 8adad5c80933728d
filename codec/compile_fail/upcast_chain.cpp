// expect: compiles
#include "tidemark/codec/upcast.hpp"
#include "tidemark/core/message.hpp"
#include "tidemark/core/types.hpp"

namespace bank {

struct account {
    struct first {};
    struct second {};
    struct opened {};
    using event = std::variant<opened>;
    using upcasts = tidemark::types<first, second>;
    static second upcast(const first&);
    static opened upcast(const second&);
};

TIDEMARK_MESSAGE(account::first, "account.opened.v1")
TIDEMARK_MESSAGE(account::second, "account.opened.v2")
TIDEMARK_MESSAGE(account::opened, "account.opened.v3")

}  // namespace bank

auto read() { return tidemark::decode_current<bank::account::event, bank::account>("", "{}"); }
