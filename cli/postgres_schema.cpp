#include "tidemark/cli/postgres_schema.hpp"

#include "tidemark/cli/failure.hpp"
#include "tidemark/cli/json_out.hpp"
#include "tidemark/cli/open_store.hpp"
#include "tidemark/eventstore/postgres_migrations.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark::cli {
namespace {

namespace json = boost::json;

std::string_view text_of(postgres_step::state state) {
    switch (state) {
        case postgres_step::state::applied:
            return "applied";
        case postgres_step::state::pending:
            return "pending";
        case postgres_step::state::edited:
            return "edited";
        case postgres_step::state::newer:
            return "newer";
    }
    return "";
}

failure to_failure(session& in, const error& why) {
    return {exit_code::unreachable,
            {"CLI-006", why.message(), "store.url, " + in.values().at("store.url").source,
             "do what the message says; nothing was changed"}};
}

void print(session& in, const std::vector<postgres_step>& steps, std::string_view as) {
    const auto out = in.out();
    json::array items;
    for (const auto& step : steps) {
        const auto state = as.empty() ? text_of(step.is) : as;
        out.line(std::to_string(step.version) + "  " + std::string{state} + "  " + step.name);
        json::object item;
        item["version"] = step.version;
        item["name"] = step.name;
        item["state"] = state;
        items.push_back(std::move(item));
    }
    json::object document;
    document["store"] = "postgres";
    document["location"] = shown(in.values().at("store.url"));
    document["steps"] = std::move(items);
    out.json(document);
}

}  // namespace

exit_code apply_postgres_schema(session& in, bool is_dry_run) {
    // A step may take longer than any statement of a store that serves.
    auto options = postgres_settings(in.values(), store_mode::serving);
    options.statement_timeout = std::chrono::hours{24};
    const auto applied = migrate_postgres(options, is_dry_run);
    if (!applied) throw to_failure(in, applied.error());
    print(in, *applied, is_dry_run ? "would apply" : "applied");
    if (applied->empty()) in.out().line("up to date");
    return exit_code::ok;
}

exit_code show_postgres_schema(session& in) {
    try {
        postgres_connection connection{postgres_settings(in.values(), store_mode::read_only)};
        const auto steps = read_postgres_schema(connection);
        print(in, steps, "");
        const auto is_ok = std::ranges::all_of(
            steps, [](const auto& one) { return one.is == postgres_step::state::applied; });
        return is_ok ? exit_code::ok : exit_code::failed;
    } catch (const postgres_failure& failed) {
        throw to_failure(in, failed.as_error(shown(in.values().at("store.url")),
                                             postgres_failure::purpose::read));
    }
}

exit_code verify_postgres_schema(session& in) {
    const auto found = verify_postgres(postgres_settings(in.values(), store_mode::serving));
    if (!found) throw to_failure(in, found.error());
    const auto out = in.out();
    json::array differences;
    for (const auto& line : *found) {
        out.line(line);
        differences.emplace_back(line);
    }
    if (found->empty()) out.line("the schema is what the migrations make");
    json::object document;
    document["ok"] = found->empty();
    document["differences"] = std::move(differences);
    out.json(document);
    return found->empty() ? exit_code::ok : exit_code::failed;
}

exit_code dump_postgres_schema(session& in) {
    const auto out = in.out();
    json::array files;
    for (const auto& step : postgres_migrations()) {
        out.line("-- " + std::to_string(step.version) + ": " + std::string{step.name} +
                 " (checksum " + checksum_of(step) + ")");
        out.line(std::string{step.sql});
        json::object item;
        item["version"] = step.version;
        item["name"] = step.name;
        item["checksum"] = checksum_of(step);
        item["sql"] = step.sql;
        files.push_back(std::move(item));
    }
    json::object document;
    document["steps"] = std::move(files);
    out.json(document);
    return exit_code::ok;
}

}  // namespace tidemark::cli
