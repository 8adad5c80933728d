#include "tidemark/cli/json_out.hpp"

#include "tidemark/http/json_text.hpp"

#include <boost/json/parser.hpp>

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace tidemark::cli {
namespace {

bool is_json(std::string_view text) {
    boost::json::parser parser;
    boost::system::error_code failure;
    parser.write(text.data(), text.size(), failure);
    return !failure;
}

}  // namespace

void object_writer::key(std::string_view name) {
    if (out_.size() > 1) out_ += ',';
    http::append_json_string(out_, name);
    out_ += ':';
}

object_writer& object_writer::text(std::string_view name, std::string_view value) {
    key(name);
    http::append_json_string(out_, value);
    return *this;
}

object_writer& object_writer::text_or_null(std::string_view name, std::string_view value) {
    return value.empty() ? trusted(name, "null") : text(name, value);
}

object_writer& object_writer::number(std::string_view name, std::uint64_t value) {
    return trusted(name, std::to_string(value));
}

object_writer& object_writer::real(std::string_view name, double value) {
    if (!std::isfinite(value)) return trusted(name, "null");
    std::array<char, 32> buffer{};
    const auto written = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
    return trusted(name, {buffer.data(), static_cast<std::size_t>(written.ptr - buffer.data())});
}

object_writer& object_writer::boolean(std::string_view name, bool value) {
    return trusted(name, value ? "true" : "false");
}

object_writer& object_writer::raw(std::string_view name, std::string_view json) {
    return is_json(json) ? trusted(name, json) : text(name, json);
}

object_writer& object_writer::trusted(std::string_view name, std::string_view json) {
    key(name);
    out_ += json;
    return *this;
}

std::string object_writer::end() { return std::exchange(out_, "{") + '}'; }

void array_writer::add_text(std::string_view value) {
    std::string quoted;
    http::append_json_string(quoted, value);
    add(quoted);
}

}  // namespace tidemark::cli
