#include "tidemark/cli/bus_access.hpp"
#include "tidemark/cli/failure.hpp"
#include "tidemark/cli/finding.hpp"
#include "tidemark/cli/open_store.hpp"
#include "tidemark/cli/session.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <CLI/App.hpp>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

namespace tidemark::cli {
namespace {

namespace json = boost::json;

constexpr std::uint64_t disk_bytes_min = 256UL << 20U;
constexpr rlim_t files_min = 1024;

/// Whether a listener could be opened: a bind that is given up at once.
std::string try_bind(const std::string& address, std::int64_t port) {
    const auto is_v6 = address.find(':') != std::string::npos;
    const auto socket = ::socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket < 0) return std::strerror(errno);
    const auto on = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(static_cast<std::uint16_t>(port));
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = v4.sin_port;
    auto* const place = is_v6 ? static_cast<void*>(&v6.sin6_addr) : &v4.sin_addr;
    ::inet_pton(is_v6 ? AF_INET6 : AF_INET, address.c_str(), place);
    const auto* const any =
        is_v6 ? reinterpret_cast<const sockaddr*>(&v6) : reinterpret_cast<const sockaddr*>(&v4);
    const auto bound = ::bind(socket, any, is_v6 ? sizeof v6 : sizeof v4);
    const std::string why = bound == 0 ? "" : std::strerror(errno);
    ::close(socket);
    return why;
}

/// A listener of this configuration: whether it could be opened.
finding check_port(const settings& values, const char* name) {
    finding out{name, true, "", ""};
    const auto port = values.integer(name);
    const auto why = port == 0 ? "" : try_bind(values.text("http.address"), port);
    out.is_ok = why.empty();
    out.seen = values.text("http.address") + ":" + std::to_string(port) + " " +
               (why.empty() ? "is free" : why);
    out.fix = "stop what listens there, or --set " + std::string{name} + "=0 for a free port";
    return out;
}

/// A listener of the process that was asked: where it really is, whatever the configuration of
/// this command says.
finding served_port(const char* name, const std::string& url) {
    return {name, true, url.empty() ? "served by the process asked" : "served at " + url, ""};
}

finding check_disk(const settings& values) {
    finding out{"disk space", true, "not needed: the store is in memory", ""};
    if (is_postgres(values)) out.seen = "not needed: the store is on the database's disk";
    const auto path = sqlite_path(values);
    if (path.empty()) return out;
    auto folder = std::filesystem::path{path}.parent_path();
    if (folder.empty()) folder = ".";
    struct statvfs status{};
    if (::statvfs(folder.c_str(), &status) != 0) {
        out.is_ok = false;
        out.seen = folder.string() + ": " + std::strerror(errno);
        out.fix = "mkdir -p " + folder.string();
        return out;
    }
    const auto free = std::uint64_t{status.f_bavail} * status.f_frsize;
    out.is_ok = free >= disk_bytes_min;
    out.seen = std::to_string(free >> 20U) + " MiB free in " + folder.string();
    out.fix = "free at least 256 MiB, or name another file with --store";
    return out;
}

finding check_files() {
    finding out{"open files", true, "", "ulimit -n 65536"};
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    out.is_ok = limit.rlim_cur >= files_min;
    out.seen = "at most " + std::to_string(limit.rlim_cur);
    return out;
}

/// The running process that was asked, if one was: where its listeners are.
struct asked_process {
    std::string api;
    std::string admin;
};

/// The store answers: through the process that serves it, or opened for reading.
finding check_store(session& in, std::optional<asked_process>& process) {
    finding out{"store", true, "", ""};
    const auto path = sqlite_path(in.values());
    if (in.url.empty() && !path.empty() && !std::filesystem::exists(path) &&
        !connect_live(admin_url(in.values()))) {
        out.seen = path + " is not there yet; the first start makes it";
        return out;
    }
    try {
        auto& to = in.connect(access::read);
        const auto is_live = to.is_live();
        const auto overview = to.get("/admin/v1/overview");
        if (is_live) {
            const auto* const at = overview.as_object().if_contains("listeners");
            const json::value nowhere = json::object{};
            process = asked_process{cell(at != nullptr ? *at : nowhere, "api"),
                                    cell(at != nullptr ? *at : nowhere, "admin")};
        }
        const auto* const store = overview.as_object().if_contains("store");
        out.seen = (is_live ? "served at " : "read from ") + to.place();
        if (store != nullptr) {
            out.seen += ", " + cell(*store, "streams") + " streams, last position " +
                        cell(*store, "last_position");
        }
    } catch (const failure& e) {
        out.is_ok = false;
        out.seen = e.said().what;
        out.fix = e.said().fix;
    }
    return out;
}

finding check_log(session& in) {
    const auto answered = in.connect(access::read).get("/admin/v1/verify");
    finding out{"log", cell(answered, "ok") == "true", "",
                "restore a backup; report the problems listed with --json"};
    out.seen = cell(answered, "checked_events") + " events in " +
               cell(answered, "checked_streams") + " streams, " +
               cell(answered, "checked_documents") + " documents of " +
               cell(answered, "checked_projections") + " projections replayed";
    if (!out.is_ok) out.seen += ": " + cell(answered, "problems");
    return out;
}

exit_code check(session& in, bool with_log) {
    const auto out = in.out();
    std::vector<finding> found;
    const auto& values = in.values();
    found.push_back(
        {"configuration", true, std::to_string(values.all().size()) + " settings are valid", ""});
    if (is_postgres(values)) {
        for (auto& one : check_postgres(values)) found.push_back(std::move(one));
    }
    if (values.text("bus.url").starts_with("kafka:")) {
        for (auto& one : check_brokers(in)) found.push_back(std::move(one));
    }
    std::optional<asked_process> process;
    found.push_back(check_store(in, process));
    if (with_log && found.back().is_ok) found.push_back(check_log(in));
    found.push_back(process ? served_port("http.port", process->api)
                            : check_port(values, "http.port"));
    found.push_back(process ? served_port("http.admin_port", process->admin)
                            : check_port(values, "http.admin_port"));
    found.push_back(check_disk(values));
    found.push_back(check_files());
    return report(out, found);
}

}  // namespace

void add_check(CLI::App& tool, session& in) {
    auto with_log = std::make_shared<bool>(false);
    auto& verb = *tool.add_subcommand("check", "check settings, store, ports and machine");
    verb.alias("doctor");
    verb.add_flag("--log", *with_log, "also read the whole log, and replay the projections");
    on_run(verb, in, [&in, with_log] { return check(in, *with_log); });
}

}  // namespace tidemark::cli
