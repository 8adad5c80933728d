#include "tidemark/eventstore/wake_list.hpp"

#include <utility>

namespace tidemark {

std::shared_ptr<void> wake_list::add(listener wake) {
    auto added = std::make_shared<const listener>(std::move(wake));
    auto token = std::const_pointer_cast<listener>(added);
    const std::scoped_lock lock{mutex_};
    auto next = std::make_shared<listeners>();
    if (listeners_) {
        for (const auto& known : *listeners_) {
            if (!known.expired()) next->push_back(known);
        }
    }
    next->push_back(std::move(added));
    listeners_ = std::move(next);
    return token;
}

void wake_list::notify() const {
    std::shared_ptr<const listeners> current;
    {
        const std::scoped_lock lock{mutex_};
        current = listeners_;
    }
    if (!current) return;
    for (const auto& known : *current) {
        if (const auto wake = known.lock()) (*wake)();
    }
}

}  // namespace tidemark
