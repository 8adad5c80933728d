#include "tidemark/runtime/settings.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

namespace tidemark {
namespace {

struct scale {
    std::string_view suffix;
    double factor;
};
constexpr scale durations[] = {{"us", 1},  {"ms", 1e3},  {"min", 6e7},
                               {"s", 1e6}, {"h", 3.6e9}, {"d", 8.64e10}};
constexpr scale sizes[] = {{"KiB", 1024}, {"MiB", 1048576}, {"GiB", 1073741824}, {"B", 1}, {"", 1}};

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
    Number out{};
    const auto* const end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, out);
    if (parsed.ec != std::errc{} || parsed.ptr != end || text.empty()) return std::nullopt;
    if constexpr (std::is_floating_point_v<Number>) {
        if (!std::isfinite(out)) return std::nullopt;
    }
    return out;
}

/// A number with one of the suffixes, as a whole number of the smallest unit.
template <std::size_t N>
std::optional<std::int64_t> parse_scaled(std::string_view text, const scale (&scales)[N]) {
    for (const auto& s : scales) {
        if (!text.ends_with(s.suffix)) continue;
        const auto number = parse_number<double>(text.substr(0, text.size() - s.suffix.size()));
        if (!number) continue;
        const auto scaled = *number * s.factor;
        if (scaled < 0 || scaled > 9e15 || scaled != std::floor(scaled)) return std::nullopt;
        return static_cast<std::int64_t>(scaled);
    }
    return std::nullopt;
}

template <class T>
std::optional<setting_value> widen(const std::optional<T>& parsed) {
    if (!parsed) return std::nullopt;
    return setting_value{*parsed};
}

std::optional<setting_value> parse_plain(const setting& of, std::string_view text) {
    switch (of.type) {
        case setting_type::boolean:
            if (text == "true") return setting_value{true};
            if (text == "false") return setting_value{false};
            return std::nullopt;
        case setting_type::integer:
            return widen(parse_number<std::int64_t>(text));
        case setting_type::real:
            return widen(parse_number<double>(text));
        case setting_type::time_span:
            return widen(parse_scaled(text, durations));
        case setting_type::bytes:
            return widen(parse_scaled(text, sizes));
        case setting_type::text:
            return setting_value{std::string{text}};
        case setting_type::choice:
        case setting_type::url: {
            const auto key = of.type == setting_type::url ? text.substr(0, text.find(':')) : text;
            const auto is_known =
                std::find(of.choices.begin(), of.choices.end(), key) != of.choices.end();
            if (!is_known || (of.type == setting_type::url && key.size() == text.size())) {
                return std::nullopt;
            }
            return setting_value{std::string{text}};
        }
    }
    return std::nullopt;
}

double as_number(const setting_value& value) {
    if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
    if (const auto* real = std::get_if<double>(&value)) return *real;
    return 0;
}

bool is_within(const setting& of, const setting_value& value) {
    const auto number = as_number(value);
    if (!of.least.empty() && number < as_number(*parse_plain(of, of.least))) return false;
    return of.most.empty() || number <= as_number(*parse_plain(of, of.most));
}

std::string list_of(const std::vector<std::string>& choices, std::string_view behind) {
    std::string out;
    for (auto i = std::size_t{0}; i < choices.size(); ++i) {
        if (i != 0) out += i + 1 == choices.size() ? " or " : ", ";
        out += choices[i] + std::string{behind};
    }
    return out;
}

std::string demand_of(const setting& of) {
    const auto bounds =
        of.least.empty() && of.most.empty() ? std::string{} : of.least + ".." + of.most;
    const auto number = [&](std::string kind) {
        return "must be " + (bounds.empty() ? kind : kind + ", " + bounds);
    };
    switch (of.type) {
        case setting_type::boolean:
            return "must be true or false";
        case setting_type::integer:
            return "must be " + (bounds.empty() ? std::string{"a whole number"} : bounds);
        case setting_type::real:
            return number("a number");
        case setting_type::time_span:
            return number("a duration with its unit (us ms s min h d)");
        case setting_type::bytes:
            return number("a size in bytes, KiB, MiB or GiB");
        case setting_type::text:
            return "must be a text";
        case setting_type::choice:
            return "must be " + list_of(of.choices, "");
        case setting_type::url:
            return "must begin with " + list_of(of.choices, ":");
    }
    return "must be valid";
}

bool is_snake_case(std::string_view text) {
    return !text.empty() && text[0] >= 'a' && text[0] <= 'z' &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
           });
}

struct code_text {
    std::string_view code;
    std::string_view text;
};
constexpr code_text codes[] = {
    {"CFG-001",
     "The configuration file named by --config or TIDEMARK_CONFIG cannot be read. Only the file "
     "tidemark.toml in the working folder may be missing."},
    {"CFG-002", "The configuration file is not TOML. The line and column are those of the parser."},
    {"CFG-003",
     "A configuration file sets something that no part of the program knows. Settings are never "
     "ignored: a mistyped one would leave its default in force unseen."},
    {"CFG-004",
     "An environment variable begins like a setting (TIDEMARK_SECTION_) and is none. Variables of "
     "other beginnings are left alone."},
    {"CFG-005", "A flag sets something that no part of the program knows."},
    {"CFG-006",
     "A secret is given twice: by its variable and by the variable with _FILE behind it. Unset "
     "one of them."},
    {"CFG-007",
     "The file that holds a secret cannot be read, is empty, or is larger than 64 KiB. One newline "
     "at its end does not count."},
    {"CFG-011", "A setting in the file is a list, a table or a date where one value is wanted."},
    {"CFG-012",
     "A value does not fit its setting: wrong type, out of bounds, not one of the choices, or "
     "without its unit. The message says what it must be."},
    {"CFG-013", "Two settings exclude each other. The message names both."},
};

}  // namespace

