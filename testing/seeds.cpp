#include "tidemark/testing/seeds.hpp"

#include <charconv>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <numeric>
#include <stdexcept>
#include <string>
#include <string_view>

namespace tidemark::testing {
namespace {

std::uint64_t number_in(std::string_view text, const char* source) {
    std::uint64_t value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem != std::errc{} || end != text.data() + text.size()) {
        throw std::invalid_argument{"\"" + std::string{text} + "\" from " + source +
                                    " is no seed: give a whole number from 0 to 2^64 - 1"};
    }
    return value;
}

std::optional<std::uint64_t> from_command_line() {
    constexpr std::string_view option = "--seed=";
    std::ifstream file{"/proc/self/cmdline", std::ios::binary};
    for (std::string word; std::getline(file, word, '\0');) {
        if (word.starts_with(option)) return number_in(word.substr(option.size()), "--seed");
    }
    return std::nullopt;
}

std::optional<std::uint64_t> from_environment(const char* name) {
    const char* const text = std::getenv(name);
    if (text == nullptr || *text == '\0') return std::nullopt;
    return number_in(text, name);
}

}  // namespace

std::optional<std::uint64_t> asked_seed() {
    if (const auto seed = from_command_line()) return seed;
    return from_environment("TIDEMARK_SEED");
}

std::vector<std::uint64_t> seeds(std::size_t count) {
    if (const auto one = asked_seed()) return {*one};
    const auto wanted = from_environment("TIDEMARK_SEEDS").value_or(count);
    std::vector<std::uint64_t> all(static_cast<std::size_t>(wanted));
    std::iota(all.begin(), all.end(), std::uint64_t{1});
    return all;
}

}  // namespace tidemark::testing
