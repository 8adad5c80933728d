#include "tidemark/eventbus/event_bus.hpp"

namespace tidemark {

awaitable<result<std::unique_ptr<event_bus::writer>>> event_bus::open_writer(std::string name) {
    co_return error{errc::invalid_argument,
                    "this bus cannot shut out other writers of \"" + name + "\""};
}

}  // namespace tidemark
