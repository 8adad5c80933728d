#include "tidemark/runtime/config.hpp"

#include "tidemark/runtime/nearest.hpp"

#include <toml++/toml.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace tidemark {
namespace {

constexpr std::size_t secret_bytes_max = 65536;
constexpr std::size_t file_bytes_max = 1048576;
constexpr std::string_view prefix = "TIDEMARK_";

/// A text somebody gave a setting, where, and how the same place would say it right.
struct given {
    const setting* of = nullptr;
    std::string text;
    std::string source;
    std::string fix;
};

/// Reads sources in the order of their weight, strongest last, and gathers what is wrong.
class loader {
  public:
    loader(const config_schema& schema, const config_sources& sources)
        : schema_{schema}, sources_{sources} {
        for (const auto& pair : sources.environment) {
            const auto equals = pair.find('=');
            if (equals == std::string::npos || !pair.starts_with(prefix)) continue;
            environment_.emplace(pair.substr(0, equals), pair.substr(equals + 1));
        }
    }

    settings load() {
        for (const auto& s : schema_.settings()) {
            values_.put(
                {s, std::get<setting_value>(parse_setting(s, s.fallback)), s.fallback, "default"});
        }
        read_file();
        read_environment();
        read_flags();
        if (!mistakes_.empty()) throw config_error{std::move(mistakes_)};
        return std::move(values_);
    }

  private:
    void mistake(std::string code, std::string what, std::string from, std::string fix) {
        mistakes_.push_back({std::move(code), std::move(what), std::move(from), std::move(fix)});
    }

    void take(given g) {
        auto parsed = parse_setting(*g.of, g.text);
        if (const auto* demand = std::get_if<std::string>(&parsed)) {
            const auto seen = g.of->is_secret && g.of->type != setting_type::url
                                  ? std::string{"a value not shown here"}
                                  : "\"" + shown({*g.of, g.text, g.text, g.source}) + "\"";
            mistake("CFG-012", g.of->name + " " + *demand + ", got " + seen, g.source, g.fix);
            return;
        }
        values_.put({*g.of, std::get<setting_value>(std::move(parsed)), std::move(g.text),
                     std::move(g.source)});
    }

    [[nodiscard]] std::string meant(std::string_view name) const {
        const auto names = schema_.names();
        const auto close = nearest(name, names);
        return close ? *close : std::string{};
    }

    void read_file() {
        auto path = sources_.file;
        std::string from = "flag --config";
        if (const auto named = environment_.find("TIDEMARK_CONFIG");
            path.empty() && named != environment_.end()) {
            path = named->second;
            from = "environment TIDEMARK_CONFIG";
        }
        const auto is_required = !path.empty();
        if (path.empty()) path = sources_.fallback_file;
        if (path.empty()) return;
        errno = 0;
        std::ifstream in{path, std::ios::binary};
        const auto error = errno;
        if (!in && !is_required && error == ENOENT) return;
        std::string text(file_bytes_max + 1, '\0');
        in.read(text.data(), static_cast<std::streamsize>(text.size()));
        text.resize(static_cast<std::size_t>(in.gcount()));
        if (error != 0 || in.bad() || text.size() > file_bytes_max) {
            const auto why = error != 0 ? std::string{std::strerror(error)}
                                        : std::string{"a folder, or more than 1 MiB"};
            mistake("CFG-001", "cannot read the configuration file " + path + ": " + why,
                    is_required ? from : path, "name a file that can be read, or none");
            return;
        }
        read_toml(path, text);
    }

    void read_toml(const std::string& path, const std::string& text) {
        try {
            const auto table = toml::parse(text, path);
            for (const auto& [section, node] : table) read_section(path, section.str(), node);
        } catch (const toml::parse_error& e) {
            const auto at = e.source().begin;
            mistake("CFG-002", path + " is not TOML: " + std::string{e.description()},
                    path + ":" + std::to_string(at.line) + ", column " + std::to_string(at.column),
                    "correct that line; texts need quotes, tables are written [http]");
        }
    }

    static std::string place(const std::string& path, const toml::node& node) {
        return path + ":" + std::to_string(node.source().begin.line);
    }

    void read_section(const std::string& path, std::string_view section, const toml::node& node) {
        const auto* const table = node.as_table();
        if (table == nullptr) {
            unknown(std::string{section}, place(path, node));
            return;
        }
        for (const auto& [key, value] : *table) {
            const auto name = std::string{section} + "." + std::string{key.str()};
            const auto* const of = schema_.find(name);
            if (of == nullptr) {
                unknown(name, place(path, value));
            } else {
                read_node(*of, place(path, value), value);
            }
        }
    }

    void unknown(const std::string& name, const std::string& from) {
        const auto close = meant(name);
        mistake("CFG-003", "there is no setting " + name, from,
                close.empty() ? "remove it; " + sources_.program + " config show lists all settings"
                              : "did you mean " + close + "?");
    }

