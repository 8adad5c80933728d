#pragma once

#include "tidemark/async/event.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace tidemark {

/// Counts work in flight so that it can be drained. Owned by whoever starts the work; usable from
/// any thread. Destroying a gate through which work is still on its way is a programmer error.
class gate {
    struct core {
        std::atomic<std::uint64_t> inside{0};
        std::atomic<bool> closed{false};
        event empty;
    };

  public:
    /// One piece of work inside the gate; leaving is its destruction. Empty (false) if the gate was
    /// closed.
    class holder {
      public:
        holder() = default;
        holder(holder&&) noexcept = default;
        holder& operator=(holder&& other) noexcept {
            std::swap(core_, other.core_);
            return *this;
        }
        ~holder();
        explicit operator bool() const { return core_ != nullptr; }

      private:
        friend class gate;
        explicit holder(std::shared_ptr<core> core) : core_{std::move(core)} {}
        std::shared_ptr<core> core_;
    };

    gate() : core_{std::make_shared<core>()} {}
    gate(const gate&) = delete;
    gate& operator=(const gate&) = delete;
    ~gate();

    /// Enters; an empty holder once `close` was called.
    [[nodiscard]] holder try_enter();
    /// Lets nobody in any more; returns when the last one has left. May be awaited again later, not
    /// twice at a time.
    [[nodiscard]] awaitable<void> close();
    /// Lets nobody in any more, without waiting.
    void shut() { core_->closed.store(true); }
    [[nodiscard]] bool is_closed() const { return core_->closed.load(); }
    [[nodiscard]] std::uint64_t inside() const { return core_->inside.load(); }

  private:
    std::shared_ptr<core> core_;
};

}  // namespace tidemark
