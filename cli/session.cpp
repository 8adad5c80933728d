#include "tidemark/cli/session.hpp"

#include "tidemark/cli/failure.hpp"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

namespace tidemark::cli {

output session::out() const {
    output_style style;
    style.is_json = is_json;
    style.is_coloured =
        !is_plain && !is_json && std::getenv("NO_COLOR") == nullptr && ::isatty(STDOUT_FILENO) != 0;
    style.verbosity = is_quiet ? -1 : is_verbose ? 1 : 0;
    return {results_, remarks_, style};
}

config_schema session::schema() const {
    auto schema = default_schema();
    if (what_.add_settings) what_.add_settings(schema);
    return schema;
}

void session::set(std::string spelling, std::string name, std::string value) {
    flags_.push_back({std::move(spelling), std::move(name), std::move(value)});
}

const settings& session::values() {
    if (values_) return *values_;
    config_sources sources;
    sources.environment = process_environment();
    sources.file = config_file;
    sources.program = what_.called();
    if (!store.empty()) set("--store", "store.url", store);
    for (const auto& text : assignments) {
        const auto equals = text.find('=');
        if (equals == std::string::npos) {
            throw failure{exit_code::usage,
                          {"CLI-002", "--set must read section.key=value, got \"" + text + "\"",
                           "flag --set", "--set http.port=8080"}};
        }
        set("--set", text.substr(0, equals), text.substr(equals + 1));
    }
    sources.flags = flags_;
    values_ = std::make_unique<settings>(load_settings(schema(), sources));
    return *values_;
}

connection& session::connect(access wanted) {
    if (!connection_) {
        connection_options how;
        how.url = url;
        how.is_store_named = !store.empty();
        connection_ = cli::connect(what_, values(), how, wanted);
        out().remark((connection_->is_live() ? "speaking to " : "reading ") + connection_->place());
    }
    return *connection_;
}

std::string actor_or_login(const std::string& given) {
    if (!given.empty()) return given;
    const auto* const user = ::getpwuid(::getuid());
    return user != nullptr ? user->pw_name : "uid " + std::to_string(::getuid());
}

}  // namespace tidemark::cli
