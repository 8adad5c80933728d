#include "tidemark/examples/bank/bank_api.hpp"

#include "tidemark/codec/json_codec.hpp"
#include "tidemark/examples/bank/balances.hpp"
#include "tidemark/examples/bank/transfer.hpp"
#include "tidemark/http/preconditions.hpp"
#include "tidemark/http/problem.hpp"
#include "tidemark/sagas/saga_type.hpp"

#include <charconv>
#include <system_error>

namespace bank {

namespace http = tidemark::http;
using http::request;
using http::response;
using tidemark::awaitable;

namespace {

using namespace std::chrono_literals;

// [answer]
/// A receipt is 200, or 202 where work goes on; a refusal is 409; an error has its own status.
response answer_of(const tidemark::outcome& told, int status) {
    if (told.is_refused()) {
        const auto& no = told.rejection();
        return http::refuse(http::rejection_problem(no.code, no.message));
    }
    if (told.is_error()) {
        const auto command = told.command().to_string();
        return http::refuse(http::to_problem(told.error(), {.id = command}));
    }
    const auto& receipt = told.receipt();
    auto ok = http::json(status, R"({"version":)" + std::to_string(receipt.version.value()) + "}");
    ok.headers.set("ETag", http::etag(receipt.version));
    ok.headers.set("Tidemark-Position", std::to_string(receipt.position.value()));
    return ok;
}
// [/answer]

// [post]
awaitable<response> change_account(tidemark::runtime& app, request r) {
    auto key = http::idempotency_key(r);
    if (!key) co_return http::missing_idempotency_key(key.error());
    const auto name = "account." + r.parameter("command") + ".v1";
    auto command = tidemark::decode_variant<account::command>(name, r.body);
    if (!command) co_return http::refuse(http::to_problem(command.error()));
    tidemark::call how;
    how.once(std::move(*key), "http").within(r.deadline - app.world().clock().steady());
    const account_id to{r.parameter("id")};
    const auto accounts = app.store<account>();
    const auto told = co_await accounts.execute(to, std::move(*command), std::move(how));
    co_return answer_of(told, 200);
}
// [/post]

awaitable<response> begin_transfer(tidemark::runtime& app, request r) {
    auto key = http::idempotency_key(r);
    if (!key) co_return http::missing_idempotency_key(key.error());
    auto begin = tidemark::decode<transfer::begin>(r.body);
    if (!begin) co_return http::refuse(http::to_problem(begin.error()));
    tidemark::call how;
    how.once(std::move(*key), "http").within(r.deadline - app.world().clock().steady());
    const transfer_id to{r.parameter("id")};
    transfer::input input{std::move(*begin)};
    const auto transfers = app.store<transfer>();
    const auto told = co_await transfers.execute(to, std::move(input), std::move(how));
    co_return answer_of(told, 202);
}

/// The position a reader waits for: 0 if it names none, nothing if it is no number.
std::optional<std::uint64_t> awaited(const request& r) {
    const auto text = r.query.find("wait_for_position");
    if (!text) return 0;
    std::uint64_t value = 0;
    const auto* const end = text->data() + text->size();
    const auto [stop, failed] = std::from_chars(text->data(), end, value);
    if (failed != std::errc{} || stop != end) return std::nullopt;
    return value;
}

// [get]
awaitable<response> show_account(tidemark::runtime& app, request r) {
    const auto at = awaited(r);
    if (!at) co_return http::refuse(http::make_problem("bad_target", "a position is a number"));
    std::string model{balances::name};
    const tidemark::position position{*at};
    auto seen = co_await app.wait_for(model, position, 2s);
    if (!seen) co_return http::refuse(http::to_problem(seen.error()));
    if (!*seen) co_return http::refuse(http::make_problem("timed_out", "not seen yet; ask again"));
    auto found = co_await app.events().find_document(std::move(model), r.parameter("id"));
    if (!found) co_return http::refuse(http::to_problem(found.error()));
    if (!*found) co_return http::refuse(http::make_problem("not_found", "no such account"));
    co_return http::json(200, (*found)->body);
}
// [/get]

}  // namespace

// [routes]
void add_api(http::router& routes, tidemark::runtime& app) {
    routes.post("/api/v1/accounts/{id}/{command}",
                [&app](request r) { return change_account(app, std::move(r)); });
    routes.post("/api/v1/transfers/{id}",
                [&app](request r) { return begin_transfer(app, std::move(r)); });
    routes.get("/api/v1/accounts/{id}",
               [&app](request r) { return show_account(app, std::move(r)); });
}
// [/routes]

}  // namespace bank
