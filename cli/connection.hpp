#pragma once

#include "tidemark/cli/app.hpp"
#include "tidemark/http/request.hpp"

#include <boost/json/value.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tidemark::cli {

/// What the admin API answered.
struct reply {
    int status = 0;
    boost::json::value body;
};

using query = std::vector<std::pair<std::string_view, std::string>>;
/// "/admin/v1/streams" and its query, encoded; members with an empty value are left out.
[[nodiscard]] std::string target(std::string path, const query& with);
/// Path segments: "/admin/v1/streams" + "order-1" + "/events".
[[nodiscard]] std::string segment(std::string_view text);

/// The admin API, of a running process or of a file that no process serves. Blocks the caller.
class connection {
  public:
    virtual ~connection() = default;
    /// One request; throws `failure` only if nobody answers.
    [[nodiscard]] virtual reply exchange(http::method method, const std::string& target,
                                         const std::string& body) = 0;
    /// A process answers; otherwise the routes read the file themselves.
    [[nodiscard]] virtual bool is_live() const = 0;
    /// URL or file, for messages.
    [[nodiscard]] virtual std::string place() const = 0;

    /// The body of a successful answer; any other is thrown as `failure`.
    [[nodiscard]] boost::json::value get(const std::string& target);
    [[nodiscard]] boost::json::value post(const std::string& target,
                                          const boost::json::value& body);
    /// Items of a paged list: at most `limit`, 0 for all. `next` is where it goes on, "" at the
    /// end.
    struct listing {
        boost::json::array items;
        std::string next;
    };
    [[nodiscard]] listing list(const std::string& path, query with, std::size_t limit);

  private:
    [[nodiscard]] boost::json::value take(reply answered, const std::string& target) const;
};

/// What a verb wants to do to the store.
enum class access : std::uint8_t {
    /// Read: a live process if one answers, else the file, read-only.
    read,
    /// Change: a live process if one answers, else the file under its lock.
    change,
    /// Only a live process will do.
    live,
};

/// How to find the process or the file.
struct connection_options {
    /// "http://127.0.0.1:8081"; empty: by the settings, falling back to the file.
    std::string url;
    /// The store was named on the command line: its file is meant, whatever process answers.
    bool is_store_named = false;
};

/// Throws `failure`: CLI-003 or CLI-008 if only a process would do and none answers, CLI-005 or
/// CLI-006 if the file cannot be opened. `what` and `values` outlive the connection.
[[nodiscard]] std::unique_ptr<connection> connect(const app& what, const settings& values,
                                                  const connection_options& how, access wanted);

/// A live process at `url`; nothing if none answers there.
[[nodiscard]] std::unique_ptr<connection> connect_live(const std::string& url);
/// The file (or an empty memory store) of `store.url`, through routes of our own.
[[nodiscard]] std::unique_ptr<connection> open_offline(const app& what, const settings& values,
                                                       access wanted);
/// The admin listener's URL by the settings.
[[nodiscard]] std::string admin_url(const settings& values);

}  // namespace tidemark::cli
