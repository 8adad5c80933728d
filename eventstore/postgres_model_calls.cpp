#include "tidemark/eventstore/postgres_event_store.hpp"
#include "tidemark/eventstore/postgres_models.hpp"
#include "tidemark/eventstore/postgres_parts.hpp"

#include <utility>

// `postgres_storage` as a `read_model_store`.

namespace tidemark {
namespace {

/// Runs `work(postgres_models&)` on a thread of the store.
template <class T, class Work>
awaitable<result<T>> ask(postgres_parts& parts, Work work) {
    return parts.calls->read<T>(
        [&parts, work = std::move(work)](postgres_connection& session) -> result<T> {
            postgres_models models{session, parts.incarnation};
            return work(models);
        });
}

/// The same for what writes. Never repeated: `change` of `update` runs once.
template <class Work>
awaitable<result<void>> change(postgres_parts& parts, Work work) {
    return parts.calls->run<void>(
        postgres_failure::purpose::write,
        [&parts, work = std::move(work)](postgres_connection& session) -> result<void> {
            if (parts.options.is_read_only) return refuse_write(parts.options);
            postgres_models models{session, parts.incarnation};
            return work(models);
        },
        false);
}

/// Clears away what was replaced or erased, step by step between other calls. One that fails is
/// begun again when the store is next opened.
class clearing_call final : public postgres_call {
  public:
    explicit clearing_call(postgres_parts& parts) : parts_{parts} {
        purpose = postgres_failure::purpose::write;
    }
    void run(postgres_connection& session) override {
        is_more_ = postgres_models{session, parts_.incarnation}.clear_step();
    }
    void finish() override {
        if (is_more_) clear_models(parts_);
    }
    void fail(const error& /*why*/) override {}

  private:
    postgres_parts& parts_;
    bool is_more_ = false;
};

}  // namespace

void clear_models(postgres_parts& parts) {
    if (parts.options.is_read_only) return;
    parts.calls->push(std::make_unique<clearing_call>(parts));
}

awaitable<result<checkpoint>> postgres_storage::load_checkpoint(std::string name) {
    return ask<checkpoint>(*parts_, [=](postgres_models& m) { return m.load_checkpoint(name); });
}

awaitable<result<void>> postgres_storage::update(std::string name, checkpoint from, checkpoint to,
                                                 std::function<void(read_model&)> change_model) {
    return change(*parts_,
                  [=](postgres_models& m) { return m.update(name, from, to, change_model); });
}

awaitable<result<std::optional<document>>> postgres_storage::find_document(std::string name,
                                                                           std::string key) {
    using found = std::optional<document>;
    return ask<found>(*parts_, [=](postgres_models& m) { return m.find_document(name, key); });
}

awaitable<result<std::vector<document>>> postgres_storage::query(std::string name,
                                                                 document_query query) {
    using page = std::vector<document>;
    return ask<page>(*parts_, [=](postgres_models& m) { return m.query(name, query); });
}

awaitable<result<void>> postgres_storage::swap(std::string live, std::string beside) {
    return change(*parts_, [=, parts = parts_.get()](postgres_models& m) {
        auto swapped = m.swap(live, beside);
        if (swapped) clear_models(*parts);
        return swapped;
    });
}

awaitable<result<void>> postgres_storage::erase_model(std::string name) {
    return change(*parts_, [=, parts = parts_.get()](postgres_models& m) -> result<void> {
        m.erase_model(name);
        clear_models(*parts);
        return {};
    });
}

awaitable<result<std::vector<read_model_store::model_summary>>> postgres_storage::list_models() {
    using list = std::vector<model_summary>;
    return ask<list>(*parts_, [](postgres_models& m) { return m.list_models(); });
}

}  // namespace tidemark
