#include "tidemark/bench/group_commit.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <stdexcept>
#include <utility>

namespace bench {

group_commit::group_commit(const std::string& url, std::size_t sessions, std::size_t clients,
                           std::string payload)
    : begun_(clients), payload_{std::move(payload)}, share_{(clients + sessions - 1) / sessions} {
    for (std::size_t i = 0; i < sessions; ++i) {
        writers_.push_back({.session = std::make_unique<bare_session>(url), .clients = {}});
    }
}

void group_commit::begin(std::size_t client) {
    if (left_ == 0) return;
    --left_;
    begun_[client] = latencies::clock::now();
    waiting_.push_back(client);
}

void group_commit::send(writer& by) {
    const auto taken = static_cast<std::ptrdiff_t>(std::min(waiting_.size(), share_));
    if (taken == 0) return;
    by.clients.assign(waiting_.begin(), waiting_.begin() + taken);
    waiting_.erase(waiting_.begin(), waiting_.begin() + taken);
    std::vector<std::string> streams;
    for (std::size_t i = 0; i < by.clients.size(); ++i) {
        streams.push_back(spread_name(named_++));
    }
    by.session->send_many(streams, std::vector<std::string>(streams.size(), payload_));
}

void group_commit::await_answers() {
    std::vector<pollfd> sockets;
    for (const auto& one : writers_) {
        if (one.clients.empty()) continue;
        sockets.push_back({.fd = one.session->socket(), .events = POLLIN, .revents = 0});
    }
    if (::poll(sockets.data(), sockets.size(), -1) < 0 && errno != EINTR) {
        throw std::runtime_error{"poll failed"};
    }
}

std::uint64_t group_commit::tell(writer& by, latencies& took) {
    if (by.clients.empty() || !by.session->is_answered()) return 0;
    const auto now = latencies::clock::now();
    const auto told = std::exchange(by.clients, {});
    for (const auto client : told) {
        took.add(client, now - begun_[client]);
        begin(client);
    }
    return told.size();
}

void group_commit::run(std::uint64_t calls, latencies& took) {
    left_ = calls;
    for (std::size_t i = 0; i < begun_.size(); ++i) begin(i);
    for (std::uint64_t done = 0; done < calls;) {
        for (auto& one : writers_) {
            if (one.clients.empty()) send(one);
        }
        await_answers();
        for (auto& one : writers_) done += tell(one, took);
    }
}

}  // namespace bench
