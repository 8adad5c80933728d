#pragma once

#include "tidemark/eventbus/consumer_ledger.hpp"
#include "tidemark/runtime/projection_type.hpp"

#include <memory>

namespace tidemark {

/// A projection as the effect of a consumer. Events of other categories, and of stored names that
/// its sources do not have, are passed over: the other service may add some. Throws
/// `std::logic_error` if it does not write documents.
[[nodiscard]] consumer_effect consumed_by(std::shared_ptr<const projection_type> type);

}  // namespace tidemark
