#pragma once

#include "tidemark/eventstore/storage.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark {

/// What an operator last said to a projection.
struct projection_control {
    bool is_paused = false;
    audit_entry who;
    instant at{};
};

/// Who did what to a projection, kept for ever.
struct projection_audit {
    audit_entry who;
    /// "pause", "resume" or "rebuild".
    std::string action;
    std::string projection;
    instant at{};
};

/// What operators said to projections, kept in the event store as documents of the collection
/// "tidemark.projections", for every process that serves it and over restarts. A view: the storage
/// and the clock outlive it. Thread-safe.
class projection_controls {
  public:
    static constexpr std::string_view collection = "tidemark.projections";

    projection_controls(read_model_store& models, const clock& time)
        : models_{models}, clock_{time} {}

    /// Not paused, if nobody has said anything.
    [[nodiscard]] awaitable<result<projection_control>> load(std::string projection);

    /// Pauses or resumes, and keeps who and why, in one transaction.
    [[nodiscard]] awaitable<result<void>> set(std::string projection, bool is_paused,
                                              audit_entry who);
    /// Keeps who rebuilds it and why.
    [[nodiscard]] awaitable<result<void>> note_rebuild(std::string projection, audit_entry who);

    /// Newest first.
    [[nodiscard]] awaitable<result<std::vector<projection_audit>>> history(std::size_t limit);

  private:
    [[nodiscard]] awaitable<result<void>> write(projection_audit entry);

    read_model_store& models_;
    const clock& clock_;
};

}  // namespace tidemark
