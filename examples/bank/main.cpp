#include "tidemark/cli/app.hpp"
#include "tidemark/examples/bank/balances.hpp"
#include "tidemark/examples/bank/bank_api.hpp"
#include "tidemark/examples/bank/transfer.hpp"
#include "tidemark/sagas/saga_type.hpp"

// [main]
namespace {

void wire(tidemark::runtime& app, const tidemark::settings&) {
    app.store<bank::account>({.snapshot_every = 100});
    app.store<bank::transfer>();
    app.project<bank::balances>();
    app.relay({.topic = "bank.events"});
}

}  // namespace

int main(int argc, char* argv[]) {
    tidemark::cli::app bank;
    bank.name = "bank";
    bank.summary = "accounts and transfers: the example of the tutorial";
    bank.wire = wire;
    bank.add_routes = [](tidemark::http::router& routes, tidemark::runtime& app,
                         const tidemark::settings&) { bank::add_api(routes, app); };
    bank.example = R"(curl -i {url}/api/v1/accounts/a1/open -H 'Idempotency-Key: first' )"
                   R"(-d '{"owner":"ada"}')";
    return tidemark::cli::main(bank, argc, argv);
}
// [/main]
