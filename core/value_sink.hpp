#pragma once

#include <cstdint>
#include <string_view>

namespace tidemark {

/// Receives a value piece by piece: what `walk` and `any_message::write` speak to. The JSON writer
/// and the printer are value sinks. Calls are balanced; inside an object every value is preceded
/// by its `key`. Text and keys are only valid during the call.
class value_sink {
  public:
    value_sink() = default;
    value_sink(const value_sink&) = delete;
    value_sink& operator=(const value_sink&) = delete;
    virtual ~value_sink() = default;

    /// A described struct or a map.
    virtual void begin_object() = 0;
    virtual void end_object() = 0;
    /// A vector or an array.
    virtual void begin_array() = 0;
    virtual void end_array() = 0;
    /// The alternative a variant of messages holds; exactly one value follows, then `end_named`.
    virtual void begin_named(std::string_view stored_name) = 0;
    virtual void end_named() = 0;
    /// Field of a struct or key of a map.
    virtual void key(std::string_view name) = 0;

    virtual void text(std::string_view value) = 0;
    virtual void number(std::int64_t value) = 0;
    virtual void number(std::uint64_t value) = 0;
    virtual void number(double value) = 0;
    virtual void boolean(bool value) = 0;
    /// An empty optional.
    virtual void null() = 0;
};

}  // namespace tidemark
