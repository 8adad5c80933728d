#include "tidemark/eventbus/kafka_admin.hpp"

#include "tidemark/eventbus/kafka_group.hpp"
#include "tidemark/eventbus/kafka_reading.hpp"
#include "tidemark/eventbus/kafka_topics.hpp"

#include <algorithm>
#include <chrono>
#include <tuple>
#include <utility>

namespace tidemark {

using kafka::parts_ptr;

namespace {

/// How long one look for a broker takes; the next is twice as long.
constexpr duration first_look = std::chrono::milliseconds{250};

std::int64_t in_milliseconds(instant at) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
}

constexpr std::size_t peeked_max = 10'000;

parts_ptr empty_list() { return parts_ptr{rd_kafka_topic_partition_list_new(8)}; }

/// The same partitions, all with this offset.
parts_ptr with_offset(const rd_kafka_topic_partition_list_t& parts, std::int64_t offset) {
    parts_ptr out{rd_kafka_topic_partition_list_copy(&parts)};
    for (auto i = 0; i < out->cnt; ++i) out->elems[i].offset = offset;
    return out;
}

/// Of the same partitions, in the same order: the oldest offsets kept, and those that the next
/// messages will get.
struct kept_range {
    parts_ptr begin;
    parts_ptr end;
};

kafka::settings settings_of(const kafka_options& options) {
    kafka::settings wanted{options};
    wanted.set("enable.partition.eof", "true");
    wanted.set("enable.auto.commit", "false");
    wanted.set("enable.auto.offset.store", "false");
    // What was kept when it was asked for may be gone when it is read.
    wanted.set("auto.offset.reset", "earliest");
    wanted.set("check.crcs", "true");
    wanted.set("fetch.wait.max.ms", std::size_t{100});
    wanted.set("queued.max.messages.kbytes",
               std::max<std::size_t>(options.bytes_fetched_max / 1024, 64));
    return wanted;
}

}  // namespace

class kafka_admin::state final : public kafka::listener {
  public:
    explicit state(kafka_options options) : options_{std::move(options)}, trouble_{options_} {
        handle_ = settings_of(options_).make(RD_KAFKA_CONSUMER, *this);
    }

    void failed(rd_kafka_resp_err_t code, std::string_view reason) override {
        trouble_.heard(code, reason);
    }
    void distrusted(std::string_view broker, int x509_error) override {
        trouble_.distrusted(broker, x509_error);
    }

    rd_kafka_t& handle() { return *handle_; }
    duration within() const { return options_.ask_timeout; }
    const kafka::trouble& trouble() const { return trouble_; }

