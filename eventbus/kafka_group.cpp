#include "tidemark/eventbus/kafka_group.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace tidemark::kafka {
namespace {

constexpr std::string_view stable = "Stable";
constexpr std::string_view dead = "Dead";
constexpr std::string_view of_consumers = "consumer";

struct groups_closer {
    void operator()(const rd_kafka_group_list* told) const { rd_kafka_group_list_destroy(told); }
};

/// Reads what members exchange: numbers with the highest byte first. Empty-handed once it ran out.
class wire_reader {
  public:
    explicit wire_reader(std::string_view bytes) : rest_{bytes} {}

    std::int32_t number(std::size_t bytes) {
        const auto part = take(bytes);
        std::uint32_t out = 0;
        for (const auto c : part) out = out << 8U | static_cast<unsigned char>(c);
        return static_cast<std::int32_t>(out);
    }
    std::string text() {
        const auto size = number(2);
        return std::string{take(static_cast<std::size_t>(size))};
    }
    bool has_failed() const { return has_failed_; }

  private:
    std::string_view take(std::size_t bytes) {
        has_failed_ = has_failed_ || bytes > rest_.size();
        if (has_failed_) return {};
        const auto part = rest_.substr(0, bytes);
        rest_.remove_prefix(bytes);
        return part;
    }

    std::string_view rest_;
    bool has_failed_ = false;
};

std::string text_of(const char* text) { return text != nullptr ? text : ""; }

kafka_group::member as_member(const rd_kafka_group_member_info& told) {
    kafka_group::member out;
    out.id = text_of(told.member_id);
    out.client_id = text_of(told.client_id);
    out.host = text_of(told.client_host);
    const std::string_view given{static_cast<const char*>(told.member_assignment),
                                 static_cast<std::size_t>(told.member_assignment_size)};
    if (auto held = parse_assignment(given)) out.holds = std::move(*held);
    return out;
}

kafka_group as_group(const rd_kafka_group_info& told) {
    kafka_group out;
    out.name = text_of(told.group);
    out.state = text_of(told.state);
    out.assignment = text_of(told.protocol);
    for (auto i = 0; i < told.member_cnt; ++i) out.members.push_back(as_member(told.members[i]));
    return out;
}

std::string doing_about(const std::string& name) {
    return name.empty() ? "asking for the groups" : "asking for group \"" + name + "\"";
}

}  // namespace

std::optional<std::vector<kafka_group::member::held>> parse_assignment(std::string_view bytes) {
    std::vector<kafka_group::member::held> out;
    if (bytes.empty()) return out;
    wire_reader from{bytes};
    (void)from.number(2);  // the version; later ones add to the end
    const auto topics = from.number(4);
    for (std::int32_t t = 0; t < topics && !from.has_failed(); ++t) {
        const auto topic = from.text();
        const auto partitions = from.number(4);
        for (std::int32_t p = 0; p < partitions && !from.has_failed(); ++p) {
            out.push_back({topic, from.number(4)});
        }
    }
    if (from.has_failed()) return std::nullopt;
    return out;
}

result<kafka_groups> find_groups(rd_kafka_t& handle, const std::string& name, duration within) {
    const rd_kafka_group_list* told = nullptr;
    const auto code = rd_kafka_list_groups(&handle, name.empty() ? nullptr : name.c_str(), &told,
                                           milliseconds(within));
    const auto is_partial = code == RD_KAFKA_RESP_ERR__PARTIAL;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR && !is_partial) {
        return as_error(code, doing_about(name));
    }
    const std::unique_ptr<const rd_kafka_group_list, groups_closer> kept{told};
    kafka_groups out;
    if (is_partial) out.incomplete = "not every broker has answered";
    for (auto i = 0; i < told->group_cnt; ++i) {
        const auto& group = told->groups[i];
        if (group.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            out.incomplete = text_of(group.group) + ": " + rd_kafka_err2str(group.err);
        } else if (text_of(group.protocol_type) == of_consumers ||
                   text_of(group.protocol_type).empty()) {
            // Without a type are those whose offsets were committed by no member.
            out.all.push_back(as_group(group));
        }
    }
    std::ranges::sort(out.all, {}, &kafka_group::name);
    if (name.empty() || !out.all.empty()) return out;
    if (!out.incomplete.empty()) {
        return error{errc::unavailable, doing_about(name) + ": " + out.incomplete};
    }
    out.all.push_back({name, std::string{dead}, {}, {}});
    return out;
}

result<std::size_t> count_held(rd_kafka_t& handle, const std::string& group,
                               const std::string& topic, duration within) {
    const auto found = find_groups(handle, group, within);
    if (!found) return found.error();
    const auto& seen = found->all.front();
    if (seen.state != stable) {
        return error{errc::unavailable, doing_about(group) + ": it is " + seen.state};
    }
    std::size_t held = 0;
    for (const auto& member : seen.members) {
        held += static_cast<std::size_t>(
            std::ranges::count(member.holds, topic, &kafka_group::member::held::topic));
    }
    return held;
}

result<void> find_committed(rd_kafka_t& handle, rd_kafka_topic_partition_list_t& parts,
                            duration within) {
    const std::string doing = "asking for the offsets of the group";
    const auto code = rd_kafka_committed(&handle, &parts, milliseconds(within));
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return as_error(code, doing);
    for (auto i = 0; i < parts.cnt; ++i) {
        const auto& part = parts.elems[i];
        if (part.err == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
        return as_error(part.err, doing,
                        std::string{part.topic} + ", partition " + std::to_string(part.partition));
    }
    return {};
}

result<void> overwrite_committed(rd_kafka_t& handle, rd_kafka_topic_partition_list_t& parts) {
    const auto code = rd_kafka_commit(&handle, &parts, 0);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
    auto failure = as_error(code, "moving the group");
    // Somebody joined after it was seen to be empty.
    if (failure.code() == errc::stale) return error{errc::conflict, failure.message()};
    return failure;
}

}  // namespace tidemark::kafka
