#include "tidemark/sagas/saga_list.hpp"

#include "tidemark/codec/json_codec.hpp"
#include "tidemark/core/thrown.hpp"
#include "tidemark/runtime/runtime.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace tidemark {

namespace {

constexpr std::size_t categories_max = 1000;

/// Key of the counts of one category; no stream's text begins like this.
std::string counts_key(std::string_view saga) { return "=" + std::string{saga}; }

std::uint64_t& count_of(saga_counts& in, saga_phase phase) {
    switch (phase) {
        case saga_phase::running:
            return in.running;
        case saga_phase::compensating:
            return in.compensating;
        case saga_phase::completed:
            return in.completed;
        case saga_phase::failed:
            return in.failed;
        case saga_phase::stuck:
            break;
    }
    return in.stuck;
}

template <class T>
std::optional<T> read(read_model& from, const std::string& key) {
    const auto found = from.get(key);
    if (!found) return std::nullopt;
    return decode<T>(found->body).value();
}

document document_of(const saga_summary& one) {
    const std::string state{to_string(one.state)};
    return {one.stream,
            encode_json(one).value(),
            {{"kind", "saga"},
             {"state", state},
             {"saga", one.saga},
             {"saga_state", one.saga + "/" + state}}};
}

class saga_list final : public projection_type {
  public:
    saga_list(std::vector<std::string> categories, const runtime_metrics* metrics)
        : categories_{std::move(categories)}, metrics_{metrics} {}

    [[nodiscard]] std::string_view name() const override { return saga_list_name; }
    [[nodiscard]] const std::vector<std::string>& sources() const override { return categories_; }
    [[nodiscard]] std::unique_ptr<projection_type> unobserved() const override {
        return std::make_unique<saga_list>(categories_, nullptr);
    }
    /// What says nothing to the list is passed over.
    [[nodiscard]] bool knows(const recorded_event& /*event*/) const override { return true; }
    [[nodiscard]] result<void> project(projection_rows& rows,
                                       const recorded_event& event) const override {
        try {
            return take(static_cast<read_model&>(rows), event);
        } catch (...) {  // a document that cannot be read, or the storage
            return error{errc::user_code_threw, "the list of sagas failed at " +
                                                    event.stream.text() + ": " + thrown_text() +
                                                    "; rebuild " + std::string{saga_list_name}};
        }
    }

  private:
    result<void> take(read_model& model, const recorded_event& event) const {
        const auto& name = event.message.name;
        if (name == stored_name<saga_input>()) {
            hear(model, event, std::nullopt);
        } else if (name == stored_name<saga_status>()) {
            auto status = decode<saga_status>(event.message.payload);
            if (!status) return with_location(status.error(), event.stream, event.version);
            hear(model, event, *status);
        } else if (name == stored_name<saga_step_outcome>() && metrics_ != nullptr) {
            auto moved = decode<saga_step_outcome>(event.message.payload);
            if (!moved) return with_location(moved.error(), event.stream, event.version);
            if (moved->state == step_state::undo_sent) {
                metrics_->saga_compensations.with({event.stream.category(), moved->work_name})
                    .add();
            }
        }
        return {};
    }

    void hear(read_model& model, const recorded_event& event,
              const std::optional<saga_status>& status) const {
        auto known = read<saga_summary>(model, event.stream.text());
        const auto before = known ? std::optional{known->state} : std::nullopt;
        auto now = known.value_or(saga_summary{});
        if (!known) {
            now.stream = event.stream.text();
            now.saga = event.stream.category();
            now.started_at = event.recorded_at;
        }
        now.updated_at = event.recorded_at;
        now.version = event.version;
        if (status) {
            now.state = status->state;
            now.reason = now.state == saga_phase::running ? std::string{} : status->reason;
        }
        model.put(document_of(now));
        if (before != now.state) count(model, now, before);
    }

    void count(read_model& model, const saga_summary& now,
               const std::optional<saga_phase>& before) const {
        const auto key = counts_key(now.saga);
        auto counts = read<saga_counts>(model, key).value_or(saga_counts{.saga = now.saga});
        if (before) --count_of(counts, *before);
        ++count_of(counts, now.state);
        model.put({key, encode_json(counts).value(), {{"kind", "counts"}}});
        if (metrics_ == nullptr) return;
        for (const auto phase :
             {saga_phase::running, saga_phase::compensating, saga_phase::stuck}) {
            metrics_->sagas.with({now.saga, to_string(phase)})
                .set(static_cast<double>(count_of(counts, phase)));
        }
        if (!is_final(now.state)) return;
        const std::chrono::duration<double> took = now.updated_at - now.started_at;
        metrics_->saga_duration.with({now.saga, to_string(now.state)}).observe(took.count());
    }

    std::vector<std::string> categories_;
    const runtime_metrics* metrics_;
};

document_query query_of(saga_query wanted) {
    document_query out;
    out.after_key = std::move(wanted.after);
    out.limit = wanted.limit;
    if (wanted.state && !wanted.saga.empty()) {
        out.index = "saga_state";
        out.value = wanted.saga + "/" + std::string{to_string(*wanted.state)};
    } else if (wanted.state) {
        out.index = "state";
        out.value = to_string(*wanted.state);
    } else if (!wanted.saga.empty()) {
        out.index = "saga";
        out.value = std::move(wanted.saga);
    } else {
        out.index = "kind";
        out.value = "saga";
    }
    return out;
}

template <class T>
awaitable<result<std::vector<T>>> read_all(read_model_store& from, document_query query) {
    std::string name{saga_list_name};
    auto found = co_await from.query(std::move(name), std::move(query));
    if (!found) co_return found.error();
    std::vector<T> out;
    for (const auto& one : *found) {
        auto decoded = decode<T>(one.body);
        if (!decoded) co_return decoded.error();
        out.push_back(std::move(*decoded));
    }
    co_return out;
}

}  // namespace

std::unique_ptr<projection_type> make_saga_list(std::vector<std::string> categories,
                                                const runtime_metrics* metrics) {
    return std::make_unique<saga_list>(std::move(categories), metrics);
}

void project_sagas(runtime& on) {
    std::vector<std::string> categories;
    for (const auto* type : on.types()) {
        if (type->wants_answers()) categories.emplace_back(type->category());
    }
    if (categories.empty()) return;
    on.add_projection(make_saga_list(std::move(categories), &on.metrics()), {});
}

awaitable<result<std::vector<saga_summary>>> list_sagas(read_model_store& from, saga_query query) {
    return read_all<saga_summary>(from, query_of(std::move(query)));
}

awaitable<result<std::vector<saga_counts>>> count_sagas(read_model_store& from) {
    document_query query;
    query.index = "kind";
    query.value = "counts";
    query.limit = categories_max;
    return read_all<saga_counts>(from, std::move(query));
}

}  // namespace tidemark
