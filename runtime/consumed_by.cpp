#include "tidemark/runtime/consumed_by.hpp"

#include <stdexcept>
#include <string>
#include <utility>

namespace tidemark {

consumer_effect consumed_by(std::shared_ptr<const projection_type> type) {
    if (type->rows_kind() != "documents") {
        throw std::logic_error{"consumer \"" + std::string{type->name()} + "\" writes " +
                               std::string{type->rows_kind()} +
                               ", but effects of the bus are documents; write a read_model"};
    }
    return [type = std::move(type)](read_model& rows, const recorded_event& event) -> result<void> {
        if (!hears(*type, event)) return {};
        // Another program's events: what this one has no type for is not meant for it.
        if (!type->knows(event)) return {};
        return type->project(rows, event);
    };
}

}  // namespace tidemark
