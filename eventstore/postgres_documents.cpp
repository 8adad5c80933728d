#include "tidemark/eventstore/postgres_documents.hpp"

#include "tidemark/eventstore/stored_lists.hpp"

#include <system_error>
#include <utility>

namespace tidemark {
namespace {

/// Documents whose changes gather before they are sent, and documents remembered in all.
constexpr std::size_t changed_max = 1'000;
constexpr std::size_t remembered_max = 10'000;

// Each key is looked up by itself. With `key = ANY(…)`, or a join, PostgreSQL may go through all
// documents of the model, and keep to that while it grows.
constexpr std::string_view select_keys_sql =
    "SELECT d.key, d.body, d.indexes FROM unnest($2::text[]) AS wanted(key), LATERAL ("
    "SELECT key, body, indexes FROM documents WHERE model = $1 AND key = wanted.key LIMIT 1) d";

using indexes = std::map<std::string, std::string>;

const indexes& indexes_of(const std::optional<document>& doc) {
    static const indexes none;
    return doc ? doc->indexes : none;
}

}  // namespace

/// Rows of `document_indexes` to add or to delete, as parallel arrays.
struct postgres_documents::index_rows {
    postgres_array names{postgres_type::text};
    postgres_array values{postgres_type::text};
    postgres_array keys{postgres_type::text};