    /// Until a broker answers. Ends before its time if every one of them was tried in vain.
    result<void> reach() {
        if (is_reached_) return {};
        auto left = within();
        for (auto look = first_look;; look *= 2) {
            look = std::min(look, left);
            const auto code = look_for_brokers(look);
            if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
                is_reached_ = true;
                trouble_.is_over();
                return {};
            }
            left -= look;
            if (trouble_.is_everywhere() || left <= duration{0}) return unreachable(code);
        }
    }

    /// The partitions of a topic, or the one of them.
    result<parts_ptr> partitions_of(const std::string& topic, std::optional<std::int32_t> only) {
        const auto found = kafka::find_topics(handle(), topic, within(), trouble_);
        if (!found) return found.error();
        auto out = empty_list();
        for (const auto& part : found->front().partitions) {
            if (only && *only != part.number) continue;
            rd_kafka_topic_partition_list_add(out.get(), topic.c_str(), part.number);
        }
        if (out->cnt != 0 || !only) return out;
        return error{errc::not_found, "topic \"" + topic + "\" has no partition " +
                                          std::to_string(*only) + "; they are 0 to " +
                                          std::to_string(found->front().partitions.size() - 1)};
    }

    /// What the group has committed in the topic, or in the one partition of it; or, without a
    /// topic, wherever it has.
    result<parts_ptr> committed(const std::string& group, const std::string& topic,
                                std::optional<std::int32_t> partition) {
        auto parts = topic.empty() ? every_partition() : partitions_of(topic, partition);
        if (!parts) return parts.error();
        auto& group_handle = handle_of(group);
        const auto found = kafka::find_committed(group_handle, **parts, within());
        if (!found) return found.error();
        if (!topic.empty()) return parts;
        auto out = empty_list();
        for (auto i = 0; i < (*parts)->cnt; ++i) {
            const auto& part = (*parts)->elems[i];
            if (part.offset < 0) continue;
            rd_kafka_topic_partition_list_add(out.get(), part.topic, part.partition)->offset =
                part.offset;
        }
        return out;
    }

    /// A handle that speaks for the group without joining it.
    rd_kafka_t& handle_of(const std::string& group) {
        if (group_handle_ && group_ == group) return *group_handle_;
        auto wanted = settings_of(options_);
        wanted.set("group.id", group);
        group_handle_ = wanted.make(RD_KAFKA_CONSUMER, *this);
        group_ = group;
        return *group_handle_;
    }

    result<kept_range> range_of(const rd_kafka_topic_partition_list_t& parts) {
        kept_range out{with_offset(parts, RD_KAFKA_OFFSET_BEGINNING),
                       with_offset(parts, RD_KAFKA_OFFSET_END)};
        for (auto* const each : {out.begin.get(), out.end.get()}) {
            const auto found = kafka::find_offsets(handle(), *each, within(), trouble_);
            if (!found) return found.error();
        }
        return out;
    }

    /// Where `place` is in each of the partitions, within what is kept.
    result<parts_ptr> find(const kafka_place& place, const kept_range& kept) {
        using kind = kafka_place::kind;
        const auto is_time = place.what == kind::time;
        auto out = with_offset(*kept.begin, is_time ? in_milliseconds(place.time) : place.offset);
        if (is_time) {
            const auto found = kafka::find_offsets(handle(), *out, within(), trouble_);
            if (!found) return found.error();
        }
        for (auto i = 0; i < out->cnt; ++i) {
            auto& at = out->elems[i].offset;
            const auto first = kept.begin->elems[i].offset;
            const auto last = kept.end->elems[i].offset;
            if (place.what == kind::start) at = first;
            // So is told a time behind the last message.
            if (place.what == kind::end || (is_time && at == RD_KAFKA_OFFSET_END)) at = last;
            at = std::clamp(at, first, last);
        }
        return out;
    }

  private:
    result<parts_ptr> every_partition() {
        const auto found = kafka::find_topics(handle(), {}, within(), trouble_);
        if (!found) return found.error();
        auto out = empty_list();
        for (const auto& topic : *found) {
            if (topic.name.starts_with("__")) continue;
            for (const auto& part : topic.partitions) {
                rd_kafka_topic_partition_list_add(out.get(), topic.name.c_str(), part.number);
            }
        }
        return out;
    }

    rd_kafka_resp_err_t look_for_brokers(duration within) {
        const rd_kafka_metadata_t* told = nullptr;
        const auto code =
            rd_kafka_metadata(handle_.get(), 0, nullptr, &told, kafka::milliseconds(within));
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) rd_kafka_metadata_destroy(told);
        while (rd_kafka_poll(handle_.get(), 0) > 0) {
        }
        return code;
    }

    error unreachable(rd_kafka_resp_err_t code) const {
        const auto why = trouble_.text();
        return {trouble_.is_refusal() ? errc::invalid_argument : errc::unavailable,
                "brokers " + options_.brokers + ": " +
                    (why.empty() ? std::string{rd_kafka_err2str(code)} : why)};
    }

    const kafka_options options_;
    kafka::trouble trouble_;
    kafka::handle_ptr handle_;
    std::string group_;
    kafka::handle_ptr group_handle_;
    bool is_reached_ = false;
};

kafka_admin::kafka_admin(kafka_options options)
    : state_{std::make_unique<state>(std::move(options))} {}

kafka_admin::~kafka_admin() = default;

result<std::vector<kafka_topic>> kafka_admin::topics() {
    if (const auto reached = state_->reach(); !reached) return reached.error();
    return kafka::find_topics(state_->handle(), {}, state_->within(), state_->trouble());
}

result<kafka_topic> kafka_admin::topic(const std::string& name) {
    if (const auto reached = state_->reach(); !reached) return reached.error();
    auto found = kafka::find_topics(state_->handle(), name, state_->within(), state_->trouble());
    if (!found) return found.error();
    return std::move(found->front());
}

