#include "tidemark/codec/json_codec.hpp"

#include "tidemark/codec/json_sink.hpp"
#include "tidemark/codec/json_text.hpp"

#include <utility>

namespace tidemark {
namespace {

/// A scratch string larger than this is given back after use.
constexpr std::size_t scratch_bytes_max = 64 * 1024;

/// Text to write into, kept from call to call on each thread, so that a payload costs one
/// allocation of its exact size.
class scratch_text {
  public:
    scratch_text() : text{std::exchange(kept, {})} { text.clear(); }
    scratch_text(const scratch_text&) = delete;
    scratch_text& operator=(const scratch_text&) = delete;
    ~scratch_text() {
        if (text.capacity() <= scratch_bytes_max) kept.swap(text);
    }
    std::string text;

  private:
    static thread_local std::string kept;
};

thread_local std::string scratch_text::kept;

std::optional<error> write_into(std::string& out, std::string_view name,
                                encoding::write_function function, const void* value) {
    json_sink sink{out};
    function(sink, value);
    const auto& writer = sink.writer();
    if (writer.ok()) return std::nullopt;
    return error{writer.failure().code(),
                 "cannot encode " + std::string{name} + ": " + writer.failure().message()};
}

error cannot_decode(std::string_view name, const error& failure) {
    return {failure.code(),
            "cannot decode " + json_text::excerpt(name, 255) + ": " + failure.message()};
}

}  // namespace

namespace encoding {

result<std::string> write(std::string_view name, write_function function, const void* value) {
    scratch_text scratch;
    if (auto failure = write_into(scratch.text, name, function, value)) return *std::move(failure);
    return std::string{scratch.text};
}

result<encoded_message> write_named(std::string_view name, write_function function,
                                    const void* value) {
    scratch_text scratch;
    if (auto failure = write_into(scratch.text, name, function, value)) return *std::move(failure);
    return encoded_message{.name = std::string{name}, .payload = scratch.text};
}

}  // namespace encoding

result<encoded_message> try_encode(const any_message& message) {
    const auto write = [](value_sink& sink, const void* value) {
        static_cast<const any_message*>(value)->write(sink);
    };
    return encoding::write_named(message.name(), write, &message);
}

namespace decoding {

std::optional<error> read(std::string_view name, std::string_view payload,
                          const decode_options& options, read_function function, void* target) {
    json_reader in{payload, options};
    if (function(in, target) && in.finish()) return std::nullopt;
    return cannot_decode(name, in.failure());
}

std::optional<error> read_named(std::string_view name, std::string_view payload,
                                const decode_options& options,
                                std::span<const json_alternative> known, void* target) {
    const auto* found = find_alternative(known, name);
    if (found != nullptr) return read(name, payload, options, found->read, target);
    return cannot_decode(name,
                         {errc::unknown_message,
                          "no message of this name is known here; known are " + list_names(known) +
                              ". Keep a type for every name ever stored, and upcast it"});
}

}  // namespace decoding

error with_location(const error& failure, const stream_id& stream, version at) {
    const auto place = " (stream " + json_text::excerpt(stream.text(), 255) + ", version " +
                       std::to_string(at.value()) + ')';
    const auto& message = failure.message();
    const auto colon =
        message.starts_with("cannot decode ") ? message.find(": ") : std::string::npos;
    if (colon == std::string::npos) return {failure.code(), message + place};
    return {failure.code(), message.substr(0, colon) + place + message.substr(colon)};
}

}  // namespace tidemark
