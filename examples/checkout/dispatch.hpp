#pragma once

#include "tidemark/examples/checkout/inventory.hpp"
#include "tidemark/examples/checkout/order.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// Another service: the people who pack. It knows of the shop what the shop publishes.
namespace dispatch {

enum class parcel_state { ordered, packing, sent, called_off };
TIDEMARK_ENUM(parcel_state, ordered, packing, sent, called_off)

/// Something that was heard of an order.
struct hearing {
    std::uint64_t version = 0;
    std::string name;
};
TIDEMARK_STRUCT(hearing, version, name)

/// What is packed for one order, and all that was heard of it, in that order.
struct parcel {
    std::string order;
    std::string customer{};
    std::vector<shop::order_line> lines{};
    parcel_state state = parcel_state::ordered;
    std::string tracking{};
    std::vector<hearing> heard{};
};
TIDEMARK_STRUCT(parcel, order, customer, lines, state, tracking, heard)

/// Where one article is picked: a sum, wrong as soon as one event counts twice or not at all.
struct shelf {
    std::string sku;
    std::int64_t pieces = 0;
    std::int64_t set_aside = 0;
    /// Events that have counted, and the version of the last one.
    std::uint64_t heard = 0;
    std::uint64_t version = 0;
};
TIDEMARK_STRUCT(shelf, sku, pieces, set_aside, heard, version)

// [parcels]
/// Parcels by order, and beside them the shelves by article.
struct parcels {
    static constexpr std::string_view name = "parcels.v1";
    static constexpr std::string_view shelves = "shelves.v1";
    using sources = tidemark::types<shop::order, shop::inventory>;

    static void project(tidemark::read_model&, const shop::order::placed&,
                        const tidemark::event_context&);
    static void project(tidemark::read_model&, const shop::order::confirmed&,
                        const tidemark::event_context&);
    static void project(tidemark::read_model&, const shop::order::rejected&,
                        const tidemark::event_context&);
    static void project(tidemark::read_model&, const shop::order::cancelled&,
                        const tidemark::event_context&);
    static void project(tidemark::read_model&, const shop::order::shipped&,
                        const tidemark::event_context&);
    static void project(tidemark::read_model&, const shop::inventory::restocked&,
                        const tidemark::event_context&);
    static void project(tidemark::read_model&, const shop::inventory::reserved&,
                        const tidemark::event_context&);
    static void project(tidemark::read_model&, const shop::inventory::released&,
                        const tidemark::event_context&);
};
// [/parcels]

}  // namespace dispatch
