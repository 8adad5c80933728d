#pragma once

#include "tidemark/core/error.hpp"

#include <string>

namespace tidemark {

/// Exclusive right of one process to serve a file: the operating system's lock on a file beside it,
/// with the holder's process id inside. Ends with this object, or with the process however it dies.
class file_lock {
  public:
    /// `locked` names the holder; `io_error` if the lock file cannot be made.
    [[nodiscard]] static result<file_lock> acquire(const std::string& path);

    file_lock() = default;
    ~file_lock();
    file_lock(file_lock&& other) noexcept;
    file_lock& operator=(file_lock&& other) noexcept;

  private:
    explicit file_lock(int descriptor) : descriptor_{descriptor} {}

    int descriptor_ = -1;
};

}  // namespace tidemark
