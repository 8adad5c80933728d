#pragma once

#include "tidemark/codec/upcast.hpp"
#include "tidemark/core/projection.hpp"
#include "tidemark/core/thrown.hpp"
#include "tidemark/runtime/aggregate_type.hpp"
#include "tidemark/runtime/projection_type.hpp"

#include <concepts>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace tidemark {

/// The machinery's view of a projection `P`.
template <projection P>
class projection_type_of final : public projection_type {
    using rows = rows_of<P>;
    static constexpr bool writes_documents = std::same_as<rows, read_model>;

  public:
    projection_type_of() : sources_{categories(types_of<typename P::sources>{})} {}

    [[nodiscard]] std::string_view name() const override { return P::name; }
    [[nodiscard]] const std::vector<std::string>& sources() const override { return sources_; }

    [[nodiscard]] std::string_view rows_kind() const override {
        if constexpr (writes_documents) {
            return "documents";
        } else {
            return rows::kind;
        }
    }

    void prepare([[maybe_unused]] projection_rows& into) const override {
        if constexpr (requires(rows& fresh) { P::prepare(fresh); }) {
            if (auto& here = static_cast<rows&>(into); here.is_fresh()) P::prepare(here);
        }
    }

    [[nodiscard]] result<void> project(projection_rows& into,
                                       const recorded_event& event) const override {
        auto& here = static_cast<rows&>(into);
        if constexpr (!writes_documents) {
            // Whether an exception is the code's fault or the server's, the store can tell.
            return among(types_of<typename P::sources>{}, here, event);
        } else {
            try {
                return among(types_of<typename P::sources>{}, here, event);
            } catch (...) {
                return detail::thrown_error("project", thrown_text());
            }
        }
    }

    [[nodiscard]] bool knows(const recorded_event& event) const override {
        return known_among(types_of<typename P::sources>{}, event);
    }

  private:
    template <class... Sources>
    static bool known_among(types<Sources...>, const recorded_event& event) {
        return ((event.stream.category() == Sources::category &&
                 tidemark::knows<typename Sources::event, Sources>(event.message.name)) ||
                ...);
    }

    template <class... Sources>
    static std::vector<std::string> categories(types<Sources...>) {
        return {std::string{Sources::category}...};
    }

    template <class... Sources>
    static result<void> among(types<Sources...>, rows& model, const recorded_event& event) {
        result<void> out;
        (from<Sources>(model, event, out) || ...);
        return out;
    }

    template <class Source>
    static bool from(rows& model, const recorded_event& stored, result<void>& out) {
        if (stored.stream.category() != Source::category) return false;
        auto decoded = decode_current<typename Source::event, Source>(stored.message.name,
                                                                      stored.message.payload);
        if (!decoded) {
            out = with_location(decoded.error(), stored.stream, stored.version);
            return true;
        }
        const event_context context{stored.position,       stored.stream,
                                    stored.version,        stored.id,
                                    stored.recorded_at,    stored.trace.correlation,
                                    stored.trace.causation};
        std::visit(
            [&](const auto& event) {
                if constexpr (requires { P::project(model, event, context); }) {
                    P::project(model, event, context);
                }
            },
            *decoded);
        return true;
    }

    std::vector<std::string> sources_;
};

}  // namespace tidemark
