#include "tidemark/eventstore/file_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace tidemark {
namespace {

std::string holder_of(int descriptor) {
    std::array<char, 32> text{};
    const auto size = ::pread(descriptor, text.data(), text.size() - 1, 0);
    std::string holder{text.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
    while (!holder.empty() && holder.back() == '\n') holder.pop_back();
    return holder.empty() ? "unknown" : holder;
}

}  // namespace

result<file_lock> file_lock::acquire(const std::string& path) {
    const auto name = path + ".lock";
    const auto descriptor = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (descriptor < 0) {
        return error{errc::io_error, "cannot make the lock file '" + name +
                                         "': " + std::strerror(errno) +
                                         "; the folder must exist and be writable"};
    }
    file_lock held{descriptor};
    if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
        return error{errc::locked, "'" + path + "' is served by process " + holder_of(descriptor) +
                                       "; stop that one first, or name another file"};
    }
    const auto pid = std::to_string(::getpid()) + "\n";
    // The id is only told to people: a full disk must not keep the store from being opened.
    if (::ftruncate(descriptor, 0) == 0 &&
        ::pwrite(descriptor, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
        std::ignore = ::ftruncate(descriptor, 0);
    }
    return held;
}

file_lock::~file_lock() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

file_lock::file_lock(file_lock&& other) noexcept
    : descriptor_{std::exchange(other.descriptor_, -1)} {}

file_lock& file_lock::operator=(file_lock&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
}

}  // namespace tidemark
