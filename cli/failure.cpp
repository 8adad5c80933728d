#include "tidemark/cli/failure.hpp"

#include "tidemark/runtime/settings.hpp"

#include <utility>

namespace tidemark::cli {
namespace {

struct code_text {
    std::string_view code;
    std::string_view text;
};
constexpr code_text codes[] = {
    {"CLI-001", "There is no such verb. The nearest one is named; --help lists all."},
    {"CLI-002",
     "The arguments do not fit the verb: one is missing, unknown, or of the wrong form."},
    {"CLI-003",
     "No process answered at the admin address. It is http.address and http.admin_port of the "
     "configuration unless --url names another."},
    {"CLI-004", "What was asked for is not there: a stream, a saga, a dead letter, a projection."},
    {"CLI-005",
     "Somebody else has it: another process serves the file, or the thing was changed meanwhile. "
     "With a process serving the file, the verbs speak to it instead of opening the file."},
    {"CLI-006",
     "The store could not be opened: missing, unreadable, damaged, of a newer schema, or not ours. "
     "Nothing was changed."},
    {"CLI-007", "The running process refused the request; what it said is in the message."},
    {"CLI-008",
     "The verb needs a running process: start one with dev or run, or name it with --url."},
    {"CLI-009", "A listener could not be opened: the port is taken or the address is not ours."},
    {"CLI-010", "A dependency of the verb failed; what it said is in the message."},
    {"CLI-011",
     "The bus cannot be used as it is set: a kafka.* setting is wrong, or it would be unsafe."},
    {"CLI-012",
     "The brokers could not be asked: none answers, they refuse user or password, their "
     "certificate is not to be trusted, or they failed. Nothing was changed."},
    {"CLI-013",
     "A stored message cannot be read by this program: its name is not known here, or its payload "
     "does not fit the type of that name. Nothing stored is changed. Keep a type for every name "
     "that was ever stored, and turn old ones into today's by an upcaster."},
};

std::string text_of(const failure::text& said, std::string_view program) {
    auto out = "tidemark-" + said.code + "  " + said.what;
    if (!said.from.empty()) out += "\n  from     " + said.from;
    return out + "\n  fix      " + said.fix + "      docs: " + std::string{program} + " explain " +
           said.code;
}

}  // namespace

failure::failure(exit_code code, text said)
    : std::runtime_error{text_of(said, "tidemark")}, code_{code}, said_{std::move(said)} {}

std::string failure::told_by(std::string_view program) const { return text_of(said_, program); }

failure undecodable(const std::string& what, const std::string& from) {
    return {exit_code::failed,
            {"CLI-013", what, from,
             "add an upcaster from the stored name to what the program reads today; stream cat "
             "shows the message as it is stored"}};
}

failure to_failure(const error& why, const std::string& from) {
    switch (why.code()) {
        case errc::undecodable:
            return undecodable(why.message(), from);
        case errc::not_found:
            return {exit_code::failed,
                    {"CLI-004", why.message(), from,
                     "list what is there: stream ls, saga ls, "
                     "dlq ls, projection ls"}};
        case errc::locked:
            return {exit_code::conflict,
                    {"CLI-005", why.message(), from, "use its admin API (--url), or stop it"}};
        case errc::conflict:
        case errc::stale:
            return {exit_code::conflict, {"CLI-005", why.message(), from, "look again and retry"}};
        case errc::unavailable:
        case errc::io_error:
        case errc::disk_full:
        case errc::corrupt:
        case errc::schema_mismatch:
            return {exit_code::unreachable,
                    {"CLI-006", why.message(), from, "name another store with --store"}};
        case errc::invalid_argument:
        case errc::bad_setting:
            return {exit_code::usage, {"CLI-002", why.message(), from, "see --help of the verb"}};
        default:
            return {exit_code::failed,
                    {"CLI-010", why.message(), from, "see the log of the process"}};
    }
}

std::optional<std::string_view> explain_code(std::string_view code) {
    if (code.starts_with("tidemark-")) code.remove_prefix(9);
    for (const auto& c : codes) {
        if (c.code == code) return c.text;
    }
    return explain_config_code(code);
}

std::vector<std::string> all_codes() {
    auto out = config_codes();
    for (const auto& c : codes) out.emplace_back(c.code);
    return out;
}

}  // namespace tidemark::cli
