#include "tidemark/async/io.hpp"
#include "tidemark/async/run.hpp"
#include "tidemark/cli/admin_routes.hpp"
#include "tidemark/cli/connection.hpp"
#include "tidemark/cli/failure.hpp"
#include "tidemark/cli/open_store.hpp"
#include "tidemark/eventbus/memory_event_bus.hpp"
#include "tidemark/http/target.hpp"
#include "tidemark/sagas/saga_list.hpp"

#include <boost/json/parse.hpp>

#include <utility>

namespace tidemark::cli {
namespace {

/// The admin API of a store that no process serves: the same routes, called instead of asked over
/// the network. Its runtime is wired, for the types, and never started.
class offline_connection final : public connection {
  public:
    offline_connection(const app& what, const settings& values, access wanted)
        : values_{values},
          world_{{.shards = 1, .blocking_threads = 1}},
          events_{
              open_store(world_, values,
                         wanted == access::change ? store_mode::serving : store_mode::read_only)},
          runtime_{world_, *events_, bus_} {
        if (what.wire) what.wire(runtime_, values);
        project_sagas(runtime_);
        add_admin_routes(routes_, {.app = runtime_,
                                   .values = &values,
                                   .version = what.version,
                                   .mode = "offline",
                                   .program = what.called(),
                                   .api_url = nullptr,
                                   .admin_url = nullptr});
    }

    reply exchange(http::method method, const std::string& target,
                   const std::string& body) override {
        auto parts = http::parse_target(target);
        if (!parts) throw to_failure(parts.error(), target);
        http::request asked;
        asked.method = method;
        asked.target = target;
        asked.path = std::move(parts->path);
        asked.query = std::move(parts->query);
        asked.headers.add("Tidemark-Admin", "1");
        asked.body = body;
        const auto answered = run(world_, routes_.dispatch(std::move(asked)));
        const auto& told = answered.reply;
        if (told.failure) {
            return {told.failure->status,
                    boost::json::parse(http::to_json(
                        *told.failure, {.instance = target, .request_id = "", .traceparent = ""}))};
        }
        return {told.status, boost::json::parse(told.body.empty() ? "null" : told.body)};
    }

    [[nodiscard]] bool is_live() const override { return false; }
    [[nodiscard]] std::string place() const override { return shown(values_.at("store.url")); }

  private:
    const settings& values_;
    io world_;
    std::unique_ptr<storage> events_;
    /// Nothing is relayed by a verb.
    memory_event_bus bus_;
    runtime runtime_;
    http::router routes_;
};

}  // namespace

std::unique_ptr<connection> open_offline(const app& what, const settings& values, access wanted) {
    return std::make_unique<offline_connection>(what, values, wanted);
}

}  // namespace tidemark::cli
