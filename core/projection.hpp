#pragma once

#include "tidemark/core/aggregate.hpp"

#include <concepts>
#include <string_view>

namespace tidemark {

/// Where a projection writes: keyed documents, on every store. Defined with the stores.
class read_model;

/// What a projection may know of an event besides the event.
struct event_context {
    tidemark::position position;
    stream_id stream;
    tidemark::version version;
    /// Id of the event.
    message_id event;
    instant recorded_at{};
    message_id correlation;
    message_id causation;
};

// Never defined: their names are the first line of the error a mistake gives.
template <class P, class Event>
struct no_project_for;
template <class P, class Event>
struct wrong_signature_of_project_for;
template <class P>
struct name_of_the_projection_has_no_version;

namespace detail {

template <class P>
struct rows_of {
    using type = read_model;
};
template <class P>
    requires requires { typename P::rows; }
struct rows_of<P> {
    using type = typename P::rows;
};

}  // namespace detail

/// What `P` writes to: documents, unless it names something else as its `rows`
/// (`postgres_read_model`).
template <class P>
using rows_of = typename detail::rows_of<P>::type;

namespace detail {

template <class P, class E>
concept projects = requires {
    static_cast<void (*)(tidemark::rows_of<P>&, const E&, const event_context&)>(&P::project);
};
template <class P, class E>
concept projects_somehow =
    requires(tidemark::rows_of<P>& rows, const E& e, const event_context& x) {
        P::project(rows, e, x);
    } || requires(tidemark::rows_of<P>& rows, const E& e) { P::project(rows, e); };

template <class P, class E>
consteval bool verify_project() {
    if constexpr (projects<P, E>) {
        return true;
    } else if constexpr (projects_somehow<P, E>) {
        return sizeof(wrong_signature_of_project_for<P, E>) > 0;
    } else {
        return sizeof(no_project_for<P, E>) > 0;
    }
}

template <class P, class... E>
consteval bool verify_events(types<E...>) {
    return (verify_project<P, E>() && ...);
}

template <class P, class... Source>
consteval bool verify_sources(types<Source...>) {
    return (verify_events<P>(types_of<typename Source::event>{}) && ...);
}

template <class P>
consteval bool verify_projection() {
    if constexpr (!is_stored_name(P::name)) {
        return sizeof(name_of_the_projection_has_no_version<P>) > 0;
    } else {
        return verify_sources<P>(typename P::sources{});
    }
}

}  // namespace detail

/// Has the member types of a projection, whatever its functions look like.
template <class P>
concept looks_like_a_projection = requires {
    { P::name } -> std::convertible_to<std::string_view>;
    typename P::sources;
    requires(P::sources::size > 0);
};

/// Events folded for queries: a `project` for every event of every source, or one generic one for
/// those it does not count. A new `name` rebuilds beside the old one.
template <class P>
concept projection = looks_like_a_projection<P> && detail::verify_projection<P>();

}  // namespace tidemark
