#include "tidemark/eventstore/sqlite_faulty_vfs.hpp"

#include <sqlite3.h>

#include <atomic>

namespace tidemark::testing {
namespace {

constexpr const char* vfs_name = "tidemark-faulty";
std::atomic<int> syncs_to_fail{0};
std::atomic<int> syncs_failed{0};

/// A file of ours with the platform's behind it, in the memory SQLite gives for one file, which is
/// aligned to 8 bytes.
struct faulty_file {
    sqlite3_file as_sqlite;
    bool is_log;
    alignas(sqlite3_int64) char real[1];
};

sqlite3_file* real_of(sqlite3_file* file) {
    return reinterpret_cast<sqlite3_file*>(reinterpret_cast<faulty_file*>(file)->real);
}

template <auto Method, class... Args>
int forward(sqlite3_file* file, Args... args) {
    auto* real = real_of(file);
    return (real->pMethods->*Method)(real, args...);
}

int sync(sqlite3_file* file, int flags) {
    const auto is_log = reinterpret_cast<faulty_file*>(file)->is_log;
    if (is_log && syncs_to_fail.load() > 0) {
        --syncs_to_fail;
        ++syncs_failed;
        return SQLITE_IOERR_FSYNC;
    }
    return forward<&sqlite3_io_methods::xSync, int>(file, flags);
}

void barrier(sqlite3_file* file) { real_of(file)->pMethods->xShmBarrier(real_of(file)); }

using methods = sqlite3_io_methods;
const sqlite3_io_methods faulty_methods{
    .iVersion = 2,
    .xClose = forward<&methods::xClose>,
    .xRead = forward<&methods::xRead, void*, int, sqlite3_int64>,
    .xWrite = forward<&methods::xWrite, const void*, int, sqlite3_int64>,
    .xTruncate = forward<&methods::xTruncate, sqlite3_int64>,
    .xSync = sync,
    .xFileSize = forward<&methods::xFileSize, sqlite3_int64*>,
    .xLock = forward<&methods::xLock, int>,
    .xUnlock = forward<&methods::xUnlock, int>,
    .xCheckReservedLock = forward<&methods::xCheckReservedLock, int*>,
    .xFileControl = forward<&methods::xFileControl, int, void*>,
    .xSectorSize = forward<&methods::xSectorSize>,
    .xDeviceCharacteristics = forward<&methods::xDeviceCharacteristics>,
    .xShmMap = forward<&methods::xShmMap, int, int, int, void volatile**>,
    .xShmLock = forward<&methods::xShmLock, int, int, int>,
    .xShmBarrier = barrier,
    .xShmUnmap = forward<&methods::xShmUnmap, int>,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
    auto* platform = static_cast<sqlite3_vfs*>(vfs->pAppData);
    auto* made = reinterpret_cast<faulty_file*>(file);
    made->is_log = (flags & SQLITE_OPEN_WAL) != 0;
    made->as_sqlite.pMethods = nullptr;
    const auto code = platform->xOpen(platform, name, real_of(file), flags, out_flags);
    if (code == SQLITE_OK) made->as_sqlite.pMethods = &faulty_methods;
    return code;
}

}  // namespace

std::string faulty_vfs() {
    static const auto* registered = [] {
        auto* platform = sqlite3_vfs_find(nullptr);
        static sqlite3_vfs faulty;
        faulty = *platform;
        faulty.pNext = nullptr;
        faulty.zName = vfs_name;
        faulty.pAppData = platform;
        faulty.szOsFile = static_cast<int>(sizeof(faulty_file)) + platform->szOsFile;
        faulty.xOpen = open;
        sqlite3_vfs_register(&faulty, 0);
        return &faulty;
    }();
    return registered->zName;
}

void fail_syncs(int count) { syncs_to_fail = count; }
int failed_syncs() { return syncs_failed.load(); }

}  // namespace tidemark::testing
