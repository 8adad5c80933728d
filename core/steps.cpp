#include "tidemark/core/steps.hpp"

#include <ostream>

namespace tidemark {
namespace {

// Tells one step to the sink, in the words it was written with.
struct step_writer {
    value_sink& sink;

    void operator()(const send_step& s) const {
        open("send");
        detail::write_fields(sink, s.send);
        extras(s.undo, s.is_pivot, s.name);
        close();
    }
    void operator()(const request_step& s) const {
        open("request");
        detail::write_fields(sink, s.request);
        extras(s.undo, s.is_pivot, s.name);
        close();
    }
    void operator()(const schedule_effect& s) const { effect{s}.write(sink); }
    void operator()(const cancel_effect& s) const { effect{s}.write(sink); }
    void operator()(const complete_step&) const {
        open("complete");
        close();
    }
    void operator()(const fail_step& s) const {
        open("fail");
        sink.key("reason");
        sink.text(s.reason);
        close();
    }

  private:
    void open(std::string_view verb) const {
        sink.begin_named(verb);
        sink.begin_object();
    }
    void close() const {
        sink.end_object();
        sink.end_named();
    }
    void extras(const std::optional<any_message>& undo, bool is_pivot,
                const std::string& name) const {
        if (undo) detail::write_named(sink, "undone_by", *undo);
        if (is_pivot) {
            sink.key("pivot");
            sink.boolean(true);
        }
        if (!name.empty()) {
            sink.key("named");
            sink.text(name);
        }
    }
};

template <class Kind>
std::ostream& print_step(std::ostream& out, const Kind& value) {
    return print_written(
        out, {},
        [](value_sink& sink, const void* erased) {
            step_writer{sink}(*static_cast<const Kind*>(erased));
        },
        &value);
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const send_step& s) { return print_step(out, s); }
std::ostream& operator<<(std::ostream& out, const request_step& s) { return print_step(out, s); }
std::ostream& operator<<(std::ostream& out, const complete_step& s) { return print_step(out, s); }
std::ostream& operator<<(std::ostream& out, const fail_step& s) { return print_step(out, s); }

void detail::write_steps(value_sink& sink, const std::vector<step>& all) {
    sink.begin_array();
    for (const auto& each : all) std::visit(step_writer{sink}, each);
    sink.end_array();
}

std::ostream& detail::print_steps(std::ostream& out, const std::vector<step>& all) {
    return print_written(
        out, "steps",
        [](value_sink& sink, const void* erased) {
            write_steps(sink, *static_cast<const std::vector<step>*>(erased));
        },
        &all);
}

}  // namespace tidemark
