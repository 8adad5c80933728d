#include "tidemark/http/problem_page.hpp"

#include "tidemark/core/assert.hpp"

#include <algorithm>

namespace tidemark::http {

namespace {

constexpr std::string_view head =
    "# Problems\n\n"
    "A request that is not carried out is answered with an `application/problem+json` body (RFC "
    "9457).\nThis page is generated from `http/problem.cpp` and `http/problem_texts.cpp`; a test "
    "fails when it is stale.\n\n"
    "Branch on `code`: it is never reworded. `type` is a reference to a section of this page, "
    "relative to the\nroot of the release whose version `/version` tells. `detail` is for people "
    "and says what happened this time.\n`request_id` and, if the request had a `traceparent`, "
    "`trace_id` are also in the log. `Retry-After` is sent\nwhere a later try can succeed. Where "
    "it says \"nothing was stored\", nothing was: the same request with the\nsame "
    "`Idempotency-Key` is safe at any time, and hears the first answer if there was one.\n\n"
    "| Code | Status | Title |\n|---|---|---|\n";

constexpr std::string_view tail =
    "\n## rejection\n\n"
    "**409** The command was refused\n\n"
    "The rules of an aggregate said no: nothing failed. The code is the rule's own, as the "
    "application names it\n(`insufficient_funds`), so it is not in the table above. A repetition "
    "under the same key hears the same\nrefusal, even if the state has changed since.\n\n"
    "```json\n";

constexpr std::string_view refused =
    "```\n\n"
    "- The caller shows it to whoever asked, or takes another way. A new attempt needs a new "
    "key.\n"
    "- The operator does nothing.\n";

/// One member a line, so that the page can be read.
std::string in_lines(const std::string& json) {
    std::string out;
    auto is_text = false;
    for (std::size_t i = 0; i < json.size(); ++i) {
        const char c = json[i];
        if (c == '"' && (i == 0 || json[i - 1] != '\\')) is_text = !is_text;
        if (!is_text && c == '}') out += '\n';
        out += c;
        if (is_text) continue;
        if (c == '{' || c == ',') out += "\n  ";
        if (c == ':') out += ' ';
    }
    return out + "\n";
}

constexpr problem_place place{"/api/v1/orders/order-7", "01a1fec0-4a6d-7a4e-9fc9-dd6f040dc6bd",
                              "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"};

/// The problem as it would be sent.
problem example_of(const problem_text& text) {
    if (!text.from) return make_problem(text.code, std::string{text.example});
    const auto has_command = *text.from == errc::unknown_outcome;
    return to_problem(error{*text.from, std::string{text.example}},
                      {.id = has_command ? "01a1fec0-51c2-7bd3-8a20-4c54b1a20a6e" : ""});
}

void add_section(std::string& out, const problem_kind& kind, const problem_text& text) {
    const auto example = example_of(text);
    out += "\n## " + std::string{kind.code} + "\n\n**" + std::to_string(kind.status) + "** " +
           std::string{kind.title} + "\n\n" + std::string{text.meaning} + "\n\n```json\n" +
           in_lines(to_json(example, place)) + "```\n\n";
    if (example.retry_after) {
        out += "With `Retry-After: " + std::to_string(example.retry_after->count()) + "`.\n\n";
    }
    out += "- Caller: " + std::string{text.caller} +
           "\n- Operator: " + std::string{text.operators} + "\n";
}

}  // namespace

std::string problems_page() {
    std::string out{head};
    for (const auto& kind : problem_catalogue()) {
        const std::string code{kind.code};
        out += "| [`" + code + "`](#" + code + ") | " + std::to_string(kind.status) + " | " +
               std::string{kind.title} + " |\n";
    }
    for (const auto& kind : problem_catalogue()) {
        const auto text = std::ranges::find(problem_texts(), kind.code, &problem_text::code);
        TIDEMARK_ASSERT(text != problem_texts().end());
        add_section(out, kind, *text);
    }
    out += tail;
    out += in_lines(to_json(rejection_problem("insufficient_funds"), place));
    out += refused;
    return out;
}

}  // namespace tidemark::http
