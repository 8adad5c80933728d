#include "tidemark/observability/catalog.hpp"

#include <dirent.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>

namespace tidemark {
namespace {

using metrics::kind;
using metrics::unit;

constexpr auto unknown = std::numeric_limits<double>::quiet_NaN();

std::string read_file(const char* path) {
    std::ifstream in{path};
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

/// Field `number` of /proc/self/stat, counted as in proc(5). The name in field 2 may hold anything,
/// a parenthesis included, so counting begins behind the last one.
double stat_field(int number) {
    const auto text = read_file("/proc/self/stat");
    const auto name_end = text.rfind(')');
    if (name_end == std::string::npos) return unknown;
    std::istringstream rest{text.substr(name_end + 1)};
    std::string word;
    for (auto at = 3; rest >> word; ++at) {
        if (at == number) return std::stod(word);
    }
    return unknown;
}

double cpu_seconds() {
    return (stat_field(14) + stat_field(15)) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double resident_bytes() { return stat_field(24) * static_cast<double>(::sysconf(_SC_PAGESIZE)); }

/// Unix time of the start: the boot's, plus field 22.
double start_time() {
    std::istringstream lines{read_file("/proc/stat")};
    std::string word;
    while (lines >> word) {
        double boot = 0;
        if (word == "btime" && lines >> boot) {
            return boot + stat_field(22) / static_cast<double>(::sysconf(_SC_CLK_TCK));
        }
    }
    return unknown;
}

double open_files() {
    auto* const folder = ::opendir("/proc/self/fd");
    if (folder == nullptr) return unknown;
    auto count = 0;
    while (const auto* entry = ::readdir(folder)) {
        if (entry->d_name[0] != '.') ++count;
    }
    ::closedir(folder);
    return count - 1;  // the folder itself was open too
}

double file_limit() {
    std::istringstream lines{read_file("/proc/self/limits")};
    constexpr std::string_view title = "Max open files";
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with(title)) continue;
        std::istringstream rest{line.substr(title.size())};
        double soft = unknown;
        if (rest >> soft) return soft;
    }
    return unknown;
}

}  // namespace

std::vector<metrics::registration> observe_process(metrics_registry& registry) {
    std::vector<metrics::registration> out;
    const auto gauge = [&](const char* name, unit in, const char* help, double (*read)()) {
        const auto family =
            registry.gauges({.name = name, .kind = kind::gauge, .unit = in, .help = help});
        out.push_back(registry.observe(family, {}, read));
    };
    const auto cpu = registry.counters({.name = "process_cpu_seconds_total",
                                        .kind = kind::counter,
                                        .unit = unit::seconds,
                                        .help = "User and system time spent."});
    out.push_back(registry.observe(cpu, {}, cpu_seconds));
    gauge("process_resident_memory_bytes", unit::bytes, "Memory that is resident.", resident_bytes);
    gauge("process_virtual_memory_bytes", unit::bytes, "Address space in use.",
          [] { return stat_field(23); });
    gauge("process_start_time_seconds", unit::seconds, "Unix time of the start.", start_time);
    gauge("process_open_fds", unit::none, "Open file descriptors.", open_files);
    gauge("process_max_fds", unit::none, "Most file descriptors the process may open.", file_limit);
    gauge("process_threads", unit::none, "Threads of the process.", [] { return stat_field(20); });
    return out;
}

}  // namespace tidemark
