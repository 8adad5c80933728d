#include "tidemark/http/router.hpp"

#include <boost/system/system_error.hpp>

#include <algorithm>
#include <set>
#include <stdexcept>

namespace tidemark::http {

namespace {

std::invalid_argument bad_pattern(const std::string& pattern, std::string_view why) {
    return std::invalid_argument{"route pattern \"" + pattern + "\" " + std::string{why} +
                                 "; write it like /orders/{id} or /files/{path...}"};
}

/// Takes the text up to the next '/' off the front of `path`, which starts behind a '/'.
std::string_view next_segment(std::string_view& path, bool& has_more) {
    const auto slash = path.find('/');
    const auto out = path.substr(0, slash);
    has_more = slash != std::string_view::npos;
    path.remove_prefix(has_more ? slash + 1 : path.size());
    return out;
}

bool is_parameter_name(std::string_view name) {
    return !name.empty() && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") ==
                                std::string_view::npos;
}

response not_found(const request& r) {
    const auto has_slash = r.path.size() > 1 && r.path.back() == '/';
    auto detail = "no route answers " + r.path;
    if (has_slash) detail += "; paths here have no trailing slash";
    return refuse(make_problem("not_found", std::move(detail)));
}

response method_not_allowed(const request& r, const std::string& allow) {
    auto out = refuse(make_problem("method_not_allowed", std::string{to_string(r.method)} +
                                                             " is not offered by " + r.path +
                                                             "; it offers " + allow));
    out.headers.add("Allow", allow);
    return out;
}

response user_code_threw() {
    return refuse(make_problem("user_code_threw",
                               "the request was not carried out to its end; the log has the "
                               "reason under this request_id"));
}

response allowed(const std::string& allow) {
    auto out = no_content();
    out.headers.add("Allow", allow);
    return out;
}

}  // namespace

std::vector<router::segment> router::parse_pattern(const std::string& pattern) {
    if (pattern.empty() || pattern.front() != '/') throw bad_pattern(pattern, "has no leading '/'");
    std::vector<segment> out;
    std::set<std::string> names;
    auto rest = std::string_view{pattern}.substr(1);
    for (bool has_more = true; has_more;) {
        auto text = next_segment(rest, has_more);
        if (text.empty() || text.front() != '{') {
            if (text.find_first_of("{}?#%") != std::string_view::npos) {
                throw bad_pattern(pattern, "has a character that cannot be matched");
            }
            out.push_back({segment::kind::text, std::string{text}});
            continue;
        }
        if (text.back() != '}') throw bad_pattern(pattern, "has an open '{'");
        auto name = text.substr(1, text.size() - 2);
        const auto is_rest = name.ends_with("...");
        if (is_rest) name.remove_suffix(3);
        if (!is_parameter_name(name)) throw bad_pattern(pattern, "has a bad parameter name");
        if (is_rest && has_more) throw bad_pattern(pattern, "goes on behind its rest");
        if (!names.emplace(name).second) throw bad_pattern(pattern, "names a parameter twice");
        out.push_back(
            {is_rest ? segment::kind::rest : segment::kind::parameter, std::string{name}});
    }
    return out;
}

bool router::is_same_shape(const entry& a, const entry& b) {
    return std::ranges::equal(a.segments, b.segments, [](const segment& x, const segment& y) {
        return x.kind == y.kind && (x.kind != segment::kind::text || x.text == y.text);
    });
}

router& router::add(method m, std::string pattern, action run) {
    if (m == method::head || m == method::options) {
        throw std::invalid_argument{"HEAD and OPTIONS of " + pattern +
                                    " are answered by the router; add GET"};
    }
    entry added{m, pattern, parse_pattern(pattern), std::move(run)};
    for (const auto& e : entries_) {
        if (e.method == m && is_same_shape(e, added)) {
            throw std::invalid_argument{"route " + std::string{to_string(m)} + " " + pattern +
                                        " is already there as " + e.pattern + "; add it once"};
        }
    }
    const auto place = std::ranges::upper_bound(entries_, added.segments, {}, &entry::segments);
    entries_.insert(place, std::move(added));
    listed_.push_back({m, std::move(pattern)});
    return *this;
}

std::vector<route> router::routes() const { return listed_; }

bool router::matches(const entry& e, std::string_view path, parameters* out) {
    auto rest = path.substr(1);
    bool has_more = true;
    for (const auto& s : e.segments) {
        if (!has_more) return false;
        if (s.kind == segment::kind::rest) {
            if (rest.empty()) return false;
            if (out != nullptr) out->add(s.text, std::string{rest});
            return true;
        }
        const auto text = next_segment(rest, has_more);
        if (s.kind == segment::kind::text ? text != s.text : text.empty()) return false;
        if (s.kind == segment::kind::parameter && out != nullptr) {
            out->add(s.text, std::string{text});
        }
    }
    return !has_more;
}

router::found router::find(method m, std::string_view path) const {
    const auto wanted = m == method::head ? method::get : m;
    std::set<std::string> offered;
    for (const auto& e : entries_) {
        if (e.method == wanted && matches(e, path, nullptr)) return {&e, {}};
    }
    for (const auto& e : entries_) {
        if (!matches(e, path, nullptr)) continue;
        offered.emplace(to_string(e.method));
        if (e.method == method::get) offered.emplace("HEAD");
    }
    if (offered.empty()) return {};
    offered.emplace("OPTIONS");
    found out;
    for (const auto& name : offered) out.allow += (out.allow.empty() ? "" : ", ") + name;
    return out;
}

awaitable<dispatched> router::dispatch(request r) const {
    dispatched out;
    out.route = "unmatched";
    const auto at = find(r.method, r.path);
    if (at.route == nullptr) {
        if (at.allow.empty())
            out.reply = not_found(r);
        else if (r.method == method::options)
            out.reply = allowed(at.allow);
        else
            out.reply = method_not_allowed(r, at.allow);
        co_return out;
    }
    out.route = at.route->pattern;
    static_cast<void>(matches(*at.route, r.path, &r.path_parameters));
    try {
        auto reply = co_await at.route->run(std::move(r));
        out.reply = std::move(reply);
    } catch (const boost::system::system_error& e) {
        out.failure = e.what();
    } catch (const std::exception& e) {
        out.failure = e.what();
    } catch (...) {
        out.failure = "something that is not a std::exception";
    }
    if (!out.failure.empty()) {
        out.reply = user_code_threw();
        out.failure = "action of " + out.route + " threw: " + out.failure;
    } else if (out.reply.failure) {
        out.failure = out.reply.failure->logged;
    }
    co_return out;
}

}  // namespace tidemark::http
