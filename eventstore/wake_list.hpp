#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace tidemark {

/// Who wants to hear of commits. Owned by a backend; thread-safe. A listener ends with its token;
/// it may be called once more by a notification already under way.
class wake_list {
  public:
    using listener = std::function<void()>;

    [[nodiscard]] std::shared_ptr<void> add(listener wake);
    /// Calls every listener, outside any lock.
    void notify() const;

  private:
    using listeners = std::vector<std::weak_ptr<const listener>>;

    mutable std::mutex mutex_;
    /// Replaced as a whole, so that `notify` walks it without the lock; null while nobody listens.
    std::shared_ptr<const listeners> listeners_;
};

}  // namespace tidemark
