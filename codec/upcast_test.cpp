#include "tidemark/codec/upcast.hpp"

#include "tidemark/core/message.hpp"
#include "tidemark/core/types.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>

namespace {

/// Has changed its mind twice about what an opening is, and once about a command.
struct ledger {
    struct open_v1 {
        std::string name;
    };
    struct open {
        std::string owner;
        std::string currency;
    };
    using command = std::variant<open>;

    struct opened_v1 {
        std::string name;
    };
    struct opened_split {
        std::string first;
        std::string last;
    };
    struct opened {
        std::string owner;
        std::string currency;
    };
    struct closed {};
    using event = std::variant<opened, closed>;

    using upcasts = tidemark::types<opened_v1, opened_split, open_v1>;
    static opened_split upcast(const opened_v1& old) {
        if (old.name == "42") throw 42;
        const auto space = old.name.find(' ');
        if (space == std::string::npos) throw std::invalid_argument{"no last name"};
        return {old.name.substr(0, space), old.name.substr(space + 1)};
    }
    static opened upcast(const opened_split& old) { return {old.last + ", " + old.first, "EUR"}; }
    static open upcast(const open_v1& old) { return {old.name, "EUR"}; }
};

/// Hears the ledger's events; declares nothing of their history itself.
struct audit {
    using targets = tidemark::types<ledger>;

    struct begin_v1 {};
    struct begin {
        std::string why;
    };
    using input = std::variant<begin, ledger::opened>;
    using upcasts = tidemark::types<begin_v1>;
    static begin upcast(const begin_v1&) { return {"unknown"}; }
};

/// Has no history.
struct counter {
    struct added {
        int by = 0;
    };
    using event = std::variant<added>;
};

TIDEMARK_MESSAGE(ledger::open_v1, "ledger.open.v1", name)
TIDEMARK_MESSAGE(ledger::open, "ledger.open.v2", owner, currency)
TIDEMARK_MESSAGE(ledger::opened_v1, "ledger.opened.v1", name)
TIDEMARK_MESSAGE(ledger::opened_split, "ledger.opened.v2", first, last)
TIDEMARK_MESSAGE(ledger::opened, "ledger.opened.v3", owner, currency)
TIDEMARK_MESSAGE(ledger::closed, "ledger.closed.v1")
TIDEMARK_MESSAGE(audit::begin_v1, "audit.begin.v1")
TIDEMARK_MESSAGE(audit::begin, "audit.begin.v2", why)
TIDEMARK_MESSAGE(counter::added, "counter.added.v1", by)

auto read_event(std::string_view name, std::string_view payload) {
    return tidemark::decode_current<ledger::event, ledger>(name, payload);
}

}  // namespace

TEST_CASE("upcast: an old event climbs the whole chain, a newer one the rest of it") {
    const ledger::event today = ledger::opened{"Lovelace, Ada", "EUR"};
    CHECK(read_event("ledger.opened.v1", R"({"name":"Ada Lovelace"})").value() == today);
    CHECK(read_event("ledger.opened.v2", R"({"first":"Ada","last":"Lovelace"})").value() == today);
    CHECK(read_event("ledger.opened.v3", R"({"owner":"Lovelace, Ada","currency":"EUR"})").value() ==
          today);
    CHECK(read_event("ledger.closed.v1", "{}").value() == ledger::event{ledger::closed{}});
}

TEST_CASE("upcast: stored commands become today's as well") {
    const auto command =
        tidemark::decode_current<ledger::command, ledger>("ledger.open.v1", R"({"name":"Ada"})");
    CHECK(command.value() == ledger::command{ledger::open{"Ada", "EUR"}});
}

TEST_CASE("upcast: a saga's inputs climb its own chains and those of its targets") {
    using input = audit::input;
    const auto read = [](std::string_view name, std::string_view payload) {
        return tidemark::decode_current<input, audit>(name, payload);
    };
    CHECK(read("audit.begin.v1", "{}").value() == input{audit::begin{"unknown"}});
    CHECK(read("ledger.opened.v1", R"({"name":"Ada L"})").value() ==
          input{ledger::opened{"L, Ada", "EUR"}});
    CHECK(read("ledger.open.v1", R"({"name":"Ada"})").error().code() ==
          tidemark::errc::unknown_message);
}

TEST_CASE("upcast: names are known only where they lead") {
    CHECK(tidemark::knows<ledger::event, ledger>("ledger.opened.v1"));
    CHECK(tidemark::knows<ledger::event, ledger>("ledger.closed.v1"));
    CHECK_FALSE(tidemark::knows<ledger::event, ledger>("ledger.open.v1"));
    CHECK(tidemark::knows<ledger::command, ledger>("ledger.open.v1"));
    CHECK(tidemark::knows<counter::event, counter>("counter.added.v1"));
    CHECK_FALSE(tidemark::knows<counter::event, counter>("counter.added.v2"));
}

TEST_CASE("upcast: an unknown name lists today's names and the old ones") {
    const auto unknown = read_event("ledger.lost.v1", "{}");
    CHECK(unknown.error().message() ==
          "cannot decode ledger.lost.v1: no message of this name is known here; known are "
          "ledger.opened.v3, ledger.closed.v1, ledger.opened.v1, ledger.opened.v2. Keep a type for "
          "every name ever stored, and upcast it");
}

TEST_CASE("upcast: a malformed old payload is told by its old name and path") {
    CHECK(read_event("ledger.opened.v1", R"({"name":3})").error().message() ==
          "cannot decode ledger.opened.v1: $.name expected string, got number 3");
}

TEST_CASE("upcast: one that throws is the user's code that threw") {
    const auto failed = read_event("ledger.opened.v1", R"({"name":"Ada"})");
    CHECK(failed.error().code() == tidemark::errc::user_code_threw);
    CHECK(failed.error().message() ==
          "cannot decode ledger.opened.v1: $ was read, but its upcast threw: no last name");
    const auto odd = read_event("ledger.opened.v1", R"({"name":"42"})");
    CHECK(odd.error().code() == tidemark::errc::user_code_threw);
    CHECK(odd.error().message().ends_with("its upcast threw: something that is no std::exception"));
}
