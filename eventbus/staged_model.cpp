#include "tidemark/eventbus/staged_model.hpp"

#include <algorithm>
#include <utility>

namespace tidemark {

template <class Work>
decltype(auto) staged_model::watched(const Work& work) {
    try {
        return work();
    } catch (...) {
        has_storage_failed_ = true;
        throw;
    }
}

std::optional<document> staged_model::get(std::string_view key) {
    const auto changed = changed_.find(key);
    if (changed != changed_.end()) return changed->second;
    return watched([&] { return into_.get(key); });
}

void staged_model::put(document doc) {
    auto key = doc.key;
    changed_.insert_or_assign(std::move(key), std::move(doc));
}

void staged_model::erase(std::string_view key) {
    changed_.insert_or_assign(std::string{key}, std::nullopt);
}

std::vector<document> staged_model::find(std::string_view index, std::string_view value,
                                         std::size_t limit) {
    // As many more as may turn out to be changed here.
    auto found = watched([&] { return into_.find(index, value, limit + changed_.size()); });
    std::erase_if(found, [this](const document& doc) { return changed_.contains(doc.key); });
    for (const auto& [key, doc] : changed_) {
        if (!doc) continue;
        const auto wanted = doc->indexes.find(std::string{index});
        if (wanted != doc->indexes.end() && wanted->second == value) found.push_back(*doc);
    }
    std::ranges::sort(found, {}, &document::key);
    if (found.size() > limit) found.resize(limit);
    return found;
}

void staged_model::prefetch(const std::vector<std::string>& keys) {
    watched([&] { into_.prefetch(keys); });
}

read_model& staged_model::beside(std::string_view name) {
    const auto known = besides_.find(name);
    if (known != besides_.end()) return *known->second;
    auto& other = watched([&]() -> read_model& { return into_.beside(name); });
    return *besides_.emplace(name, std::make_unique<staged_model>(other)).first->second;
}

void staged_model::keep() {
    for (auto& [key, doc] : changed_) {
        if (doc) {
            into_.put(std::move(*doc));
        } else {
            into_.erase(key);
        }
    }
    changed_.clear();
    for (auto& [name, one] : besides_) one->keep();
}

bool staged_model::has_storage_failed() const {
    return has_storage_failed_ || std::ranges::any_of(besides_, [](const auto& named) {
               return named.second->has_storage_failed();
           });
}

}  // namespace tidemark
