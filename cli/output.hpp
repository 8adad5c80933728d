#pragma once

#include <boost/json/value.hpp>

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark::cli {

/// How a verb prints.
struct output_style {
    /// One JSON document instead of text; JSON lines where the verb follows.
    bool is_json = false;
    bool is_coloured = false;
    /// 0: results and errors; 1: also what is being done; -1: errors only.
    int verbosity = 0;
};

/// Where a verb prints its result. Not owned: the streams outlive it.
class output {
  public:
    output(std::ostream& results, std::ostream& remarks, output_style style)
        : results_{results}, remarks_{remarks}, style_{style} {}

    [[nodiscard]] const output_style& style() const { return style_; }

    /// A line of the result; not with --quiet, not with --json.
    void line(std::string_view text) const;
    /// The result itself as JSON, with --json; otherwise nothing.
    void json(const boost::json::value& document) const;
    /// A remark on stderr, with --verbose.
    void remark(std::string_view text) const;
    /// Columns as wide as their widest cell; the last one is not padded. Nothing with --json.
    void table(const std::vector<std::string>& titles,
               const std::vector<std::vector<std::string>>& rows) const;
    /// "red", "green", "yellow", "dim" or "bold"; the text as it is without colour.
    [[nodiscard]] std::string paint(std::string_view colour, std::string_view text) const;
    void flush() const;

  private:
    std::ostream& results_;
    std::ostream& remarks_;
    output_style style_;
};

/// JSON text: compact, numbers in their shortest form (Boost.JSON writes 0.5 as 5E-1).
[[nodiscard]] std::string to_text(const boost::json::value& document);
/// The same, indented by two spaces.
[[nodiscard]] std::string to_indented_text(const boost::json::value& document);

/// A member of an object as text for people: a string without its quotes, null as "", anything
/// else as JSON; "" if there is no such member.
[[nodiscard]] std::string cell(const boost::json::value& object, std::string_view member);

/// "4m 12s", "3d 4h": two units at most.
[[nodiscard]] std::string span_text(double seconds);
/// Control characters as "?": a terminal must not be driven by stored text.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace tidemark::cli
