#include "tidemark/cli/open_store.hpp"

#include "tidemark/cli/failure.hpp"
#include "tidemark/eventstore/memory_event_store.hpp"
#include "tidemark/eventstore/sqlite_event_store.hpp"
#include "tidemark/runtime/config.hpp"

namespace tidemark::cli {

std::string sqlite_path(const settings& values) {
    constexpr std::string_view scheme = "sqlite:";
    const auto& url = values.text("store.url");
    return url.starts_with(scheme) ? url.substr(scheme.size()) : "";
}

std::unique_ptr<storage> open_store(execution& world, const settings& values, store_mode mode) {
    const auto path = sqlite_path(values);
    if (path.empty()) return std::make_unique<memory_storage>(world.clock());
    const config typed{values};
    sqlite_options options;
    options.path = path;
    options.durability =
        typed.sqlite.is_synchronous_full ? sqlite_durability::full : sqlite_durability::normal;
    options.batch_requests_max = typed.sqlite.group_commit_max;
    options.is_read_only = mode == store_mode::read_only;
    auto opened = sqlite_storage::open(world.clock(), std::move(options));
    if (opened) return std::move(*opened);
    const auto from = "store.url, " + values.at("store.url").source;
    if (opened.error().code() == errc::not_found) {
        throw failure{
            exit_code::unreachable,
            {"CLI-006", opened.error().message(), from,
             "name the file with --store sqlite:PATH, or start the process that makes it"}};
    }
    throw to_failure(opened.error(), from);
}

std::unique_ptr<memory_event_bus> open_bus() { return std::make_unique<memory_event_bus>(); }

}  // namespace tidemark::cli
