#include "tidemark/codec/json_codec.hpp"

#include "tidemark/codec/json_sink.hpp"
#include "tidemark/codec/json_text.hpp"

#include <memory>
#include <utility>

namespace tidemark {
namespace {

/// A sink whose buffer has grown beyond this is given back after use.
constexpr std::size_t kept_bytes_max = 64 * 1024;

/// The sink each thread keeps, so that a payload costs one allocation of its exact size.
thread_local std::unique_ptr<json_sink> kept;

/// Lends the thread's sink for one document. Should user code encode while it is being encoded, the
/// inner document gets a sink of its own.
class borrowed_sink {
  public:
    borrowed_sink() : sink_{std::move(kept)} {
        if (sink_ == nullptr) sink_ = std::make_unique<json_sink>();
        sink_->writer().clear();
    }
    borrowed_sink(const borrowed_sink&) = delete;
    borrowed_sink& operator=(const borrowed_sink&) = delete;
    ~borrowed_sink() {
        if (sink_->writer().capacity() <= kept_bytes_max) kept = std::move(sink_);
    }

    /// The document, or what was wrong with it.
    [[nodiscard]] result<std::string> write(std::string_view name,
                                            encoding::write_function function, const void* value) {
        function(*sink_, value);
        const auto& writer = sink_->writer();
        if (writer.ok()) return std::string{writer.written()};
        return error{writer.failure().code(),
                     "cannot encode " + std::string{name} + ": " + writer.failure().message()};
    }

  private:
    std::unique_ptr<json_sink> sink_;
};

error cannot_decode(std::string_view name, const error& failure) {
    return {failure.code(),
            "cannot decode " + json_text::excerpt(name, 255) + ": " + failure.message()};
}

}  // namespace

namespace encoding {

result<std::string> write(std::string_view name, write_function function, const void* value) {
    return borrowed_sink{}.write(name, function, value);
}

result<encoded_message> write_named(std::string_view name, write_function function,
                                    const void* value) {
    auto payload = borrowed_sink{}.write(name, function, value);
    if (!payload) return payload.error();
    return encoded_message{.name = std::string{name}, .payload = *std::move(payload)};
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
    const auto is_ours =
        failure.code() == errc::unknown_message || failure.code() == errc::malformed_payload;
    const auto code = is_ours ? errc::undecodable : failure.code();
    const auto& message = failure.message();
    const auto colon =
        message.starts_with("cannot decode ") ? message.find(": ") : std::string::npos;
    if (colon == std::string::npos) return {code, message + place};
    return {code, message.substr(0, colon) + place + message.substr(colon)};
}

}  // namespace tidemark
