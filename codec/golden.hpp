#pragma once

#include "tidemark/codec/json_codec.hpp"
#include "tidemark/codec/upcast.hpp"

#include <algorithm>
#include <concepts>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// Golden bytes: a file of stored messages as they were written once, kept for ever, so that no
/// change of a type can make old events unreadable without a test saying so.
namespace tidemark {

/// A file of lines `stored name TAB payload`; empty lines and lines that start with '#' are passed
/// over. Checks record what is wrong instead of throwing:
///
///     tidemark::golden golden{directory + "/account.golden"};
///     golden.holds<account::event>({account::opened{"ada"}, account::deposited{money{100}}});
///     golden.becomes<account::event, account>("account.opened.v1", account::opened{"ada"});
///     CHECK(golden.mistakes() == std::vector<std::string>{});
class golden {
  public:
    /// A file that cannot be read or a line without a TAB is a mistake.
    explicit golden(const std::string& path);

    /// Each value is written as exactly one line's bytes, that line is read as the value, and every
    /// alternative of `Variant` has a value here.
    template <class Variant>
    void holds(const std::vector<Variant>& values) {
        std::vector<std::string_view> covered;
        for (const auto& value : values) {
            covered.push_back(reading::alternatives<Variant>::known[value.index()].name);
            auto written = try_encode(value);
            if (!written) {
                fail(written.error().message());
                continue;
            }
            if (!check_line(*written)) continue;
            check_equal(written->name, decode_variant<Variant>(written->name, written->payload),
                        value);
        }
        for (const auto& alternative : reading::alternatives<Variant>::known) {
            if (std::ranges::find(covered, alternative.name) == covered.end()) {
                fail("no value of " + std::string{alternative.name} + " is checked");
            }
        }
    }

    /// The same for one type with a stored name, a state for example.
    template <stored T>
    void holds_one(const T& value) {
        auto written = try_encode(value);
        if (!written) return fail(written.error().message());
        if (check_line(*written)) check_equal(written->name, decode<T>(written->payload), value);
    }

    /// Every line of this old name is read by `Owner`'s upcasts as `value`; there is at least one.
    template <class Variant, class Owner>
    void becomes(std::string_view old_name, const Variant& value) {
        for (const auto& payload : take_payloads(old_name)) {
            check_equal(old_name, decode_current<Variant, Owner>(old_name, payload), value);
        }
    }

    /// Everything that was wrong so far, and each line that no check has used.
    [[nodiscard]] std::vector<std::string> mistakes() const;

  private:
    struct line {
        std::size_t number = 0;
        encoded_message message;
        bool is_used = false;
    };

    void read(const std::string& path);
    void fail(std::string sentence);
    [[nodiscard]] bool check_line(const encoded_message& written);
    [[nodiscard]] std::vector<std::string> take_payloads(std::string_view name);

    template <class T>
    void check_equal(std::string_view name, const result<T>& got, const T& expected) {
        if (!got) {
            fail(got.error().message());
        } else if (!(*got == expected)) {
            fail(std::string{name} + " is read as another value than the one expected");
        }
    }

    std::string path_;
    std::vector<line> lines_;
    std::vector<std::string> mistakes_;
};

}  // namespace tidemark
