#pragma once

#include "tidemark/codec/json_read.hpp"
#include "tidemark/codec/json_reader.hpp"
#include "tidemark/core/any_message.hpp"
#include "tidemark/core/encoded.hpp"
#include "tidemark/core/error.hpp"
#include "tidemark/core/ids.hpp"
#include "tidemark/core/stored_name.hpp"
#include "tidemark/core/version.hpp"
#include "tidemark/core/walk.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

/// Messages to JSON bytes and back.
///
/// Equal values have equal bytes: no spaces, fields as listed by the macro, maps in key order.
/// Instants are ISO-8601 UTC with microseconds, durations integer microseconds, 64-bit integers
/// exact, enumerators their names, an empty optional null, a variant
/// `{"<stored name>": {…}}`, strong values as their rep.
///
/// Reading wants every field but optionals (absent = the field's default) and takes each at most
/// once. Fields it does not know are passed over, or refused with `decode_options::strict`.
namespace tidemark {

namespace encoding {

/// Writes a value of the type it was made for into the sink.
using write_function = void (*)(value_sink& sink, const void* value);

/// JSON text of the value; `malformed_payload`, with path, for what JSON cannot hold.
[[nodiscard]] result<std::string> write(std::string_view name, write_function function,
                                        const void* value);
[[nodiscard]] result<encoded_message> write_named(std::string_view name, write_function function,
                                                  const void* value);

template <class T>
void walk_value(value_sink& sink, const void* value) {
    walk(sink, *static_cast<const T*>(value));
}

}  // namespace encoding

/// JSON text of any value that `walk` takes: HTTP bodies, documents of a read model.
template <class T>
[[nodiscard]] result<std::string> encode_json(const T& value) {
    return encoding::write("value", &encoding::walk_value<T>, &value);
}

/// Name and payload of a message or state. Fails with `malformed_payload` if text in it is not
/// UTF-8 or a number is not finite.
template <stored M>
[[nodiscard]] result<encoded_message> try_encode(const M& value) {
    return encoding::write_named(stored_name<M>(), &encoding::walk_value<M>, &value);
}
[[nodiscard]] result<encoded_message> try_encode(const any_message& message);
template <stored... Ms>
[[nodiscard]] result<encoded_message> try_encode(const std::variant<Ms...>& message) {
    return std::visit([](const auto& held) { return try_encode(held); }, message);
}

/// Like `try_encode`, but a value that JSON cannot hold throws `std::system_error`.
template <class M>
[[nodiscard]] encoded_message encode(const M& message) {
    return try_encode(message).value();
}

namespace decoding {

using read_function = bool (*)(json_reader& in, void* target);

/// Reads the whole payload into `target`; the error, if there is one, names `name` and the path.
[[nodiscard]] std::optional<error> read(std::string_view name, std::string_view payload,
                                        const decode_options& options, read_function function,
                                        void* target);
/// Likewise, with the alternative called `name`; `unknown_message` if there is none.
[[nodiscard]] std::optional<error> read_named(std::string_view name, std::string_view payload,
                                              const decode_options& options,
                                              std::span<const json_alternative> known,
                                              void* target);

template <class T>
bool read_value(json_reader& in, void* target) {
    return read_json(in, *static_cast<T*>(target));
}

template <class T>
constexpr std::string_view name_of() {
    if constexpr (stored<T>) {
        return stored_name<T>();
    } else {
        return "value";
    }
}

}  // namespace decoding

/// Reads a described type, or any other type a field may have. `malformed_payload` with path,
/// expected and got:
/// `cannot decode order.placed.v2: $.items[1].qty expected integer, got string "two"`.
template <class T>
[[nodiscard]] result<T> decode(std::string_view payload, const decode_options& options = {}) {
    T value{};
    auto failure =
        decoding::read(decoding::name_of<T>(), payload, options, &decoding::read_value<T>, &value);
    if (failure) return *std::move(failure);
    return value;
}

/// Reads the alternative of `Variant` with this stored name; `unknown_message`, listing those that
/// are known, if there is none. Old names: see `decode_current`.
template <class Variant>
[[nodiscard]] result<Variant> decode_variant(std::string_view name, std::string_view payload,
                                             const decode_options& options = {}) {
    Variant value{};
    auto failure =
        decoding::read_named(name, payload, options, reading::alternatives<Variant>::known, &value);
    if (failure) return *std::move(failure);
    return value;
}

/// What `failure`, met at a stored message, is to those who read streams, saying where it stands:
/// "cannot decode order.placed.v2 (stream order-17, version 7): $.items[1].qty expected …". A name
/// or a payload that does not fit is `undecodable` from here on; other codes stay.
[[nodiscard]] error with_location(const error& failure, const stream_id& stream, version at);

}  // namespace tidemark