    /// What `these` has and `others` has not.
    void add_difference(const std::string& key, const indexes& these, const indexes& others) {
        for (const auto& [name, value] : these) {
            if (const auto same = others.find(name); same != others.end() && same->second == value)
                continue;
            names.add(name);
            values.add(value);
            keys.add(key);
        }
    }
};

document read_document(const postgres_rows& row) {
    return {.key = row.text(0), .body = row.text(1), .indexes = split_indexes(row.bytes(2))};
}

template <class Work>
decltype(auto) postgres_documents::guarded(const Work& work) {
    try {
        return work();
    } catch (const postgres_failure& failed) {
        failure_ = failed;
        const auto as_error = failed.as_error(connection_.place(), postgres_failure::purpose::read);
        throw std::system_error{make_error_code(as_error.code()), as_error.message()};
    }
}

std::optional<document> postgres_documents::get(std::string_view key) {
    constexpr std::string_view select_sql =
        "SELECT key, body, indexes FROM documents WHERE model = $1 AND key = $2";
    auto& found = at(key);
    if (found.is_loaded || found.is_changed) return found.wanted;
    guarded([&] {
        auto rows = connection_.run(select_sql, {model_, key});
        if (rows.next()) found.stored = read_document(rows);
        found.wanted = found.stored;
        found.is_loaded = true;
    });
    return found.wanted;
}

void postgres_documents::prefetch(const std::vector<std::string>& keys) {
    // What does not fit is asked for one by one.
    if (entries_.size() + keys.size() > remembered_max) return;
    postgres_array wanted{postgres_type::text};
    for (const auto& key : keys) {
        auto& one = at(key);
        if (one.is_loaded || one.is_changed) continue;
        wanted.add(key);
        one.is_loaded = true;
    }
    if (wanted.is_empty()) return;
    guarded([&] {
        auto rows = connection_.run(select_keys_sql, {model_, wanted});
        while (rows.next()) {
            auto doc = read_document(rows);
            auto& one = at(doc.key);
            one.stored = std::move(doc);
            one.wanted = one.stored;
        }
    });
}

read_model& postgres_documents::beside(std::string_view name) {
    constexpr std::string_view make_sql =
        "INSERT INTO models(name, position, incarnation, documents) VALUES($1, 0, $2, 0) "
        "ON CONFLICT (name) DO NOTHING";
    const auto known = besides_.find(name);
    if (known != besides_.end()) return *known->second;
    return guarded([&]() -> read_model& {
        const std::string key{name};
        std::int64_t row = 0;
        for (const auto may_make : {true, false}) {
            auto rows = connection_.run("SELECT id FROM models WHERE name = $1", {key});
            if (rows.next()) row = rows.integer(0);
            if (row != 0 || !may_make) break;
            connection_.run(make_sql, {key, incarnation_});
        }
        auto made = std::make_unique<postgres_documents>(connection_, row, incarnation_);
        return *besides_.emplace(key, std::move(made)).first->second;
    });
}

void postgres_documents::finish() {
    flush();
    for (auto& [name, one] : besides_) {
        one->finish();
        if (one->added_ == 0) continue;
        guarded([&] {
            connection_.run("UPDATE models SET documents = documents + $2 WHERE id = $1",
                            {one->model_, one->added_});
        });
    }
}

const std::optional<postgres_failure>& postgres_documents::failure() const {
    for (const auto& [name, one] : besides_) {
        if (one->failure()) return one->failure();
    }
    return failure_;
}

void postgres_documents::put(document doc) {
    auto& changed = at(doc.key);
    if (!changed.is_changed) ++changed_;
    changed.is_changed = true;
    changed.wanted = std::move(doc);
    bound_memory();
}

void postgres_documents::erase(std::string_view key) {
    auto& changed = at(key);
    if (!changed.is_changed) ++changed_;
    changed.is_changed = true;
    changed.wanted.reset();
    bound_memory();
}

std::vector<document> postgres_documents::find(std::string_view index, std::string_view value,
                                               std::size_t limit) {
    constexpr std::string_view find_sql =
        "SELECT d.key, d.body, d.indexes FROM document_indexes i "
        "JOIN documents d ON d.model = i.model AND d.key = i.key "
        "WHERE i.model = $1 AND i.name = $2 AND i.value = $3 ORDER BY i.key LIMIT $4";
    flush();
    return guarded([&] {
        std::vector<document> found;
        auto rows = connection_.run(find_sql, {model_, index, value, limit});
        while (rows.next()) found.push_back(read_document(rows));
        return found;
    });
}

postgres_documents::entry& postgres_documents::at(std::string_view key) {
    const auto found = entries_.find(key);
    if (found != entries_.end()) return found->second;
    return entries_.emplace(std::string{key}, entry{}).first->second;
}

void postgres_documents::bound_memory() {
    if (changed_ >= changed_max) flush();
    if (entries_.size() >= remembered_max) {
        flush();
        entries_.clear();
    }
}

void postgres_documents::flush() {
    if (changed_ == 0) return;
    guarded([&] {
        load_missing();
        write_indexes();
        write_documents();
    });
    for (auto& [key, one] : entries_) {
        if (one.is_changed) one.stored = one.wanted;
        one.is_changed = false;
    }
    changed_ = 0;
}

void postgres_documents::load_missing() {
    postgres_array keys{postgres_type::text};
    for (auto& [key, one] : entries_) {
        if (!one.is_changed || one.is_loaded) continue;
        keys.add(key);
        one.is_loaded = true;
    }
    if (keys.is_empty()) return;
    auto rows = connection_.run(select_keys_sql, {model_, keys});
    while (rows.next()) {
        auto doc = read_document(rows);
        at(doc.key).stored = std::move(doc);
    }
}

void postgres_documents::write_indexes() const {
    constexpr std::string_view delete_sql =
        "DELETE FROM document_indexes WHERE ctid = ANY(ARRAY(SELECT i.ctid "
        "FROM unnest($2::text[], $3::text[], $4::text[]) AS gone(name, value, key), LATERAL ("
        "SELECT ctid FROM document_indexes WHERE model = $1 AND name = gone.name AND "
        "value = gone.value AND key = gone.key LIMIT 1) i))";
    constexpr std::string_view insert_sql =
        "INSERT INTO document_indexes(model, name, value, key) "
        "SELECT $1, name, value, key FROM unnest($2::text[], $3::text[], $4::text[]) "
        "AS fresh(name, value, key)";
    index_rows gone;
    index_rows fresh;
    for (const auto& [key, one] : entries_) {
        if (!one.is_changed) continue;
        gone.add_difference(key, indexes_of(one.stored), indexes_of(one.wanted));
        fresh.add_difference(key, indexes_of(one.wanted), indexes_of(one.stored));
    }
    if (!gone.keys.is_empty()) {
        connection_.run(delete_sql, {model_, gone.names, gone.values, gone.keys});
    }
    if (!fresh.keys.is_empty()) {
        connection_.run(insert_sql, {model_, fresh.names, fresh.values, fresh.keys});
    }
}

void postgres_documents::write_documents() {
    constexpr std::string_view delete_sql =
        "DELETE FROM documents WHERE ctid = ANY(ARRAY(SELECT d.ctid "
        "FROM unnest($2::text[]) AS gone(key), LATERAL ("
        "SELECT ctid FROM documents WHERE model = $1 AND key = gone.key LIMIT 1) d))";
    constexpr std::string_view upsert_sql =
        "INSERT INTO documents(model, key, body, indexes) SELECT $1, key, body, indexes "
        "FROM unnest($2::text[], $3::text[], $4::bytea[]) AS fresh(key, body, indexes) "
        "ON CONFLICT (model, key) DO UPDATE SET body = excluded.body, indexes = excluded.indexes";
    postgres_array gone{postgres_type::text};
    postgres_array keys{postgres_type::text};
    postgres_array bodies{postgres_type::text};
    postgres_array index_lists{postgres_type::bytes};
    for (const auto& [key, one] : entries_) {
        if (!one.is_changed || one.wanted == one.stored) continue;
        added_ +=
            static_cast<int>(one.wanted.has_value()) - static_cast<int>(one.stored.has_value());
        if (!one.wanted) {
            gone.add(key);
            continue;
        }
        keys.add(key);
        bodies.add(one.wanted->body);
        index_lists.add(join_indexes(one.wanted->indexes));
    }
    if (!gone.is_empty()) connection_.run(delete_sql, {model_, gone});
    if (!keys.is_empty()) connection_.run(upsert_sql, {model_, keys, bodies, index_lists});
}

}  // namespace tidemark
