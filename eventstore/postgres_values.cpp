#include "tidemark/eventstore/postgres_values.hpp"

#include "tidemark/core/assert.hpp"

#include <cstring>

namespace tidemark {
namespace {

/// Number of dimensions, whether there are NULLs, type of elements, their count, first index.
constexpr std::size_t header_bytes = 5 * 4;
constexpr std::size_t nulls_at = 4, element_at = 8, count_at = 12, first_at = 16;

void put_u32(std::string& out, std::size_t at, std::uint32_t value) {
    for (std::size_t i = 0; i < 4; ++i) out[at + i] = static_cast<char>(value >> (24 - 8 * i));
}

template <std::size_t Size>
std::array<char, Size> big_endian(std::int64_t value) {
    std::array<char, Size> out{};
    for (std::size_t i = 0; i < Size; ++i) {
        out[i] = static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * (Size - 1 - i)));
    }
    return out;
}

std::uint32_t array_type(postgres_type of) {
    switch (of) {
        case postgres_type::boolean:
            return 1000;
        case postgres_type::bytes:
            return 1001;
        case postgres_type::int2:
            return 1005;
        case postgres_type::int4:
            return 1007;
        case postgres_type::text:
            return 1009;
        case postgres_type::int8:
            return 1016;
        case postgres_type::uuid:
            return 2951;
    }
    return 0;
}

}  // namespace

postgres_array::postgres_array(postgres_type of) : of_{of}, bytes_(header_bytes, '\0') {
    put_u32(bytes_, element_at, static_cast<std::uint32_t>(of));
    // No elements, no dimension: the header ends before the count.
    bytes_.resize(count_at);
}

std::uint32_t postgres_array::type() const { return array_type(of_); }

void postgres_array::count() {
    if (size_ == 0) {
        bytes_.resize(header_bytes, '\0');
        put_u32(bytes_, 0, 1);
        put_u32(bytes_, first_at, 1);
    }
    put_u32(bytes_, count_at, static_cast<std::uint32_t>(++size_));
}

void postgres_array::add_raw(const void* value, std::size_t size) {
    count();
    const auto length = big_endian<4>(static_cast<std::int64_t>(size));
    bytes_.append(length.data(), length.size()).append(static_cast<const char*>(value), size);
}

void postgres_array::add_integer(std::int64_t value) {
    switch (of_) {
        case postgres_type::boolean: {
            const char flag = value != 0 ? 1 : 0;
            return add_raw(&flag, 1);
        }
        case postgres_type::int2:
            return add_raw(big_endian<2>(value).data(), 2);
        case postgres_type::int4:
            return add_raw(big_endian<4>(value).data(), 4);
        case postgres_type::int8:
            return add_raw(big_endian<8>(value).data(), 8);
        case postgres_type::bytes:
        case postgres_type::text:
        case postgres_type::uuid:
            break;
    }
    TIDEMARK_ASSERT(false, "an integer for an array of another type");
}

void postgres_array::add(std::string_view text) {
    TIDEMARK_ASSERT(of_ == postgres_type::text || of_ == postgres_type::bytes,
                    "a text for an array of another type");
    add_raw(text.data(), text.size());
}

void postgres_array::add(const message_id& id) {
    TIDEMARK_ASSERT(of_ == postgres_type::uuid || of_ == postgres_type::bytes,
                    "an id for an array of another type");
    add_raw(id.value().data(), id.value().size());
}

void postgres_array::add_null() {
    count();
    put_u32(bytes_, nulls_at, 1);
    const auto absent = big_endian<4>(-1);
    bytes_.append(absent.data(), absent.size());
}

postgres_value::postgres_value(bool value)
    : type_{static_cast<std::uint32_t>(postgres_type::boolean)}, inside_size_{1} {
    inside_[0] = value ? 1 : 0;
}

postgres_value::postgres_value(const message_id& id)
    : type_{static_cast<std::uint32_t>(postgres_type::uuid)}, inside_size_{16} {
    std::memcpy(inside_.data(), id.value().data(), inside_.size());
}

postgres_value::postgres_value(std::optional<instant> at)
    : postgres_value{at ? postgres_value{*at} : null(postgres_type::int8)} {}

postgres_value postgres_value::of_int8(std::int64_t value) {
    postgres_value made;
    made.type_ = static_cast<std::uint32_t>(postgres_type::int8);
    made.inside_size_ = 8;
    std::memcpy(made.inside_.data(), big_endian<8>(value).data(), 8);
    return made;
}

postgres_value postgres_value::null(postgres_type of) {
    postgres_value made;
    made.type_ = static_cast<std::uint32_t>(of);
    made.is_null_ = true;
    return made;
}

postgres_value postgres_value::int4(std::int32_t value) {
    postgres_value made;
    made.type_ = static_cast<std::uint32_t>(postgres_type::int4);
    made.inside_size_ = 4;
    std::memcpy(made.inside_.data(), big_endian<4>(value).data(), 4);
    return made;
}

postgres_value postgres_value::bytes(std::string_view bytes) {
    postgres_value made;
    made.type_ = static_cast<std::uint32_t>(postgres_type::bytes);
    made.outside_ = bytes;
    return made;
}

const char* postgres_value::content() const {
    if (is_null_) return nullptr;
    if (inside_size_ > 0) return inside_.data();
    return outside_.data() != nullptr ? outside_.data() : "";
}

int postgres_value::size() const {
    if (is_null_) return 0;
    return inside_size_ > 0 ? inside_size_ : static_cast<int>(outside_.size());
}

}  // namespace tidemark
