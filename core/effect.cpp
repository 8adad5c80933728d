#include "tidemark/core/effect.hpp"

#include <array>
#include <ostream>

namespace tidemark {
namespace {

std::string duration_text(duration value) {
    constexpr std::array<std::pair<std::int64_t, const char*>, 5> units{{
        {3'600'000'000, "h"},
        {60'000'000, "min"},
        {1'000'000, "s"},
        {1'000, "ms"},
        {1, "us"},
    }};
    const auto count = value.count();
    if (count == 0) return "0s";
    for (const auto& [size, name] : units) {
        if (count % size == 0) return std::to_string(count / size) + name;
    }
    return {};
}

void write_children(value_sink& sink, const std::vector<effect>& effects) {
    sink.begin_array();
    for (const auto& child : effects) child.write(sink);
    sink.end_array();
}

// Tells one kind of effect to the sink, behind its verb.
struct effect_writer {
    value_sink& sink;

    void operator()(const send_effect& e) const {
        sink.begin_named("send");
        sink.begin_object();
        detail::write_fields(sink, e);
        close();
    }
    void operator()(const schedule_effect& e) const {
        sink.begin_named("schedule");
        sink.begin_object();
        sink.key("name");
        sink.text(e.name);
        if (const auto* after = std::get_if<duration>(&e.when)) {
            sink.key("after");
            sink.text(duration_text(*after));
        } else {
            sink.key("at");
            sink.text(to_text(std::get<instant>(e.when)));
        }
        detail::write_named(sink, "command", e.command);
        close();
    }
    void operator()(const cancel_effect& e) const {
        sink.begin_named("cancel");
        sink.begin_object();
        sink.key("name");
        sink.text(e.name);
        close();
    }
    void operator()(const request_effect& e) const {
        sink.begin_named("request");
        sink.begin_object();
        detail::write_fields(sink, e);
        close();
    }
    void operator()(const sequence_effect& e) const {
        sink.begin_named("sequence");
        write_children(sink, e.effects);
        sink.end_named();
    }
    void operator()(const parallel_effect& e) const {
        sink.begin_named("parallel");
        write_children(sink, e.effects);
        sink.end_named();
    }

  private:
    void close() const {
        sink.end_object();
        sink.end_named();
    }
};

template <class Kind>
std::ostream& print_kind(std::ostream& out, const Kind& value) {
    return print_written(
        out, {},
        [](value_sink& sink, const void* erased) {
            effect_writer{sink}(*static_cast<const Kind*>(erased));
        },
        &value);
}

using indices = std::vector<std::size_t>;

// Walks the trees of a decision in pre-order; every visit returns the leaves found below.
struct flattener {
    std::vector<effect_leaf> leaves{};
    std::size_t next_index = 0;
    std::size_t root = 0;

    indices visit(const effect& node, const indices& after, bool is_ordered) {
        const auto index = next_index++;
        if (const auto* group = node.get_if<sequence_effect>()) return in_turn(*group, after);
        if (const auto* group = node.get_if<parallel_effect>()) {
            return side_by_side(*group, after, is_ordered);
        }
        leaves.push_back({index, root, is_ordered, node, after});
        return {index};
    }

  private:
    indices in_turn(const sequence_effect& group, indices after) {
        indices all;
        for (const auto& child : group.effects) {
            auto found = visit(child, after, true);
            all.insert(all.end(), found.begin(), found.end());
            if (!found.empty()) after = std::move(found);
        }
        return all;
    }
    indices side_by_side(const parallel_effect& group, const indices& after, bool is_ordered) {
        indices all;
        for (const auto& child : group.effects) {
            const auto found = visit(child, after, is_ordered);
            all.insert(all.end(), found.begin(), found.end());
        }
        return all;
    }
};

}  // namespace

void detail::write_named(value_sink& sink, std::string_view key, const any_message& message) {
    sink.key(key);
    sink.begin_named(message.name());
    message.write(sink);
    sink.end_named();
}

void detail::write_fields(value_sink& sink, const send_effect& e) {
    sink.key("target");
    sink.text(e.target.text());
    write_named(sink, "command", e.command);
}

void detail::write_fields(value_sink& sink, const request_effect& e) {
    write_named(sink, "value", e.value);
    if (e.options != request_options{}) {
        sink.key("options");
        walk(sink, e.options);
    }
}

bool operator==(const sequence_effect& a, const sequence_effect& b) {
    return a.effects == b.effects;
}

bool operator==(const parallel_effect& a, const parallel_effect& b) {
    return a.effects == b.effects;
}

bool operator==(const effect& a, const effect& b) { return a.value_ == b.value_; }

void effect::write(value_sink& sink) const { std::visit(effect_writer{sink}, value_); }

std::ostream& operator<<(std::ostream& out, const effect& value) {
    return print_written(
        out, {},
        [](value_sink& sink, const void* erased) {
            static_cast<const effect*>(erased)->write(sink);
        },
        &value);
}

std::ostream& operator<<(std::ostream& out, const send_effect& value) {
    return print_kind(out, value);
}

std::ostream& operator<<(std::ostream& out, const schedule_effect& value) {
    return print_kind(out, value);
}

std::ostream& operator<<(std::ostream& out, const cancel_effect& value) {
    return print_kind(out, value);
}

std::ostream& operator<<(std::ostream& out, const request_effect& value) {
    return print_kind(out, value);
}

std::vector<effect_leaf> flatten(const std::vector<effect>& effects) {
    flattener walker;
    for (const auto& top : effects) {
        walker.root = walker.next_index;
        walker.visit(top, {}, false);
    }
    return std::move(walker.leaves);
}

}  // namespace tidemark
