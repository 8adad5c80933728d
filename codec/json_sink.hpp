#pragma once

#include "tidemark/codec/json_writer.hpp"
#include "tidemark/core/value_sink.hpp"

#include <cstdint>
#include <string_view>

namespace tidemark {

/// The JSON writer as a `value_sink`: what `walk` and `any_message::write` speak to. Afterwards ask
/// `writer()` whether it is `ok` and what was `written`.
class json_sink final : public value_sink {
  public:
    void begin_object() override { writer_.begin_object(); }
    void end_object() override { writer_.end_object(); }
    void begin_array() override { writer_.begin_array(); }
    void end_array() override { writer_.end_array(); }
    /// `{"<stored name>": value}`.
    void begin_named(std::string_view stored_name) override {
        writer_.begin_object();
        writer_.key(stored_name);
    }
    void end_named() override { writer_.end_object(); }
    void key(std::string_view name) override { writer_.key(name); }

    void text(std::string_view value) override { writer_.text(value); }
    void number(std::int64_t value) override { writer_.number(value); }
    void number(std::uint64_t value) override { writer_.number(value); }
    void number(double value) override { writer_.number(value); }
    void boolean(bool value) override { writer_.boolean(value); }
    void null() override { writer_.null(); }

    [[nodiscard]] json_writer& writer() { return writer_; }

  private:
    json_writer writer_;
};

}  // namespace tidemark
