#include "tidemark/http/event_stream.hpp"

#include <utility>

namespace tidemark::http {

namespace {

/// Large enough to spare system calls, small enough that a slow reader gets it within the write
/// timeout.
constexpr std::size_t write_bytes_max = 64 * 1024;

}  // namespace

event_stream::event_stream(execution& world, const executor& on, const event_stream_limits& limits,
                           std::string last_event_id)
    : limits_{limits}, last_event_id_{std::move(last_event_id)}, wake_{world.make_timer(on)} {}

bool event_stream::has_room_for(std::size_t size) const {
    if (queue_.empty()) return true;
    return queue_.size() < limits_.events_max && queued_bytes_ + size <= limits_.bytes_max;
}

void event_stream::enqueue(std::string text) {
    queued_bytes_ += text.size();
    queue_.push_back(std::move(text));
    wake_->cancel();
}

bool event_stream::try_push(const sse_event& e) {
    if (!is_open()) return false;
    auto text = to_text(e);
    if (!has_room_for(text.size())) {
        has_overflowed_ = true;
        close();
        return false;
    }
    enqueue(std::move(text));
    return true;
}

awaitable<bool> event_stream::push(sse_event e) {
    auto text = to_text(e);
    while (is_open() && !has_room_for(text.size())) co_await room_.wait();
    if (!is_open()) co_return false;
    enqueue(std::move(text));
    co_return true;
}

void event_stream::finish() {
    if (!is_open()) return;
    state_ = state::finishing;
    wake_->cancel();
    room_.notify();
}

void event_stream::close() {
    if (state_ == state::closed) return;
    state_ = state::closed;
    queue_.clear();
    queued_bytes_ = 0;
    wake_->cancel();
    room_.notify();
}

std::string event_stream::take_queued() {
    auto out = std::move(queue_.front());
    queue_.pop_front();
    while (!queue_.empty() && out.size() + queue_.front().size() <= write_bytes_max) {
        out += queue_.front();
        queue_.pop_front();
    }
    queued_bytes_ -= out.size();
    room_.notify();
    return out;
}

awaitable<std::string> event_stream::take() {
    while (is_open() && queue_.empty()) {
        const auto is_quiet = co_await wake_->wait(limits_.heartbeat);
        if (is_quiet) co_return sse_comment("heartbeat");
    }
    if (queue_.empty()) co_return std::string{};
    co_return take_queued();
}

}  // namespace tidemark::http