    void read_node(const setting& of, const std::string& from, const toml::node& node) {
        std::string text;
        if (const auto* value = node.as_string()) {
            text = value->get();
        } else if (const auto* flag = node.as_boolean()) {
            text = flag->get() ? "true" : "false";
        } else if (const auto* whole = node.as_integer()) {
            text = std::to_string(whole->get());
        } else if (const auto* real = node.as_floating_point()) {
            std::ostringstream out;
            out << real->get();
            text = out.str();
        } else {
            mistake("CFG-011", of.name + " must be one value, got a list, a table or a date", from,
                    toml_line(of));
            return;
        }
        const auto is_text = of.type == setting_type::text || of.type == setting_type::choice ||
                             of.type == setting_type::url;
        if (is_text && !node.is_string()) {
            mistake("CFG-012", of.name + " must be a text in quotes, got " + text, from,
                    toml_line(of));
            return;
        }
        take({&of, std::move(text), from, toml_line(of)});
    }

    static std::string toml_line(const setting& of) {
        const auto is_bare = of.type == setting_type::integer || of.type == setting_type::real ||
                             of.type == setting_type::boolean;
        const auto dot = of.name.find('.');
        return "[" + of.name.substr(0, dot) + "]  " + of.name.substr(dot + 1) + " = " +
               (is_bare ? of.fallback : "\"" + of.fallback + "\"");
    }

    void read_environment() {
        std::vector<std::string> known;
        for (const auto& s : schema_.settings()) {
            const auto variable = variable_of(s.name);
            known.push_back(variable);
            const auto plain = environment_.find(variable);
            const auto file = environment_.find(variable + "_FILE");
            if (s.is_secret) known.push_back(variable + "_FILE");
            if (s.is_secret && file != environment_.end()) {
                if (plain != environment_.end()) {
                    mistake("CFG-006", s.name + " is given twice",
                            "environment " + variable + " and " + variable + "_FILE",
                            "unset " + variable);
                    continue;
                }
                read_secret(s, variable + "_FILE", file->second);
            } else if (plain != environment_.end()) {
                take({&s, plain->second, "environment " + variable,
                      "export " + variable + "=" + s.fallback});
            }
        }
        for (const auto& [name, value] : environment_) refuse_unknown_variable(name, known);
    }

    void read_secret(const setting& of, const std::string& variable, const std::string& path) {
        std::ifstream in{path, std::ios::binary};
        std::string text(secret_bytes_max + 1, '\0');
        in.read(text.data(), static_cast<std::streamsize>(text.size()));
        text.resize(static_cast<std::size_t>(in.gcount()));
        if (text.ends_with('\n')) text.pop_back();
        if (text.empty() || text.size() > secret_bytes_max) {
            mistake("CFG-007",
                    "cannot take " + of.name + " from the file " + path + ": " +
                        (text.empty() ? "it is missing, unreadable or empty" : "over 64 KiB"),
                    "environment " + variable, "export " + variable + "=/path/to/file");
            return;
        }
        take({&of, std::move(text), "environment " + variable + " (" + path + ")",
              "correct the file " + path});
    }

    /// A variable is ours to refuse if its section is: TIDEMARK_HTTP_… must be a setting.
    void refuse_unknown_variable(const std::string& name, const std::vector<std::string>& known) {
        for (const auto& k : known) {
            if (k == name) return;
        }
        auto is_ours = false;
        for (const auto& s : schema_.settings()) {
            const auto section = variable_of(s.name.substr(0, s.name.find('.') + 1));
            is_ours = is_ours || name.starts_with(section);
        }
        if (!is_ours) return;
        const auto close = nearest(name, known);
        mistake("CFG-004", "there is no setting for the variable " + name, "environment " + name,
                close ? "did you mean " + *close + "?" : "unset " + name);
    }

    void read_flags() {
        for (const auto& flag : sources_.flags) {
            const auto spelled = flag.spelling == "--set" ? "--set " + flag.name : flag.spelling;
            if (const auto* of = schema_.find(flag.name)) {
                const auto fix = flag.spelling == "--set" ? spelled + "=" + of->fallback
                                                          : spelled + " " + of->fallback;
                take({of, flag.value, "flag " + spelled, fix});
                continue;
            }
            const auto close = meant(flag.name);
            mistake("CFG-005", "there is no setting " + flag.name, "flag " + spelled,
                    close.empty() ? sources_.program + " config show lists all settings"
                                  : "did you mean " + close + "?");
        }
    }

    const config_schema& schema_;
    const config_sources& sources_;
    std::map<std::string, std::string> environment_;
    settings values_;
    std::vector<config_mistake> mistakes_;
};

}  // namespace

settings load_settings(const config_schema& schema, const config_sources& sources) {
    return loader{schema, sources}.load();
}

std::vector<std::string> process_environment() {
    std::vector<std::string> out;
    for (auto** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry) {
        out.emplace_back(*entry);
    }
    return out;
}

}  // namespace tidemark