std::string_view to_string(setting_type type) {
    switch (type) {
        case setting_type::boolean:
            return "boolean";
        case setting_type::integer:
            return "integer";
        case setting_type::real:
            return "number";
        case setting_type::time_span:
            return "duration";
        case setting_type::bytes:
            return "size";
        case setting_type::text:
            return "text";
        case setting_type::choice:
            return "choice";
        case setting_type::url:
            return "url";
    }
    return "text";
}

std::variant<setting_value, std::string> parse_setting(const setting& of, std::string_view text) {
    auto parsed = parse_plain(of, text);
    if (!parsed || !is_within(of, *parsed)) return demand_of(of);
    if (of.check) {
        if (auto demand = of.check(text)) return *std::move(demand);
    }
    return *std::move(parsed);
}

void config_schema::add(setting what) {
    const auto dot = what.name.find('.');
    if (dot == std::string::npos || !is_snake_case(what.name.substr(0, dot)) ||
        !is_snake_case(what.name.substr(dot + 1))) {
        throw std::invalid_argument("setting \"" + what.name + "\" must be named section.key");
    }
    if (find(what.name) != nullptr) {
        throw std::invalid_argument("setting \"" + what.name + "\" is declared twice");
    }
    for (const auto* bound : {&what.least, &what.most}) {
        if (!bound->empty() && !parse_plain(what, *bound)) {
            throw std::invalid_argument("setting \"" + what.name + "\" has the bound \"" + *bound +
                                        "\", which is no value of its type");
        }
    }
    const auto value = parse_setting(what, what.fallback);
    if (const auto* demand = std::get_if<std::string>(&value)) {
        throw std::invalid_argument("setting \"" + what.name + "\" " + *demand +
                                    ", its default is \"" + what.fallback + "\"");
    }
    settings_.push_back(std::move(what));
}

const setting* config_schema::find(std::string_view name) const {
    const auto found = std::find_if(settings_.begin(), settings_.end(),
                                    [name](const setting& s) { return s.name == name; });
    return found == settings_.end() ? nullptr : &*found;
}

std::vector<std::string> config_schema::names() const {
    std::vector<std::string> out;
    for (const auto& s : settings_) out.push_back(s.name);
    return out;
}

std::string variable_of(std::string_view name) {
    std::string out = "TIDEMARK_";
    for (const auto c : name) {
        if (c >= 'a' && c <= 'z') {
            out += static_cast<char>(c - 'a' + 'A');
        } else {
            out += c == '.' ? '_' : c;
        }
    }
    return out;
}

std::optional<std::string_view> explain_config_code(std::string_view code) {
    for (const auto& c : codes) {
        if (c.code == code) return c.text;
    }
    return std::nullopt;
}

std::vector<std::string> config_codes() {
    std::vector<std::string> out;
    for (const auto& c : codes) out.emplace_back(c.code);
    return out;
}

namespace {

std::string text_of(const std::vector<config_mistake>& mistakes, std::string_view program) {
    std::string out;
    for (const auto& m : mistakes) {
        if (!out.empty()) out += '\n';
        out += "tidemark-" + m.code + "  " + m.what + "\n  from     " + m.from + "\n  fix      " +
               m.fix + "      docs: " + std::string{program} + " explain " + m.code;
    }
    return out;
}

}  // namespace

config_error::config_error(std::vector<config_mistake> mistakes)
    : std::runtime_error{text_of(mistakes, "tidemark")}, mistakes_{std::move(mistakes)} {}

std::string config_error::text(std::string_view program) const {
    return text_of(mistakes_, program);
}

const settings::entry& settings::at(std::string_view name) const {
    const auto found = entries_.find(name);
    if (found == entries_.end()) {
        throw std::out_of_range("setting \"" + std::string{name} + "\" is not in the schema");
    }
    return found->second;
}

bool settings::boolean(std::string_view name) const { return std::get<bool>(at(name).value); }

std::int64_t settings::integer(std::string_view name) const {
    return std::get<std::int64_t>(at(name).value);
}

double settings::real(std::string_view name) const { return std::get<double>(at(name).value); }

std::chrono::microseconds settings::duration(std::string_view name) const {
    return std::chrono::microseconds{integer(name)};
}

std::uint64_t settings::bytes(std::string_view name) const {
    return static_cast<std::uint64_t>(integer(name));
}

const std::string& settings::text(std::string_view name) const {
    return std::get<std::string>(at(name).value);
}

std::vector<settings::entry> settings::all() const {
    std::vector<entry> out;
    for (const auto& [name, value] : entries_) out.push_back(value);
    return out;
}

void settings::put(entry value) {
    auto name = value.of.name;
    entries_.insert_or_assign(std::move(name), std::move(value));
}

std::string shown(const settings::entry& value) {
    constexpr std::string_view mask = "********";
    if (value.of.is_secret && value.of.type != setting_type::url) {
        return value.text.empty() ? "" : std::string{mask};
    }
    if (value.of.type != setting_type::url) return value.text;
    // scheme://user:password@place: the last '@' ends the password, which may contain others.
    const auto user = value.text.find("://");
    const auto at = value.text.rfind('@');
    if (user == std::string::npos || at == std::string::npos || at < user) return value.text;
    const auto colon = value.text.find(':', user + 3);
    if (colon == std::string::npos || colon > at) return value.text;
    return value.text.substr(0, colon + 1) + std::string{mask} + value.text.substr(at);
}

}  // namespace tidemark
