#include "tidemark/cli/connection.hpp"
#include "tidemark/cli/failure.hpp"
#include "tidemark/http/client.hpp"

#include <boost/json/parse.hpp>

#include <utility>

namespace tidemark::cli {
namespace {

/// A verification reads the whole log, several times.
constexpr duration verification_max = std::chrono::minutes{30};

/// The admin listener of a running process.
class live_connection final : public connection {
  public:
    explicit live_connection(std::string url) : url_{std::move(url)} {
        while (url_.ends_with('/')) url_.pop_back();
    }

    reply exchange(http::method method, const std::string& target,
                   const std::string& body) override {
        http::outgoing asked;
        asked.method = method;
        asked.url = url_ + target;
        asked.headers.add("Tidemark-Admin", "1");
        if (!body.empty()) asked.headers.add("Content-Type", "application/json");
        asked.body = body;
        if (target.starts_with("/admin/v1/verify")) asked.timeout = verification_max;
        auto answered = client_.fetch(std::move(asked));
        if (!answered) {
            throw failure{exit_code::unreachable,
                          {"CLI-003", answered.error().message(), url_ + target,
                           "name the admin listener of a running process with --url"}};
        }
        return {answered->status, parse(answered->body)};
    }

    [[nodiscard]] bool is_live() const override { return true; }
    [[nodiscard]] std::string place() const override { return url_; }

    /// True if a Tidemark process answers.
    [[nodiscard]] bool answers() {
        http::outgoing asked;
        asked.url = url_ + "/version";
        const auto answered = client_.fetch(std::move(asked));
        return answered && answered->status == 200 && parse(answered->body).is_object();
    }

  private:
    /// An answer that is not JSON is taken as a text: a proxy's error page, say.
    static boost::json::value parse(const std::string& body) {
        if (body.empty()) return nullptr;
        boost::system::error_code failed;
        auto document = boost::json::parse(body, failed);
        return failed ? boost::json::value{body.substr(0, 500)} : std::move(document);
    }

    std::string url_;
    http::blocking_client client_;
};

}  // namespace

std::unique_ptr<connection> connect_live(const std::string& url) {
    // By the settings: a process took a free port, and which one they do not say.
    if (url.ends_with(":0")) return nullptr;
    if (const auto parsed = http::parse_url(url); !parsed) {
        throw failure{
            exit_code::usage,
            {"CLI-002", parsed.error().message(), "flag --url", "--url http://127.0.0.1:8081"}};
    }
    auto out = std::make_unique<live_connection>(url);
    if (!out->answers()) return nullptr;
    return out;
}

}  // namespace tidemark::cli
