#include "tidemark/cli/bus_access.hpp"
#include "tidemark/cli/failure.hpp"

#include <CLI/App.hpp>

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

namespace tidemark::cli {
namespace {

namespace json = boost::json;

struct bus_options {
    std::string topic;
    std::string group;
    std::vector<std::string> topics;
    bool is_all = false;
};

std::string joined(const std::vector<std::int32_t>& numbers) {
    std::string out;
    for (const auto n : numbers) out += (out.empty() ? "" : ",") + std::to_string(n);
    return out;
}

json::array as_json(const std::vector<std::int32_t>& numbers) {
    return json::array(numbers.begin(), numbers.end());
}

json::object to_json(const kafka_topic& topic) {
    json::array parts;
    for (const auto& part : topic.partitions) {
        json::object one;
        one["partition"] = part.number;
        one["leader"] = part.leader ? json::value{*part.leader} : json::value{};
        one["replicas"] = as_json(part.replicas);
        one["in_sync"] = as_json(part.in_sync);
        parts.push_back(std::move(one));
    }
    json::object out;
    out["topic"] = topic.name;
    out["partitions"] = std::move(parts);
    return out;
}

/// One line for each topic: copies of the worst partition.
std::vector<std::string> summary_of(const kafka_topic& topic) {
    std::size_t leaders = 0;
    auto copies = SIZE_MAX;
    auto complete = SIZE_MAX;
    for (const auto& part : topic.partitions) {
        leaders += part.leader ? 1 : 0;
        copies = std::min(copies, part.replicas.size());
        complete = std::min(complete, part.in_sync.size());
    }
    if (topic.partitions.empty()) copies = complete = 0;
    return {topic.name, std::to_string(topic.partitions.size()), std::to_string(leaders),
            std::to_string(copies), std::to_string(complete)};
}

exit_code list_topics(session& in, const bus_options& o) {
    const auto out = in.out();
    const auto brokers = open_brokers(in);
    auto found = answered(in, brokers->topics());
    if (!o.is_all) {
        std::erase_if(found, [](const kafka_topic& t) { return t.name.starts_with("__"); });
    }
    std::vector<std::vector<std::string>> rows;
    json::array items;
    for (const auto& topic : found) {
        rows.push_back(summary_of(topic));
        items.push_back(to_json(topic));
    }
    out.table({"TOPIC", "PARTITIONS", "LED", "COPIES", "COMPLETE"}, rows);
    json::object document;
    document["items"] = std::move(items);
    out.json(document);
    return exit_code::ok;
}

exit_code show_topic(session& in, const bus_options& o) {
    if (o.topic.empty()) return list_topics(in, o);
    const auto out = in.out();
    const auto brokers = open_brokers(in);
    const auto topic = answered(in, brokers->topic(o.topic));
    std::vector<std::vector<std::string>> rows;
    for (const auto& part : topic.partitions) {
        rows.push_back({std::to_string(part.number),
                        part.leader ? std::to_string(*part.leader) : "none", joined(part.replicas),
                        joined(part.in_sync)});
    }
    out.table({"PARTITION", "LEADER", "COPIES ON", "COMPLETE ON"}, rows);
    out.json(to_json(topic));
    return exit_code::ok;
}

json::object to_json(const kafka_group& group) {
    json::array members;
    for (const auto& member : group.members) {
        json::array holds;
        for (const auto& held : member.holds) {
            holds.push_back(json::object{{"topic", held.topic}, {"partition", held.partition}});
        }
        json::object one;
        one["member"] = member.id;
        one["client"] = member.client_id;
        one["host"] = member.host;
        one["holds"] = std::move(holds);
        members.push_back(std::move(one));
    }
    json::object out;
    out["group"] = group.name;
    out["state"] = group.state;
    out["assignment"] = group.assignment;
    out["members"] = std::move(members);
    return out;
}

std::string held_text(const kafka_group::member& member) {
    std::string out;
    for (const auto& held : member.holds) {
        out += (out.empty() ? "" : " ") + held.topic + "/" + std::to_string(held.partition);
    }
    return out;
}

exit_code list_groups(session& in) {
    const auto out = in.out();
    const auto brokers = open_brokers(in);
    const auto found = answered(in, brokers->groups());
    std::vector<std::vector<std::string>> rows;
    json::array items;
    for (const auto& group : found.all) {
        std::size_t held = 0;
        for (const auto& member : group.members) held += member.holds.size();
        rows.push_back({group.name, group.state, group.assignment,
                        std::to_string(group.members.size()), std::to_string(held)});
        items.push_back(to_json(group));
    }
    out.table({"GROUP", "STATE", "ASSIGNMENT", "MEMBERS", "PARTITIONS"}, rows);
    if (!found.incomplete.empty()) out.line("some may be missing: " + found.incomplete);
    json::object document;
    document["items"] = std::move(items);
    document["incomplete"] = found.incomplete;
    out.json(document);
    return exit_code::ok;
}

exit_code show_group(session& in, const bus_options& o) {
    if (o.group.empty()) return list_groups(in);
    const auto out = in.out();
    const auto brokers = open_brokers(in);
    const auto group = answered(in, brokers->group(o.group));
    if (group.state == "Dead") {
        throw to_bus_failure(in.values(),
                             {errc::not_found, "there is no group \"" + o.group + "\""});
    }
    std::vector<std::vector<std::string>> rows;
    for (const auto& member : group.members) {
        rows.push_back(
            {printable(member.id), printable(member.client_id), member.host, held_text(member)});
    }
    out.line(group.name + ": " + group.state +
             (group.assignment.empty() ? "" : ", dealt out by " + group.assignment));
    out.table({"MEMBER", "CLIENT", "HOST", "HOLDS"}, rows);
    out.json(to_json(group));
    return exit_code::ok;
}

exit_code show_lag(session& in, const bus_options& o) {
    const auto out = in.out();
    const auto brokers = open_brokers(in);
    const auto found = answered(in, brokers->lag(o.group, o.topic));
    std::vector<std::vector<std::string>> rows;
    json::array items;
    std::int64_t total = 0;
    for (const auto& part : found) {
        total += part.messages();
        rows.push_back({part.topic, std::to_string(part.partition),
                        part.committed ? std::to_string(*part.committed) : "never",
                        std::to_string(part.begin), std::to_string(part.end),
                        std::to_string(part.messages())});
        json::object one;
        one["topic"] = part.topic;
        one["partition"] = part.partition;
        one["committed"] = part.committed ? json::value{*part.committed} : json::value{};
        one["begin"] = part.begin;
        one["end"] = part.end;
        one["lag"] = part.messages();
        items.push_back(std::move(one));
    }
    out.table({"TOPIC", "PARTITION", "COMMITTED", "OLDEST", "END", "LAG"}, rows);
    out.line("group " + o.group + " has " + std::to_string(total) + " messages before it");
    json::object document;
    document["group"] = o.group;
    document["lag"] = total;
    document["items"] = std::move(items);
    out.json(document);
    return exit_code::ok;
}

exit_code check_bus(session& in, const bus_options& o) {
    const auto brokers = open_brokers(in);
    const auto is_named = !o.topics.empty();
    const auto topics = is_named ? o.topics : published_topics(in.what(), in.values());
    return report(in.out(), check_topics(*brokers, in.values(), topics, !is_named));
}

}  // namespace

void add_bus(CLI::App& tool, session& in) {
    auto o = std::make_shared<bus_options>();
    auto& noun = *tool.add_subcommand("bus", "brokers: topics, groups, lag; needs no process");
    noun.require_subcommand(1);
    noun.add_option_function<std::string>(
            "--bus", [&in](const std::string& url) { in.set("--bus", "bus.url", url); },
            "brokers, as bus.url: kafka://host:port,host:port")
        ->type_name("URL");
    auto& topics = *noun.add_subcommand("topics", "topics, or the partitions of one");
    topics.add_option("TOPIC", o->topic, "only this one, with its partitions");
    topics.add_flag("--all", o->is_all, "the brokers' own as well");
    on_run(topics, in, [&in, o] { return show_topic(in, *o); });

    auto& groups = *noun.add_subcommand("groups", "consumer groups, or the members of one");
    groups.add_option("GROUP", o->group, "only this one, with what its members hold");
    on_run(groups, in, [&in, o] { return show_group(in, *o); });

    auto& lag = *noun.add_subcommand("lag", "how far a group is behind, by partition");
    lag.add_option("GROUP", o->group, "consumer group")->required();
    lag.add_option("--topic", o->topic, "only of this topic, read or not");
    on_run(lag, in, [&in, o] { return show_lag(in, *o); });

    auto& check = *noun.add_subcommand("check", "whether brokers and topics are as they should");
    check.add_option("TOPIC", o->topics, "topics; those the program publishes to, if not given");
    on_run(check, in, [&in, o] { return check_bus(in, *o); });
    add_bus_reading(noun, in);
}

}  // namespace tidemark::cli
