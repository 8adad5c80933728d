#include "tidemark/cli/output.hpp"

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <ostream>

namespace tidemark::cli {
namespace {

namespace json = boost::json;

/// Writes a document; `indent` is negative for the compact form.
class printer {
  public:
    printer(std::string& out, bool is_indented) : out_{out}, is_indented_{is_indented} {}

    void print(const json::value& v, int depth) {
        if (const auto* object = v.if_object()) {
            print_object(*object, depth);
        } else if (const auto* array = v.if_array()) {
            print_array(*array, depth);
        } else if (v.is_double()) {
            print_double(v.get_double());
        } else {
            out_ += json::serialize(v);
        }
    }

  private:
    void line(int depth) {
        if (!is_indented_) return;
        out_ += '\n';
        out_.append(static_cast<std::size_t>(depth) * 2, ' ');
    }

    void print_object(const json::object& object, int depth) {
        out_ += '{';
        auto is_first = true;
        for (const auto& [name, value] : object) {
            if (!std::exchange(is_first, false)) out_ += ',';
            line(depth + 1);
            out_ += json::serialize(json::value(name));
            out_ += is_indented_ ? ": " : ":";
            print(value, depth + 1);
        }
        if (!object.empty()) line(depth);
        out_ += '}';
    }

    void print_array(const json::array& array, int depth) {
        out_ += '[';
        auto is_first = true;
        for (const auto& value : array) {
            if (!std::exchange(is_first, false)) out_ += ',';
            line(depth + 1);
            print(value, depth + 1);
        }
        if (!array.empty()) line(depth);
        out_ += ']';
    }

    void print_double(double value) {
        std::array<char, 32> buffer{};
        const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
        const std::string_view text{buffer.data(), static_cast<std::size_t>(end - buffer.data())};
        out_ += text;
        // 2.0 stays a number with a fraction.
        if (text.find_first_of(".en") == std::string_view::npos) out_ += ".0";
    }

    std::string& out_;
    bool is_indented_;
};

/// Characters of UTF-8 text: what a terminal shows in a column each.
std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
    }));
}

}  // namespace

void output::line(std::string_view text) const {
    if (!style_.is_json && style_.verbosity >= 0) results_ << text << '\n';
}

void output::json(const boost::json::value& document) const {
    if (style_.is_json) results_ << to_text(document) << '\n';
}

void output::remark(std::string_view text) const {
    if (style_.verbosity > 0) remarks_ << text << '\n';
}

void output::flush() const { results_.flush(); }

void output::table(const std::vector<std::string>& titles,
                   const std::vector<std::vector<std::string>>& rows) const {
    std::vector<std::size_t> widths;
    for (const auto& title : titles) widths.push_back(width(title));
    for (const auto& row : rows) {
        for (auto i = std::size_t{0}; i < row.size() && i < widths.size(); ++i) {
            widths[i] = std::max(widths[i], width(row[i]));
        }
    }
    const auto format = [&widths](const std::vector<std::string>& row) {
        std::string out;
        for (auto i = std::size_t{0}; i < row.size(); ++i) {
            out += row[i];
            if (i + 1 < row.size()) out.append(widths[i] - width(row[i]) + 2, ' ');
        }
        return out;
    };
    line(paint("bold", format(titles)));
    for (const auto& row : rows) line(format(row));
}

std::string output::paint(std::string_view colour, std::string_view text) const {
    if (!style_.is_coloured) return std::string{text};
    const auto* code = "0";
    if (colour == "red") code = "31";
    if (colour == "green") code = "32";
    if (colour == "yellow") code = "33";
    if (colour == "dim") code = "2";
    if (colour == "bold") code = "1";
    return "\x1b[" + std::string{code} + "m" + std::string{text} + "\x1b[0m";
}

std::string to_text(const boost::json::value& document) {
    std::string out;
    printer{out, false}.print(document, 0);
    return out;
}

std::string to_indented_text(const boost::json::value& document) {
    std::string out;
    printer{out, true}.print(document, 0);
    return out;
}

std::string cell(const boost::json::value& object, std::string_view member) {
    const auto* const members = object.if_object();
    if (members == nullptr) return "";
    const auto* const found = members->if_contains({member.data(), member.size()});
    if (found == nullptr || found->is_null()) return "";
    if (const auto* text = found->if_string()) return printable({text->data(), text->size()});
    return printable(to_text(*found));
}

std::string span_text(double seconds) {
    if (!std::isfinite(seconds) || seconds < 0) return "";
    if (seconds < 1) return std::to_string(std::lround(seconds * 1000)) + "ms";
    struct scale {
        std::int64_t size;
        const char* name;
    };
    constexpr scale scales[] = {{86400, "d"}, {3600, "h"}, {60, "m"}, {1, "s"}};
    auto left = static_cast<std::int64_t>(std::min(seconds, 1e15));
    std::string out;
    auto units = 0;
    for (const auto& s : scales) {
        const auto count = left / s.size;
        if (count == 0 && units == 0) continue;
        if (count != 0) out += (out.empty() ? "" : " ") + std::to_string(count) + s.name;
        left -= count * s.size;
        if (++units == 2) break;
    }
    return out;
}

std::string printable(std::string_view text) {
    std::string out{text};
    for (auto& c : out) {
        const auto code = static_cast<unsigned char>(c);
        if (code < 0x20 || code == 0x7F) c = '?';
    }
    return out;
}

}  // namespace tidemark::cli
