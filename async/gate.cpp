#include "tidemark/async/gate.hpp"

#include "tidemark/core/assert.hpp"

namespace tidemark {

gate::holder::~holder() {
    if (!core_) return;
    if (core_->inside.fetch_sub(1) == 1 && core_->closed.load()) core_->empty.notify();
}

gate::~gate() { TIDEMARK_ASSERT(inside() == 0, "a gate is closed and drained before it goes"); }

gate::holder gate::try_enter() {
    // Count first, look second: a close that comes between the two waits for this holder to leave.
    core_->inside.fetch_add(1);
    holder entered{core_};
    if (core_->closed.load()) entered = holder{};
    return entered;
}

awaitable<void> gate::close() {
    shut();
    while (inside() != 0) co_await core_->empty.wait();
}

}  // namespace tidemark
