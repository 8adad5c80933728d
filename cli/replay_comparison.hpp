#pragma once

#include "tidemark/eventstore/storage.hpp"
#include "tidemark/runtime/projection_type.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tidemark::cli {

/// A storage in a fresh temporary file, deleted with this object. Blocks while it is made and while
/// it goes.
class scratch_storage {
  public:
    /// `io_error` if there is no room for it.
    [[nodiscard]] static result<std::unique_ptr<scratch_storage>> open(const clock& time,
                                                                       const std::string& name);
    ~scratch_storage();
    scratch_storage(const scratch_storage&) = delete;
    scratch_storage& operator=(const scratch_storage&) = delete;

    [[nodiscard]] storage& events() { return *events_; }

  private:
    scratch_storage() = default;
    std::string folder_;
    std::unique_ptr<storage> events_;
};

/// How a read model compares with a replay of the log.
struct replay_report {
    std::string name;
    /// Where the projection stood when its last page was compared.
    tidemark::position position;
    std::uint64_t documents = 0;
    std::uint64_t differences = 0;
    /// The first differences, by key.
    std::vector<std::string> problems;
};

/// Compares the read model of one projection with a replay into a scratch storage, page by page,
/// while the projection goes on: a page is taken between two readings of an unmoved checkpoint, and
/// the replay is brought to exactly that checkpoint. The live store is only read.
class replay_comparison {
  public:
    struct source {
        storage& live;
        storage& scratch;
        const projection_type& type;
        projection_options options;
        /// The process ends: stop.
        std::function<bool()> is_stopping;
    };
    explicit replay_comparison(source from);

    /// `shutting_down` if told to stop; the store's error if it cannot be read.
    [[nodiscard]] awaitable<result<replay_report>> run();

  private:
    /// What stood in the read model at one checkpoint.
    struct page {
        checkpoint at;
        std::vector<document> documents;
        bool is_last = false;
    };
    [[nodiscard]] awaitable<result<page>> read_page(std::string after);
    [[nodiscard]] awaitable<result<void>> replay_to(position until);
    [[nodiscard]] awaitable<result<void>> apply(std::vector<recorded_event> heard, position seen);
    [[nodiscard]] awaitable<result<void>> compare(page taken, std::string after);
    void differs(const std::string& key, const std::string& how);

    source from_;
    std::string name_;
    checkpoint at_;
    replay_report report_;
};

}  // namespace tidemark::cli
