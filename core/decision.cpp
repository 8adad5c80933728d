#include "tidemark/core/decision.hpp"

#include <ostream>

namespace tidemark {

std::ostream& operator<<(std::ostream& out, const rejection& r) {
    return print_written(
        out, {},
        [](value_sink& sink, const void* erased) {
            detail::write_rejection(sink, *static_cast<const rejection*>(erased));
        },
        &r);
}

namespace detail {

void write_rejection(value_sink& sink, const rejection& refusal) {
    sink.begin_named("rejected");
    sink.begin_object();
    sink.key("code");
    sink.text(refusal.code);
    if (!refusal.message.empty()) {
        sink.key("message");
        sink.text(refusal.message);
    }
    sink.end_object();
    sink.end_named();
}

void write_events_begin(value_sink& sink) {
    sink.begin_named("decided");
    sink.begin_object();
    sink.key("events");
    sink.begin_array();
}

void write_effects_end(value_sink& sink, const std::vector<effect>& effects) {
    sink.end_array();
    sink.key("effects");
    sink.begin_array();
    for (const auto& e : effects) e.write(sink);
    sink.end_array();
    sink.end_object();
    sink.end_named();
}

}  // namespace detail
}  // namespace tidemark
