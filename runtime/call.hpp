#pragma once

#include "tidemark/core/encoded.hpp"
#include "tidemark/core/ids.hpp"
#include "tidemark/core/version.hpp"

#include <optional>
#include <string>

namespace tidemark {

/// How one command is called: `call{}.once(key).within(2s)`.
class call {
  public:
    call() {}  // NOLINT(modernize-use-equals-default): not an aggregate (await rule)

    /// The same key with the same command is answered as the first time, across crashes; with
    /// another command it is `key_reused`. `scope` names who counts the keys (the caller).
    call& once(std::string key, std::string scope = "caller") {
        key_ = std::move(key);
        scope_ = std::move(scope);
        id_ = {};
        return *this;
    }
    /// Like `once`, and the id is the command's own: what the command causes names it, and
    /// `find_answer` knows it, as text. For callers who tell somebody else what to ask for.
    call& known_as(message_id id, std::string scope = "caller") {
        once(id.to_string(), std::move(scope));
        id_ = id;
        return *this;
    }
    /// The stream must be at this version; otherwise `conflict`, never retried.
    call& expecting(version at) {
        expected_ = at;
        return *this;
    }
    /// Deadline from now. Work past it is not started; a command already sent answers
    /// `unknown_outcome`.
    call& within(duration span) {
        within_ = span;
        return *this;
    }
    /// The business transaction this command belongs to, and what caused it.
    call& tracing(trace_context trace) {
        trace_ = std::move(trace);
        return *this;
    }

    [[nodiscard]] const std::string& key() const { return key_; }
    /// None unless the caller has given the command its id.
    [[nodiscard]] message_id id() const { return id_; }
    [[nodiscard]] const std::string& scope() const { return scope_; }
    [[nodiscard]] const std::optional<version>& expected() const { return expected_; }
    [[nodiscard]] const std::optional<duration>& span() const { return within_; }
    [[nodiscard]] const trace_context& trace() const { return trace_; }

  private:
    std::string key_;
    message_id id_;
    std::string scope_;
    std::optional<version> expected_;
    std::optional<duration> within_;
    trace_context trace_;
};

}  // namespace tidemark
