#include "tidemark/cli/failure.hpp"
#include "tidemark/cli/open_store.hpp"
#include "tidemark/cli/session.hpp"
#include "tidemark/eventstore/log_renewal.hpp"

#include <CLI/App.hpp>
#include <boost/json/object.hpp>

#include <map>
#include <memory>

namespace tidemark::cli {
namespace {

result<log_renewal> renew(session& in, const renewal_order& order) {
    const auto& values = in.values();
    if (is_postgres(values)) {
        return renew_postgres_log(postgres_settings(values, store_mode::serving), order);
    }
    const auto path = sqlite_path(values);
    if (!path.empty()) return renew_sqlite_log(path, order);
    return error{errc::not_found, "a store in memory cannot have been restored; name another"};
}

std::string fate_of(const renewal_order& order) {
    switch (order.relays) {
        case relay_fate::wait:
            return order.is_whole
                       ? "are left as they are"
                       : "stand still: consumers have seen events of the log that is gone. Run "
                         "restored --nothing-lost --relays again, or go-on";
        case relay_fate::again:
            return "publish the whole log again";
        case relay_fate::go_on:
            return "publish what is added from now on";
    }
    return "";
}

exit_code tell_restored(session& in, const renewal_order& order) {
    const auto out = in.out();
    const auto from = "store.url, " + in.values().at("store.url").source;
    const auto done = renew(in, order);
    if (!done) throw to_failure(done.error(), from);
    boost::json::object document;
    document["dry_run"] = order.is_dry;
    document["before"] = done->before.to_string();
    document["after"] = done->after.to_string();
    document["read_models"] = done->read_models;
    document["relays"] = done->relays;
    out.json(document);
    const std::string would = order.is_dry ? "would be " : "is ";
    out.line(order.is_whole
                 ? "the log " + would + "at home here; it is log " + done->before.to_string() +
                       " still"
                 : "the log " + would + "another one now; it was log " + done->before.to_string());
    if (!order.is_whole) {
        out.line(std::to_string(done->read_models) + " read models that were restored with it " +
                 "go on; those elsewhere say so and are rebuilt");
    }
    if (done->relays > 0) {
        out.line(std::to_string(done->relays) + " relays " + fate_of(order));
    }
    return exit_code::ok;
}

}  // namespace

void add_restored(CLI::App& tool, session& in) {
    auto order = std::make_shared<renewal_order>();
    auto& verb = *tool.add_subcommand(
        "restored", "after a backup was put in place: give the log another identity");
    verb.add_flag("--nothing-lost", order->is_whole,
                  "it was moved as a whole: keep the identity, only note where it is");
    const std::map<std::string, relay_fate> fates{
        {"wait", relay_fate::wait}, {"again", relay_fate::again}, {"go-on", relay_fate::go_on}};
    verb.add_option("--relays", order->relays,
                    "wait; again: from the log's start; go-on: from now on")
        ->transform(CLI::CheckedTransformer(fates));
    verb.add_flag("--dry-run", order->is_dry, "only say what would be done");
    on_run(verb, in, [&in, order] { return tell_restored(in, *order); });
}

}  // namespace tidemark::cli
