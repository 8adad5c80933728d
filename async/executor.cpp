#include "tidemark/async/executor.hpp"

namespace tidemark {

message_id execution::fresh_id() {
    const auto since_epoch = clock().now().time_since_epoch();
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count();
    const auto random_a = random().next();
    return message_id::v7(static_cast<std::uint64_t>(ms), random_a, random().next());
}

}  // namespace tidemark
