#include "tidemark/cli/finding.hpp"

#include <algorithm>
#include <utility>

namespace tidemark::cli {

namespace json = boost::json;

exit_code report(const output& out, const std::vector<finding>& found) {
    auto is_ok = true;
    json::array items;
    for (const auto& f : found) {
        is_ok = is_ok && f.is_ok;
        auto name = f.name;
        name.resize(std::max(name.size() + 1, std::size_t{16}), ' ');
        out.line((f.is_ok ? out.paint("green", "ok    ") : out.paint("red", "FAIL  ")) + name +
                 printable(f.seen));
        if (!f.is_ok) out.line("      fix             " + f.fix);
        json::object item;
        item["name"] = f.name;
        item["ok"] = f.is_ok;
        item["seen"] = f.seen;
        item["fix"] = f.is_ok ? "" : f.fix;
        items.push_back(std::move(item));
    }
    json::object document;
    document["ok"] = is_ok;
    document["items"] = std::move(items);
    out.json(document);
    return is_ok ? exit_code::ok : exit_code::failed;
}

}  // namespace tidemark::cli
