#include "tidemark/codec/json_view.hpp"

#include "tidemark/codec/json_path.hpp"
#include "tidemark/codec/json_reader.hpp"
#include "tidemark/codec/json_text.hpp"

#include <algorithm>
#include <ostream>
#include <utility>

namespace tidemark {
namespace {

/// A document as a tree. Our own and not the library's, because numbers must be shown exactly as
/// they are stored: here they keep their text.
struct node {
    /// '{', '[' or, for a scalar, 's'.
    char kind = 's';
    /// Of a scalar: strings with the fewest escapes, everything else as it stood.
    std::string text;
    /// Of a member of an object.
    std::string name;
    /// Members of an object, elements of an array.
    std::vector<node> children;

    friend bool operator==(const node& a, const node& b) = default;
};

[[nodiscard]] bool read_node(json_reader& in, std::string_view text, node& out) {
    const auto start = in.mark();
    const auto first = start < text.size() ? text[start] : '\0';
    if (first == '{') {
        out.kind = first;
        if (!in.begin_object()) return false;
        std::string_view name;
        while (in.next_name(name)) {
            auto& member = out.children.emplace_back();
            member.name = name;
            if (!read_node(in, text, member)) return false;
        }
        return in.ok();
    }
    if (first == '[') {
        out.kind = first;
        if (!in.begin_array()) return false;
        while (in.next_element()) {
            if (!read_node(in, text, out.children.emplace_back())) return false;
        }
        return in.ok();
    }
    if (first == '"') {
        std::string_view content;
        return in.read_text(content) && json_text::append_quoted(out.text, content);
    }
    if (!in.skip_value()) return false;
    out.text = text.substr(start, in.offset() - start);
    return true;
}

result<node> parse(std::string_view text) {
    json_reader in{text, {}};
    node root;
    if (read_node(in, text, root) && in.finish()) return root;
    return in.failure();
}

/// How many spaces a level is indented by; none for everything in one line.
constexpr std::size_t compact = 0;

void break_line(std::string& out, std::size_t indent, std::size_t depth) {
    if (indent == compact) return;
    out += '\n';
    out.append(indent * depth, ' ');
}

void print(std::string& out, const node& value, std::size_t indent, std::size_t depth) {
    if (value.kind == 's') {
        out += value.text;
        return;
    }
    out += value.kind;
    for (const auto& child : value.children) {
        if (&child != value.children.data()) out += ',';
        break_line(out, indent, depth + 1);
        if (value.kind == '{') {
            static_cast<void>(json_text::append_quoted(out, child.name));  // was read: is UTF-8
            out += indent == compact ? ":" : ": ";
        }
        print(out, child, indent, depth + 1);
    }
    if (!value.children.empty()) break_line(out, indent, depth);
    out += value.kind == '{' ? '}' : ']';
}

std::string serialize(const node& value) {
    std::string out;
    print(out, value, compact, 0);
    return out;
}

/// The member called `name`, which is usually the one at `guess`.
const node* find_member(const node& object, std::string_view name, std::size_t guess) {
    const auto& members = object.children;
    if (guess < members.size() && members[guess].name == name) return &members[guess];
    const auto found = std::ranges::find(members, name, &node::name);
    return found == members.end() ? nullptr : &*found;
}

/// Collects the differences of two trees; `path` is where it stands.
class comparison {
  public:
    void compare(const node& before, const node& after, const std::string& path) {
        if (before.kind != after.kind || before.kind == 's') {
            if (before == after) return;
            changes_.push_back({path, serialize(before), serialize(after)});
        } else if (before.kind == '{') {
            compare_objects(before, after, path);
        } else {
            compare_arrays(before, after, path);
        }
    }
    [[nodiscard]] std::vector<json_change> take() { return std::move(changes_); }

  private:
    void compare_objects(const node& before, const node& after, const std::string& path) {
        for (std::size_t i = 0; i < before.children.size(); ++i) {
            const auto& value = before.children[i];
            compare_or_drop(value, find_member(after, value.name, i), member(path, value.name));
        }
        for (std::size_t i = 0; i < after.children.size(); ++i) {
            const auto& value = after.children[i];
            if (find_member(before, value.name, i) == nullptr) add(value, member(path, value.name));
        }
    }
    void compare_arrays(const node& before, const node& after, const std::string& path) {
        const auto element = [&](std::size_t i) { return path + '[' + std::to_string(i) + ']'; };
        const auto shared = std::min(before.children.size(), after.children.size());
        for (std::size_t i = 0; i < before.children.size(); ++i) {
            const auto* other = i < shared ? &after.children[i] : nullptr;
            compare_or_drop(before.children[i], other, element(i));
        }
        for (auto i = shared; i < after.children.size(); ++i) add(after.children[i], element(i));
    }
    void compare_or_drop(const node& before, const node* after, const std::string& path) {
        if (after != nullptr) return compare(before, *after, path);
        changes_.push_back({path, serialize(before), std::nullopt});
    }
    void add(const node& after, const std::string& path) {
        changes_.push_back({path, std::nullopt, serialize(after)});
    }
    static std::string member(std::string path, std::string_view name) {
        append_json_path(path, name);
        return path;
    }

    std::vector<json_change> changes_;
};

}  // namespace

result<std::string> pretty_json(std::string_view text) {
    auto value = parse(text);
    if (!value) return value.error();
    std::string out;
    print(out, *value, 2, 0);
    return out;
}

std::ostream& operator<<(std::ostream& out, const json_change& change) {
    return out << change.path << ": " << change.before.value_or("(absent)") << " -> "
               << change.after.value_or("(absent)");
}

result<std::vector<json_change>> diff_json(std::string_view before, std::string_view after) {
    auto left = parse(before);
    if (!left) return left.error();
    auto right = parse(after);
    if (!right) return right.error();
    comparison compared;
    compared.compare(*left, *right, "$");
    return compared.take();
}

}  // namespace tidemark
