#pragma once

#include "tidemark/eventstore/postgres_options.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark::testing {

/// The command line of a program that tests start: the store's URL, then words and name=value.
class flags {
  public:
    flags(int count, char** words) : words_(words + 1, words + count) {}

    [[nodiscard]] std::string word(std::size_t place) const {
        return place < words_.size() ? words_[place] : std::string{};
    }
    /// Of the last `name=`.
    [[nodiscard]] std::uint64_t number(std::string_view name, std::uint64_t otherwise) const {
        const auto start = std::string{name} + "=";
        for (const auto& one : words_) {
            if (one.starts_with(start)) otherwise = std::stoull(one.substr(start.size()));
        }
        return otherwise;
    }
    [[nodiscard]] postgres_options options() const {
        postgres_options made{.url = word(0)};
        made.migrates = number("migrate", 1) != 0;
        made.is_pooled = number("pooled", 0) != 0;
        made.writers = number("writers", made.writers);
        made.acquire_timeout = time("acquire", made.acquire_timeout);
        made.statement_timeout = time("statement", made.statement_timeout);
        made.answer_grace = time("grace", made.answer_grace);
        made.connect_timeout = time("connect", made.connect_timeout);
        return made;
    }

  private:
    [[nodiscard]] duration time(std::string_view name, duration otherwise) const {
        const auto in_ms = std::chrono::duration_cast<std::chrono::milliseconds>(otherwise);
        return std::chrono::milliseconds{number(name, static_cast<std::uint64_t>(in_ms.count()))};
    }

    std::vector<std::string> words_;
};

}  // namespace tidemark::testing
