#pragma once

#include "tidemark/core/ids.hpp"
#include "tidemark/core/message.hpp"
#include "tidemark/core/version.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

/// Messages with every kind of field, for the tests of this module.
namespace shop {

TIDEMARK_VALUE(money, std::int64_t)
TIDEMARK_VALUE(sku, std::string)

enum class colour { red, green };

/// Refuses what is not an address, as a user's own value may.
class email {
  public:
    using rep = std::string;
    email() = default;
    explicit email(std::string text);
    [[nodiscard]] const std::string& value() const { return text_; }
    friend bool operator==(const email&, const email&) = default;

  private:
    std::string text_;
};

struct line {
    shop::sku sku;
    std::int32_t qty = 0;
};

struct order {
    static constexpr std::string_view category = "order";

    struct placed {
        std::vector<line> items;
        money total;
    };
    struct noted {
        std::string text;
    };
    struct closed {};
    using event = std::variant<placed, noted, closed>;
};

struct everything {
    bool flag = false;
    std::int8_t tiny = 0;
    std::uint8_t octet = 0;
    std::int64_t big = 0;
    std::uint64_t huge = 0;
    double real = 0;
    float narrow = 0;
    std::string text;
    shop::colour colour = shop::colour::red;
    std::optional<std::int32_t> maybe;
    std::vector<line> lines;
    std::array<std::int32_t, 3> three{};
    std::map<std::string, money> prices;
    order::event what;
    tidemark::instant at{};
    tidemark::duration wait{};
    std::chrono::minutes patience{};
    tidemark::id<order> order_id;
    tidemark::stream_id stream;
    tidemark::message_id message;
    tidemark::version version;
    money cost;
    sku article;
};

struct contact {
    email address;
    std::map<colour, std::int32_t> votes;
    std::map<sku, bool> wanted;
};

/// Contains itself, as deep as a test wants.
struct nested {
    std::vector<nested> inner;
};

TIDEMARK_ENUM(colour, red, green)
TIDEMARK_STRUCT(line, sku, qty)
TIDEMARK_STRUCT(nested, inner)
TIDEMARK_MESSAGE(order::placed, "order.placed.v2", items, total)
TIDEMARK_MESSAGE(order::noted, "order.noted.v1", text)
TIDEMARK_MESSAGE(order::closed, "order.closed.v1")
TIDEMARK_MESSAGE(contact, "contact.v1", address, votes, wanted)
TIDEMARK_MESSAGE(everything, "everything.v1", flag, tiny, octet, big, huge, real, narrow, text,
                 colour, maybe, lines, three, prices, what, at, wait, patience, order_id, stream,
                 message, version, cost, article)

/// A value with nothing left at its default, and the bytes it has had from the beginning.
[[nodiscard]] everything full();
[[nodiscard]] std::string full_payload();

}  // namespace shop
