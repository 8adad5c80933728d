#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tidemark {

/// What a setting's text means.
enum class setting_type : std::uint8_t {
    /// true or false.
    boolean,
    /// A whole number.
    integer,
    /// A number.
    real,
    /// A number and its unit: us, ms, s, min, h or d. Without unit it is refused.
    time_span,
    /// A whole number of bytes, or one with KiB, MiB or GiB.
    bytes,
    /// Any text.
    text,
    /// One of `choices`.
    choice,
    /// An address whose scheme, the part before the colon, is one of `choices`.
    url,
};
[[nodiscard]] std::string_view to_string(setting_type type);

/// One setting of the schema.
struct setting {
    /// "section.key", snake_case.
    std::string name;
    setting_type type = setting_type::text;
    /// Written like a value somebody sets.
    std::string fallback;
    /// One sentence.
    std::string doc;
    /// Bounds, inclusive, written like values; empty means none.
    std::string least;
    std::string most;
    std::vector<std::string> choices;
    /// Never shown; may be read from a file named by the variable with `_FILE` behind it.
    bool is_secret = false;
    /// A further rule: what the value must be ("must be …") if the text breaks it.
    std::function<std::optional<std::string>(std::string_view)> check;
};

/// A parsed value: boolean, integer (microseconds, bytes), real, or text.
using setting_value = std::variant<bool, std::int64_t, double, std::string>;

/// The value of a text, or what it must be ("must be 1..512").
[[nodiscard]] std::variant<setting_value, std::string> parse_setting(const setting& of,
                                                                     std::string_view text);

/// Every setting a program knows; an application adds its own.
class config_schema {
  public:
    /// Throws `std::invalid_argument` if the name is malformed or taken, or the fallback is not a
    /// valid value.
    void add(setting what);
    [[nodiscard]] const std::vector<setting>& settings() const { return settings_; }
    [[nodiscard]] const setting* find(std::string_view name) const;
    [[nodiscard]] std::vector<std::string> names() const;

  private:
    std::vector<setting> settings_;
};

/// "http.admin_port" → "TIDEMARK_HTTP_ADMIN_PORT".
[[nodiscard]] std::string variable_of(std::string_view name);

/// One thing that is wrong with the configuration.
struct config_mistake {
    /// "CFG-012"; explained by `explain_config_code`.
    std::string code;
    /// One sentence that names the setting and the value seen.
    std::string what;
    /// Where the value came from.
    std::string from;
    /// What to do, as something that can be pasted.
    std::string fix;
};

/// What a code means, how it comes about and what to do; nothing for an unknown code.
[[nodiscard]] std::optional<std::string_view> explain_config_code(std::string_view code);
[[nodiscard]] std::vector<std::string> config_codes();

/// Every mistake that was found, together. `what()` is the text for people; a program that gets
/// this prints it and exits with 2.
class config_error : public std::runtime_error {
  public:
    explicit config_error(std::vector<config_mistake> mistakes);
    [[nodiscard]] const std::vector<config_mistake>& mistakes() const { return mistakes_; }
    /// As `what()`, naming the program that the user ran instead of "tidemark".
    [[nodiscard]] std::string text(std::string_view program) const;

  private:
    std::vector<config_mistake> mistakes_;
};

/// The value of every setting of a schema and where it came from. A copy is independent.
class settings {
  public:
    struct entry {
        setting of;
        setting_value value;
        std::string text;
        /// "default", "tidemark.toml:12", "environment TIDEMARK_HTTP_PORT", "flag --port".
        std::string source;
    };

    /// The getters throw `std::out_of_range` for a name that is not in the schema and
    /// `std::bad_variant_access` for one of another type: both are mistakes of the program.
    [[nodiscard]] bool boolean(std::string_view name) const;
    [[nodiscard]] std::int64_t integer(std::string_view name) const;
    [[nodiscard]] double real(std::string_view name) const;
    [[nodiscard]] std::chrono::microseconds duration(std::string_view name) const;
    [[nodiscard]] std::uint64_t bytes(std::string_view name) const;
    [[nodiscard]] const std::string& text(std::string_view name) const;

    [[nodiscard]] const entry& at(std::string_view name) const;
    /// In the order of their names.
    [[nodiscard]] std::vector<entry> all() const;
    void put(entry value);

  private:
    std::map<std::string, entry, std::less<>> entries_;
};

/// The value as it may be shown: secrets are "********", and so is the password inside a URL.
[[nodiscard]] std::string shown(const settings::entry& value);

}  // namespace tidemark
