#pragma once

#include "tidemark/async/executor.hpp"

#include <memory>

namespace tidemark {

/// The machine's clocks. Stateless.
class real_clock final : public clock {
  public:
    [[nodiscard]] instant now() const override;
    [[nodiscard]] duration steady() const override;
};

/// A generator per thread, each seeded by the kernel; a forked child seeds anew. Throws
/// `std::system_error` if the kernel refuses randomness.
class real_random final : public random_bits {
  public:
    [[nodiscard]] std::uint64_t next() override;
};

/// A timer on the machine's steady clock; waits on `home`, an executor of a shard.
[[nodiscard]] std::unique_ptr<timer> make_real_timer(const executor& home);

}  // namespace tidemark
