#include "tidemark/cli/connection.hpp"

#include "tidemark/cli/failure.hpp"
#include "tidemark/cli/output.hpp"
#include "tidemark/http/target.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <algorithm>
#include <utility>

namespace tidemark::cli {
namespace {

exit_code exit_of(int status) {
    switch (status) {
        case 404:
            return exit_code::failed;
        case 409:
        case 412:
            return exit_code::conflict;
        case 400:
        case 422:
            return exit_code::usage;
        default:
            return status >= 500 ? exit_code::unreachable : exit_code::failed;
    }
}

}  // namespace

std::string target(std::string path, const query& with) {
    auto sign = '?';
    for (const auto& [name, value] : with) {
        if (value.empty()) continue;
        path += std::exchange(sign, '&');
        path += name;
        path += '=';
        path += http::percent_encode(value);
    }
    return path;
}

std::string segment(std::string_view text) { return "/" + http::percent_encode(text); }

boost::json::value connection::take(reply answered, const std::string& target) const {
    if (answered.status >= 200 && answered.status < 300) return std::move(answered.body);
    const auto code = cell(answered.body, "code");
    const auto detail = cell(answered.body, "detail");
    const auto what =
        detail.empty() ? "the admin API answered " + std::to_string(answered.status) : detail;
    if (code == "undecodable") throw undecodable(what, place() + target);
    failure::text said{"CLI-007", what + (code.empty() ? "" : " (" + code + ")"), place() + target,
                       "see --help of the verb, and the log of the process"};
    if (answered.status == 404) {
        said.code = "CLI-004";
        said.fix = "list what is there: stream ls, saga ls, dlq ls, projection ls, consumer ls";
    } else if (answered.status == 409) {
        said.code = "CLI-005";
        said.fix = "look again and retry";
    }
    throw failure{exit_of(answered.status), std::move(said)};
}

boost::json::value connection::get(const std::string& target) {
    return take(exchange(http::method::get, target, ""), target);
}

boost::json::value connection::post(const std::string& target, const boost::json::value& body) {
    return take(exchange(http::method::post, target, to_text(body)), target);
}

connection::listing connection::list(const std::string& path, query with, std::size_t limit) {
    constexpr std::size_t page_max = 500;
    listing out;
    with.emplace_back("limit", "");
    with.emplace_back("cursor", "");
    for (;;) {
        const auto left = limit == 0 ? page_max : limit - out.items.size();
        with[with.size() - 2].second = std::to_string(std::min(left, page_max));
        if (!out.next.empty()) with.back().second = out.next;
        const auto page = get(target(path, with));
        const auto* const object = page.if_object();
        const auto* const items = object == nullptr ? nullptr : object->if_contains("items");
        if (items == nullptr || !items->is_array()) {
            throw failure{exit_code::failed,
                          {"CLI-007", "the answer has no list of items", place() + path,
                           "is this a Tidemark admin listener?"}};
        }
        for (const auto& item : items->get_array()) out.items.push_back(item);
        out.next = cell(page, "next");
        const auto is_done = limit != 0 && out.items.size() >= limit;
        if (out.next.empty() || is_done || items->get_array().empty()) return out;
    }
}

std::string admin_url(const settings& values) {
    auto address = values.text("http.address");
    if (address == "0.0.0.0") address = "127.0.0.1";
    if (address == "::") address = "::1";
    if (address.find(':') != std::string::npos) address = "[" + address + "]";
    return "http://" + address + ":" + std::to_string(values.integer("http.admin_port"));
}

std::unique_ptr<connection> connect(const app& what, const settings& values,
                                    const connection_options& how, access wanted) {
    const auto url = how.url.empty() ? admin_url(values) : how.url;
    if (!how.is_store_named || !how.url.empty() || wanted == access::live) {
        if (auto live = connect_live(url)) return live;
    }
    if (!how.url.empty()) {
        throw failure{exit_code::unreachable,
                      {"CLI-003", "nobody answers at " + url, "flag --url",
                       "name the admin listener of a running process"}};
    }
    if (wanted == access::live) {
        throw failure{exit_code::unreachable,
                      {"CLI-008", "this needs a running process, and nobody answers at " + url,
                       "http.address, http.admin_port", what.called() + " dev"}};
    }
    return open_offline(what, values, wanted);
}

}  // namespace tidemark::cli
