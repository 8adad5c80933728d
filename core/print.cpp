#include "tidemark/core/print.hpp"

#include "tidemark/core/any_message.hpp"

#include <array>
#include <charconv>
#include <ostream>
#include <stdexcept>
#include <string>

namespace tidemark {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

void append_quoted(std::string& out, std::string_view text) {
    out += '"';
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20 || byte == 0x7f) {
            out += "\\x";
            out += hex_digits[byte >> 4U];
            out += hex_digits[byte & 0x0fU];
        } else {
            out += c;
        }
    }
    out += '"';
}

// One line of text: {a: 1, b: "x"}, [1, 2], account.opened.v1{…}, none.
class text_sink final : public value_sink {
  public:
    explicit text_sink(std::string_view name) : out_{name} {}

    [[nodiscard]] const std::string& line() const { return out_; }

    void begin_object() override { open('{'); }
    void end_object() override { close('}'); }
    void begin_array() override { open('['); }
    void end_array() override { close(']'); }
    void begin_named(std::string_view stored_name) override {
        separate();
        out_ += stored_name;
        follows_ = false;
    }
    void end_named() override { follows_ = true; }
    void key(std::string_view name) override {
        separate();
        out_ += name;
        out_ += ": ";
        follows_ = false;
    }
    void text(std::string_view value) override {
        separate();
        append_quoted(out_, value);
    }
    void number(std::int64_t value) override { append_number(value); }
    void number(std::uint64_t value) override { append_number(value); }
    void number(double value) override { append_number(value); }
    void boolean(bool value) override {
        separate();
        out_ += value ? "true" : "false";
    }
    void null() override {
        separate();
        out_ += "none";
    }

  private:
    void separate() {
        if (follows_) out_ += ", ";
        follows_ = true;
    }
    void open(char c) {
        separate();
        out_ += c;
        follows_ = false;
    }
    void close(char c) {
        out_ += c;
        follows_ = true;
    }
    void append_number(auto value) {
        separate();
        std::array<char, 32> digits{};
        const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
        out_.append(digits.data(), end);
    }

    std::string out_;
    // True when the next value stands behind another one and needs a comma.
    bool follows_ = false;
};

}  // namespace

std::ostream& print_written(std::ostream& out, std::string_view name, detail::write_function write,
                            const void* value) {
    text_sink sink{name};
    write(sink, value);
    return out << sink.line();
}

std::ostream& operator<<(std::ostream& out, const any_message& message) {
    return print_written(out, message.name(), message.operations_->write, message.value_.get());
}

void detail::throw_unnamed_enumerator(std::int64_t value) {
    throw std::invalid_argument{"no enumerator has the value " + std::to_string(value) +
                                ": list it in TIDEMARK_ENUM or do not make it"};
}

void detail::throw_overflow(const char* operation) {
    throw std::overflow_error{std::string{operation} + " of values leaves their range"};
}

}  // namespace tidemark