result<kafka_groups> kafka_admin::groups() {
    if (const auto reached = state_->reach(); !reached) return reached.error();
    return kafka::find_groups(state_->handle(), {}, state_->within());
}

result<kafka_group> kafka_admin::group(const std::string& name) {
    if (const auto reached = state_->reach(); !reached) return reached.error();
    auto found = kafka::find_groups(state_->handle(), name, state_->within());
    if (!found) return found.error();
    return std::move(found->all.front());
}

result<std::vector<kafka_lag>> kafka_admin::lag(const std::string& group,
                                                const std::string& topic) {
    if (const auto reached = state_->reach(); !reached) return reached.error();
    auto committed = state_->committed(group, topic, std::nullopt);
    if (!committed) return committed.error();
    const auto kept = state_->range_of(**committed);
    if (!kept) return kept.error();
    std::vector<kafka_lag> out;
    for (auto i = 0; i < (*committed)->cnt; ++i) {
        const auto& part = (*committed)->elems[i];
        kafka_lag one{part.topic, part.partition, std::nullopt, kept->begin->elems[i].offset,
                      kept->end->elems[i].offset};
        if (part.offset >= 0) one.committed = part.offset;
        out.push_back(std::move(one));
    }
    std::ranges::sort(out, [](const kafka_lag& a, const kafka_lag& b) {
        return std::tie(a.topic, a.partition) < std::tie(b.topic, b.partition);
    });
    return out;
}

result<std::vector<kafka_move>> kafka_admin::plan_seek(const std::string& group,
                                                       const std::string& topic,
                                                       const kafka_place& to,
                                                       std::optional<std::int32_t> partition) {
    if (const auto reached = state_->reach(); !reached) return reached.error();
    const auto committed = state_->committed(group, topic, partition);
    if (!committed) return committed.error();
    const auto kept = state_->range_of(**committed);
    if (!kept) return kept.error();
    const auto places = state_->find(to, *kept);
    if (!places) return places.error();
    std::vector<kafka_move> out;
    for (auto i = 0; i < (*places)->cnt; ++i) {
        const auto& before = (*committed)->elems[i];
        const auto& after = (*places)->elems[i];
        kafka_move one{after.partition, std::nullopt, after.offset};
        if (before.offset >= 0) one.from = before.offset;
        out.push_back(one);
    }
    std::ranges::sort(out, {}, &kafka_move::partition);
    return out;
}

result<void> kafka_admin::seek(const std::string& group, const std::string& topic,
                               const std::vector<kafka_move>& moves) {
    const auto found = this->group(group);
    if (!found) return found.error();
    if (!found->members.empty()) {
        const auto& first = found->members.front();
        return error{errc::conflict,
                     "group \"" + group + "\" has " + std::to_string(found->members.size()) +
                         " members (the first is " + first.client_id + " at " + first.host +
                         "), which would go on where they are: stop them first"};
    }
    const auto parts = empty_list();
    for (const auto& move : moves) {
        rd_kafka_topic_partition_list_add(parts.get(), topic.c_str(), move.partition)->offset =
            move.to;
    }
    return kafka::overwrite_committed(state_->handle_of(group), *parts);
}

result<std::vector<kafka_peeked>> kafka_admin::peek(const kafka_peek& what) {
    if (const auto reached = state_->reach(); !reached) return reached.error();
    const auto parts = state_->partitions_of(what.topic, what.partition);
    if (!parts) return parts.error();
    const auto kept = state_->range_of(**parts);
    if (!kept) return kept.error();
    const auto places = state_->find(what.from, *kept);
    if (!places) return places.error();
    const auto is_last = what.from.what == kafka_place::kind::end;
    const auto limit = std::min(what.limit, peeked_max);
    kafka::reading wanted{what.topic, {}, limit, what.payload_max, is_last};
    for (auto i = 0; i < (*places)->cnt; ++i) {
        auto first = (*places)->elems[i].offset;
        const auto oldest = kept->begin->elems[i].offset;
        const auto end = kept->end->elems[i].offset;
        if (is_last) first = std::max(oldest, end - static_cast<std::int64_t>(limit));
        if (first < end) wanted.spans.push_back({(*places)->elems[i].partition, first, end});
    }
    return kafka::read_spans(state_->handle(), wanted, state_->within(), state_->trouble());
}

}  // namespace tidemark
