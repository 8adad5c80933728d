#pragma once

#include "tidemark/core/ids.hpp"
#include "tidemark/core/version.hpp"

#include <array>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tidemark {

/// Types of parameters, by their numbers in the catalogue of every server.
enum class postgres_type : std::uint32_t {
    boolean = 16,
    bytes = 17,
    int8 = 20,
    int2 = 21,
    int4 = 23,
    text = 25,
    uuid = 2950,
};

/// An array in the binary form of the protocol, built element by element. Owns its bytes.
class postgres_array {
  public:
    explicit postgres_array(postgres_type of);

    void add(std::integral auto value) { add_integer(static_cast<std::int64_t>(value)); }
    void add(version v) { add_integer(static_cast<std::int64_t>(v.value())); }
    void add(position p) { add_integer(static_cast<std::int64_t>(p.value())); }
    void add(instant at) { add_integer(at.time_since_epoch().count()); }
    /// A text or, in an array of bytes, bytes.
    void add(std::string_view text);
    void add(const std::string& text) { add(std::string_view{text}); }
    void add(const message_id& id);
    void add_null();

    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] bool is_empty() const { return size_ == 0; }
    /// Type number of the array.
    [[nodiscard]] std::uint32_t type() const;
    [[nodiscard]] std::string_view bytes() const { return bytes_; }

  private:
    void add_integer(std::int64_t value);
    void add_raw(const void* value, std::size_t size);
    void count();

    postgres_type of_;
    std::size_t size_ = 0;
    std::string bytes_;
};

/// One parameter in binary form. Refers to texts, bytes and arrays: they must outlive the call it
/// is passed to.
class postgres_value {
  public:
    postgres_value(bool value);  // NOLINT(google-explicit-constructor)
    template <std::integral T>
        requires(!std::same_as<T, bool>)
    postgres_value(T value)  // NOLINT(google-explicit-constructor)
        : postgres_value{of_int8(static_cast<std::int64_t>(value))} {}
    postgres_value(version v) : postgres_value{v.value()} {}  // NOLINT(google-explicit-constructor)
    postgres_value(position p)
        : postgres_value{p.value()} {}  // NOLINT(google-explicit-constructor)
    postgres_value(instant at)          // NOLINT(google-explicit-constructor)
        : postgres_value{at.time_since_epoch().count()} {}
    postgres_value(std::string_view text)  // NOLINT(google-explicit-constructor)
        : type_{static_cast<std::uint32_t>(postgres_type::text)}, outside_{text} {}
    postgres_value(const std::string& text)  // NOLINT(google-explicit-constructor)
        : postgres_value{std::string_view{text}} {}
    postgres_value(const char*) = delete;
    postgres_value(const message_id& id);      // NOLINT(google-explicit-constructor)
    postgres_value(const postgres_array& all)  // NOLINT(google-explicit-constructor)
        : type_{all.type()}, outside_{all.bytes()} {}
    /// NULL of that type if there is none: "by the database's clock".
    postgres_value(std::optional<instant> at);  // NOLINT(google-explicit-constructor)

    [[nodiscard]] static postgres_value null(postgres_type of);
    [[nodiscard]] static postgres_value int4(std::int32_t value);
    [[nodiscard]] static postgres_value bytes(std::string_view bytes);

    [[nodiscard]] std::uint32_t type() const { return type_; }
    /// Null for NULL.
    [[nodiscard]] const char* content() const;
    [[nodiscard]] int size() const;

  private:
    postgres_value() = default;
    [[nodiscard]] static postgres_value of_int8(std::int64_t value);

    std::uint32_t type_ = 0;
    bool is_null_ = false;
    /// Bytes used of `inside_`; 0: the value stands in `outside_`.
    std::uint8_t inside_size_ = 0;
    std::array<char, 16> inside_{};
    std::string_view outside_{""};
};

}  // namespace tidemark
