#pragma once

#include "tidemark/async/gate.hpp"

#include <exception>
#include <functional>

namespace tidemark {

/// Takes what escapes a spawned coroutine. Called on the coroutine's executor; must not throw.
using error_sink = std::function<void(std::exception_ptr)>;

/// The one way to start a coroutine that nobody awaits. It runs on `on`, never before this has
/// returned, and holds `inside` until it has ended. False, and nothing runs, if the gate is closed.
/// `work` must own what it uses, or what it uses must be closed after the gate. An exception that
/// escapes goes to `errors`; without a sink it is a programmer error and ends the process with its
/// text.
bool spawn(gate& inside, const executor& on, awaitable<void> work, error_sink errors = {});

/// The same from a caller that already runs on `on`: the work runs up to its first suspension, or
/// its end, before this returns. Saves a turn of the executor; the caller must not be half-way
/// through a change that the work would see.
bool spawn_here(gate& inside, const executor& on, awaitable<void> work, error_sink errors = {});

}  // namespace tidemark
