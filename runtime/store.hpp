#pragma once

#include "tidemark/async/executor.hpp"
#include "tidemark/core/ids.hpp"
#include "tidemark/core/message.hpp"
#include "tidemark/runtime/aggregate_type.hpp"
#include "tidemark/runtime/call.hpp"
#include "tidemark/runtime/outcome.hpp"

#include <memory>
#include <string>
#include <utility>

namespace tidemark {

class runtime;

/// Runs a command on a stream of a registered category. The caller resumes on its own executor.
[[nodiscard]] awaitable<outcome> execute_command(runtime& on, stream_id to,
                                                 std::unique_ptr<any_command> command, call how);

/// What users hold of the live instances of one aggregate type (or of the sagas of one type). Cheap
/// to copy, usable on any executor; the runtime outlives it.
template <class A>
class store {
  public:
    using command = inbox_of<A>;

    explicit store(runtime& on) : runtime_{&on} {}

    /// Builds `Command` from one argument per field and runs it. Nothing is thrown: the outcome is
    /// a receipt after the commit, a refusal or an error.
    template <class Command, class... Fields>
    [[nodiscard]] awaitable<outcome> execute(const id<A>& to, Fields&&... fields) const {
        return execute(to, command{make_message<Command>(std::forward<Fields>(fields)...)}, call{});
    }
    template <class Command, class... Fields>
    [[nodiscard]] awaitable<outcome> execute(call how, const id<A>& to, Fields&&... fields) const {
        return execute(to, command{make_message<Command>(std::forward<Fields>(fields)...)},
                       std::move(how));
    }
    /// Runs a decoded command (HTTP, performers).
    [[nodiscard]] awaitable<outcome> execute(const id<A>& to, command given, call how) const {
        return execute_command(*runtime_, to.stream(),
                               stream_type_of<A>::command_of(std::move(given)), std::move(how));
    }

  private:
    runtime* runtime_;
};

}  // namespace tidemark
