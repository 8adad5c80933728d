#pragma once

#include "tidemark/http/problem.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tidemark::http {

/// What a code of `problem_catalogue` means to the two who meet it. Static, for the documentation.
struct problem_text {
    std::string_view code;
    /// One sentence: what happened, and whether anything was stored.
    std::string_view meaning;
    /// `detail` of the example body: of an occurrence as it is sent.
    std::string_view example;
    /// What the program that sent the request does.
    std::string_view caller;
    /// What the person who runs the process does.
    std::string_view operators;
    /// The failure of the machinery that becomes this code; nothing for codes of HTTP alone.
    std::optional<errc> from = std::nullopt;
};

/// One entry per entry of `problem_catalogue`, in its order; a test holds them together.
[[nodiscard]] std::span<const problem_text> problem_texts();

/// The catalogue as the Markdown page `docs/problems.md`; the anchor of a section is its code.
[[nodiscard]] std::string problems_page();

}  // namespace tidemark::http
