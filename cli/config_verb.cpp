#include "tidemark/cli/failure.hpp"
#include "tidemark/cli/session.hpp"

#include <CLI/App.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <memory>
#include <utility>

namespace tidemark::cli {
namespace {

namespace json = boost::json;

exit_code show(session& in) {
    const auto out = in.out();
    std::vector<std::vector<std::string>> rows;
    json::array items;
    for (const auto& entry : in.values().all()) {
        rows.push_back({entry.of.name, printable(shown(entry)), entry.source});
        json::object item;
        item["key"] = entry.of.name;
        item["value"] = shown(entry);
        item["source"] = entry.source;
        item["description"] = entry.of.doc;
        item["secret"] = entry.of.is_secret;
        items.push_back(std::move(item));
    }
    out.table({"SETTING", "VALUE", "SOURCE"}, rows);
    json::object document;
    document["items"] = std::move(items);
    out.json(document);
    return exit_code::ok;
}

exit_code show_schema(session& in) {
    const auto out = in.out();
    out.line(configuration_page(in.schema()));
    json::array items;
    const auto schema = in.schema();
    for (const auto& s : schema.settings()) {
        json::object item;
        item["key"] = s.name;
        item["type"] = std::string{to_string(s.type)};
        item["default"] = s.fallback;
        item["least"] = s.least;
        item["most"] = s.most;
        item["variable"] = variable_of(s.name);
        item["description"] = s.doc;
        items.push_back(std::move(item));
    }
    json::object document;
    document["items"] = std::move(items);
    out.json(document);
    return exit_code::ok;
}

exit_code explain(session& in, const std::string& code) {
    const auto text = explain_code(code);
    if (!text) {
        throw failure{exit_code::failed,
                      {"CLI-004", "there is no code \"" + code + "\"", "the command line",
                       "codes look like CFG-012 and stand first in a message"}};
    }
    const auto out = in.out();
    out.line(*text);
    json::object document;
    document["code"] = code;
    document["text"] = std::string{*text};
    out.json(document);
    return exit_code::ok;
}

}  // namespace

void add_config(CLI::App& tool, session& in) {
    auto& noun = *tool.add_subcommand("config", "settings, and where their values come from");
    noun.require_subcommand(1);
    auto& values = *noun.add_subcommand("show", "print every setting, its value and its source");
    on_run(values, in, [&in] { return show(in); });
    auto& schema = *noun.add_subcommand("schema", "print every setting, its type and its bounds");
    on_run(schema, in, [&in] { return show_schema(in); });

    auto code = std::make_shared<std::string>();
    auto& why = *tool.add_subcommand("explain", "what the code of a message means");
    why.add_option("CODE", *code, "such as CFG-012")->required();
    on_run(why, in, [&in, code] { return explain(in, *code); });
}

}  // namespace tidemark::cli
