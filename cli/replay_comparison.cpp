#include "tidemark/cli/replay_comparison.hpp"

#include "tidemark/eventstore/sqlite_event_store.hpp"

#include <stdlib.h>  // mkdtemp

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <optional>
#include <system_error>
#include <utility>

namespace tidemark::cli {
namespace {

constexpr std::size_t page_documents = 200;
constexpr std::size_t page_events = 500;
/// Times a page is read again because the projection moved meanwhile; each time it is half as long,
/// down to one document.
constexpr int page_attempts_max = 200;
constexpr std::size_t problems_max = 20;
constexpr std::size_t shown_bytes_max = 160;

std::string shown(const document& d) {
    auto out = d.body.size() > shown_bytes_max ? d.body.substr(0, shown_bytes_max) + "…" : d.body;
    for (const auto& [index, value] : d.indexes) {
        out += ", " + index + "=" + value.substr(0, shown_bytes_max);
    }
    return out;
}

}  // namespace

result<std::unique_ptr<scratch_storage>> scratch_storage::open(const clock& time,
                                                               const std::string& name) {
    std::error_code failed;
    auto folder =
        (std::filesystem::temp_directory_path(failed) / "tidemark-replay-XXXXXX").string();
    if (failed || ::mkdtemp(folder.data()) == nullptr) {
        return error{errc::io_error, "no temporary folder for the replay of " + name + " at " +
                                         folder + "; set TMPDIR to one that can be written"};
    }
    std::unique_ptr<scratch_storage> out{new scratch_storage};
    out->folder_ = std::move(folder);
    sqlite_options options;
    options.path = out->folder_ + "/replay.db";
    options.durability = sqlite_durability::normal;
    options.readers = 1;
    auto opened = sqlite_storage::open(time, std::move(options));
    if (!opened) return opened.error();
    out->events_ = std::move(*opened);
    return out;
}

scratch_storage::~scratch_storage() {
    events_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

replay_comparison::replay_comparison(source from)
    : from_{std::move(from)}, name_{from_.type.name()} {
    report_.name = name_;
}

awaitable<result<replay_report>> replay_comparison::run() {
    auto begun = co_await from_.scratch.load_checkpoint(name_);
    if (!begun) co_return begun.error();
    at_ = *begun;
    std::string after;
    for (auto is_more = true; is_more;) {
        auto taken = co_await read_page(after);
        if (!taken) co_return taken.error();
        report_.position = taken->at.position;
        report_.documents += taken->documents.size();
        is_more = !taken->is_last;
        auto last = taken->documents.empty() ? after : taken->documents.back().key;
        auto replayed = co_await replay_to(taken->at.position);
        if (!replayed) co_return replayed.error();
        auto compared = co_await compare(std::move(*taken), std::move(after));
        if (!compared) co_return compared.error();
        after = std::move(last);
    }
    co_return report_;
}

/// Documents and checkpoint are two readings: they belong together if the checkpoint is the same
/// before and behind.
awaitable<result<replay_comparison::page>> replay_comparison::read_page(std::string after) {
    document_query query;
    query.after_key = std::move(after);
    query.limit = page_documents;
    for (int i = 0; i < page_attempts_max; ++i) {
        if (from_.is_stopping()) {
            co_return error{errc::shutting_down, "the process is draining; ask another one"};
        }
        auto before = co_await from_.live.load_checkpoint(name_);
        if (!before) co_return before.error();
        auto documents = co_await from_.live.query(name_, query);
        if (!documents) co_return documents.error();
        auto behind = co_await from_.live.load_checkpoint(name_);
        if (!behind) co_return behind.error();
        if (*before == *behind) {
            const auto is_last = documents->size() < query.limit;
            page out{*behind, std::move(*documents), is_last};
            co_return out;
        }
        query.limit = std::max<std::size_t>(1, query.limit / 2);
    }
    co_return error{errc::unavailable, "projection " + name_ + " moved at every one of " +
                                           std::to_string(page_attempts_max) +
                                           " readings behind key \"" + query.after_key +
                                           "\"; ask again under less load"};
}

awaitable<result<void>> replay_comparison::replay_to(position until) {
    while (at_.position < until) {
        if (from_.is_stopping()) {
            co_return error{errc::shutting_down, "the process is draining; ask another one"};
        }
        auto read = co_await from_.live.read_all(at_.position, page_events);
        if (!read) co_return read.error();
        std::erase_if(read->events, [&](const auto& e) { return e.position > until; });
        if (read->events.empty()) co_return result<void>{};  // the checkpoint is ahead of the log
        const auto seen = read->events.back().position;
        std::vector<recorded_event> heard;
        for (auto& event : read->events) {
            if (hears(from_.type, event)) heard.push_back(std::move(event));
        }
        auto applied = co_await apply(std::move(heard), seen);
        if (!applied) co_return applied;
    }
    co_return result<void>{};
}

/// As the projection itself does it: an event that throws leaves nothing behind, and is passed over
/// if the projection parks such events.
awaitable<result<void>> replay_comparison::apply(std::vector<recorded_event> heard, position seen) {
    auto begin = std::size_t{0};
    auto end = heard.size();
    for (auto is_done = false; !is_done;) {
        auto culprit = end;
        std::optional<error> thrown;
        auto change = [&](projection_rows& model) {
            for (auto i = begin; i < end; ++i) {
                auto done = from_.type.project(model, heard[i]);
                if (done) continue;
                culprit = i;
                thrown = done.error();
                throw std::system_error{make_error_code(errc::user_code_threw)};
            }
        };
        std::function<void(read_model&)> changing = std::ref(change);
        is_done = end == heard.size();
        const checkpoint to{is_done ? seen : heard[end - 1].position, at_.incarnation};
        auto moved = co_await from_.scratch.update(name_, at_, to, std::move(changing));
        if (moved) {
            at_ = to;
            // Behind a good part stands the one that threw: passed over.
            begin = is_done ? end : end + 1;
            end = heard.size();
            continue;
        }
        if (!thrown) co_return moved;
        if (from_.options.on_failure != projection_failure::park) co_return *thrown;
        is_done = false;
        if (culprit > begin) {
            end = culprit;
        } else {
            begin = culprit + 1;
        }
    }
    co_return result<void>{};
}

awaitable<result<void>> replay_comparison::compare(page taken, std::string after) {
    std::map<std::string, document> stored;
    for (auto& d : taken.documents) stored.emplace(d.key, std::move(d));
    const auto last = stored.empty() ? after : stored.rbegin()->first;
    document_query query;
    query.after_key = std::move(after);
    query.limit = page_documents;
    for (auto is_more = true; is_more;) {
        auto replayed = co_await from_.scratch.query(name_, query);
        if (!replayed) co_return replayed.error();
        is_more = replayed->size() == query.limit;
        for (const auto& expected : *replayed) {
            if (!taken.is_last && expected.key > last) {
                is_more = false;
                break;
            }
            const auto found = stored.find(expected.key);
            if (found == stored.end()) {
                differs(expected.key, "is missing; a replay gives " + shown(expected));
                continue;
            }
            if (found->second != expected) {
                differs(expected.key, "is stored as " + shown(found->second) + "; a replay gives " +
                                          shown(expected));
            }
            stored.erase(found);
        }
        if (!replayed->empty()) query.after_key = replayed->back().key;
    }
    for (const auto& [key, d] : stored) {
        differs(key, "is stored as " + shown(d) + "; a replay gives none");
    }
    co_return result<void>{};
}

void replay_comparison::differs(const std::string& key, const std::string& how) {
    if (++report_.differences > problems_max) return;
    report_.problems.push_back("projection " + name_ + ", document \"" + key + "\" " + how);
}

}  // namespace tidemark::cli
