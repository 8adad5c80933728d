#include "tidemark/eventstore/memory_models.hpp"

#include "tidemark/eventstore/refusals.hpp"

#include <algorithm>
#include <exception>
#include <memory>
#include <utility>

namespace tidemark {

void memory_models::model::put(document doc) {
    erase(doc.key);
    for (const auto& [index, value] : doc.indexes) indexes.insert({index, value, doc.key});
    auto key = doc.key;
    documents.insert_or_assign(std::move(key), std::move(doc));
}

void memory_models::model::erase(std::string_view key) {
    const auto found = documents.find(key);
    if (found == documents.end()) return;
    for (const auto& [index, value] : found->second.indexes) {
        indexes.erase({index, value, found->first});
    }
    documents.erase(found);
}

/// Writes at once and remembers what was there; undone unless it is kept.
class memory_models::transaction : public read_model {
  public:
    transaction(model& target, std::map<std::string, model>& all) : target_{target}, all_{all} {}

    std::optional<document> get(std::string_view key) override {
        const auto found = target_.documents.find(key);
        if (found == target_.documents.end()) return std::nullopt;
        return found->second;
    }
    void put(document doc) override {
        remember(doc.key);
        target_.put(std::move(doc));
    }
    void erase(std::string_view key) override {
        remember(key);
        target_.erase(key);
    }
    std::vector<document> find(std::string_view index, std::string_view value,
                               std::size_t limit) override {
        std::vector<document> found;
        auto next = target_.indexes.lower_bound({std::string{index}, std::string{value}, {}});
        for (; next != target_.indexes.end() && found.size() < limit; ++next) {
            const auto& [name, text, key] = *next;
            if (name != index || text != value) break;
            found.push_back(target_.documents.find(key)->second);
        }
        return found;
    }
    read_model& beside(std::string_view name) override {
        const auto known = besides_.find(name);
        if (known != besides_.end()) return *known->second.writes;
        const std::string key{name};
        const auto is_fresh = !all_.contains(key);
        auto& other = all_[key];
        if (is_fresh) other.at = {.position = {}, .incarnation = target_.at.incarnation};
        auto made = std::make_unique<transaction>(other, all_);
        return *besides_.emplace(key, neighbour{std::move(made), is_fresh}).first->second.writes;
    }
    void undo() {
        for (auto& [name, one] : besides_) {
            one.writes->undo();
            if (one.is_fresh) all_.erase(name);
        }
        for (auto it = before_.rbegin(); it != before_.rend(); ++it) {
            target_.erase(it->first);
            if (it->second) target_.put(std::move(*it->second));
        }
    }

  private:
    void remember(std::string_view key) { before_.emplace_back(key, get(key)); }

    struct neighbour {
        std::unique_ptr<transaction> writes;
        bool is_fresh = false;
    };

    model& target_;
    std::map<std::string, model>& all_;
    std::vector<std::pair<std::string, std::optional<document>>> before_;
    std::map<std::string, neighbour, std::less<>> besides_;
};

checkpoint memory_models::load_checkpoint(const std::string& name) const {
    const auto found = models_.find(name);
    if (found != models_.end()) return found->second.at;
    return {.position = {}, .incarnation = incarnation_};
}

result<void> memory_models::update(const std::string& name, const checkpoint& from,
                                   const checkpoint& to,
                                   const std::function<void(read_model&)>& change) {
    if (const auto stored = load_checkpoint(name); stored != from) {
        return moved_checkpoint(name, stored, from);
    }
    const auto is_fresh = !models_.contains(name);
    auto& target = models_[name];
    if (is_fresh) target.at = from;
    transaction writes{target, models_};
    try {
        if (change) change(writes);
    } catch (const std::exception& thrown) {
        writes.undo();
        if (is_fresh) models_.erase(name);
        return change_threw(name, thrown.what());
    } catch (...) {
        writes.undo();
        if (is_fresh) models_.erase(name);
        return change_threw(name, "something that is no std::exception");
    }
    target.at = to;
    return {};
}

std::optional<document> memory_models::find_document(const std::string& name,
                                                     const std::string& key) const {
    const auto found = models_.find(name);
    if (found == models_.end()) return std::nullopt;
    const auto doc = found->second.documents.find(key);
    if (doc == found->second.documents.end()) return std::nullopt;
    return doc->second;
}

std::vector<document> memory_models::query(const std::string& name,
                                           const document_query& asked) const {
    std::vector<document> page;
    const auto found = models_.find(name);
    if (found == models_.end()) return page;
    const auto& documents = found->second.documents;
    const auto is_wanted = [&](const document& doc) {
        if (asked.index.empty()) return true;
        const auto value = doc.indexes.find(asked.index);
        return value != doc.indexes.end() && value->second == asked.value;
    };
    const auto collect = [&](auto begin, auto end) {
        for (; begin != end && page.size() < asked.limit; ++begin) {
            if (is_wanted(begin->second)) page.push_back(begin->second);
        }
    };
    if (!asked.descending) {
        collect(documents.upper_bound(asked.after_key), documents.end());
    } else {
        const auto end =
            asked.after_key.empty() ? documents.end() : documents.lower_bound(asked.after_key);
        collect(std::make_reverse_iterator(end), documents.rend());
    }
    return page;
}

result<void> memory_models::swap(const std::string& live, const std::string& beside) {
    const auto live_at = load_checkpoint(live);
    const auto beside_at = load_checkpoint(beside);
    if (live_at != beside_at) return unequal_checkpoints(live, live_at, beside, beside_at);
    const auto found = models_.find(beside);
    if (found == models_.end()) {
        models_.erase(live);
        return {};
    }
    auto moved = std::move(found->second);
    models_.erase(found);
    models_.insert_or_assign(live, std::move(moved));
    return {};
}

std::vector<read_model_store::model_summary> memory_models::list() const {
    std::vector<read_model_store::model_summary> all;
    for (const auto& [name, found] : models_) {
        all.push_back(
            {.name = name, .position = found.at.position, .documents = found.documents.size()});
    }
    return all;
}

}  // namespace tidemark
