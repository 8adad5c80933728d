#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tidemark::cli {

/// Writes one JSON object member by member. `raw` takes stored JSON as it stands, so that numbers
/// keep their spelling; text in it that is not JSON is written as a JSON string instead.
class object_writer {
  public:
    object_writer& text(std::string_view name, std::string_view value);
    /// As `text`, but null if the value is empty.
    object_writer& text_or_null(std::string_view name, std::string_view value);
    object_writer& number(std::string_view name, std::uint64_t value);
    object_writer& real(std::string_view name, double value);
    object_writer& boolean(std::string_view name, bool value);
    object_writer& raw(std::string_view name, std::string_view json);
    /// JSON that this program wrote itself: not checked again.
    object_writer& trusted(std::string_view name, std::string_view json);
    /// The finished object; the writer is empty afterwards.
    [[nodiscard]] std::string end();

  private:
    void key(std::string_view name);
    std::string out_ = "{";
};

/// Collects elements of a JSON array.
class array_writer {
  public:
    void add(std::string_view json) {
        if (out_.size() > 1) out_ += ',';
        out_ += json;
    }
    void add_text(std::string_view value);
    [[nodiscard]] std::string end() { return out_ + ']'; }

  private:
    std::string out_ = "[";
};

}  // namespace tidemark::cli
