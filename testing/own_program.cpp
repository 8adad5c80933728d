#include "tidemark/testing/own_program.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>

namespace tidemark::testing {
namespace {

[[noreturn]] void fail(int code, const char* what) {
    throw std::system_error{code, std::generic_category(), what};
}

/// Pointers into `words`, as exec wants them.
std::vector<char*> pointers(std::vector<std::string>& words) {
    std::vector<char*> all;
    for (auto& word : words) all.push_back(word.data());
    all.push_back(nullptr);
    return all;
}

std::vector<std::string> environment_with(
    const std::vector<std::pair<std::string, std::string>>& variables) {
    std::vector<std::string> all;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text{*entry};
        auto is_replaced = false;
        for (const auto& [name, value] : variables) is_replaced |= text.starts_with(name + "=");
        if (!is_replaced) all.emplace_back(text);
    }
    for (const auto& [name, value] : variables) all.push_back(name + "=" + value);
    return all;
}

std::string read_all(int from) {
    std::string text;
    std::array<char, 4096> bytes{};
    for (;;) {
        const auto count = ::read(from, bytes.data(), bytes.size());
        if (count > 0) {
            text.append(bytes.data(), static_cast<std::size_t>(count));
        } else if (count == 0 || errno != EINTR) {
            return text;
        }
    }
}

}  // namespace

program_end run_own_program(const std::vector<std::string>& arguments,
                            const std::vector<std::pair<std::string, std::string>>& variables) {
    std::vector<std::string> words{"/proc/self/exe"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    auto environment = environment_with(variables);
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail(errno, "pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    pid_t child = 0;
    const auto problem = ::posix_spawn(&child, "/proc/self/exe", &actions, nullptr,
                                       pointers(words).data(), pointers(environment).data());
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    program_end end;
    if (problem == 0) end.output = read_all(ends[0]);
    ::close(ends[0]);
    if (problem != 0) fail(problem, "cannot run this program again");
    int status = 0;
    while (::waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) fail(errno, "waitpid");
    }
    if (WIFEXITED(status)) end.exit_code = WEXITSTATUS(status);
    return end;
}

}  // namespace tidemark::testing
