#include "tidemark/async/run.hpp"

#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <future>

namespace tidemark {

void run(execution& on, awaitable<void> work, std::size_t shard) {
    const auto ended = std::make_shared<std::promise<void>>();
    auto waiting = ended->get_future();
    boost::asio::co_spawn(on.shard(shard), std::move(work),
                          [ended](const std::exception_ptr& failure) {
                              if (failure) {
                                  ended->set_exception(failure);
                              } else {
                                  ended->set_value();
                              }
                          });
    waiting.get();
}

}  // namespace tidemark
