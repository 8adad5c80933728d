#include "tidemark/http/wire.hpp"

#include <array>
#include <charconv>
#include <chrono>

namespace tidemark::http {

namespace {

struct fixed_header {
    std::string_view name;
    std::string_view line;
};

constexpr auto security_headers = std::to_array<fixed_header>({
    {"X-Content-Type-Options", "X-Content-Type-Options: nosniff\r\n"},
    {"Cache-Control", "Cache-Control: no-store\r\n"},
    {"Content-Security-Policy",
     "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"},
    {"Referrer-Policy", "Referrer-Policy: no-referrer\r\n"},
});

void append_field(std::string& out, std::string_view name, std::string_view value) {
    out += name;
    out += ": ";
    out += value;
    out += "\r\n";
}

void append_number(std::string& out, std::uint64_t value, int radix = 10) {
    std::array<char, 24> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, radix);
    out.append(digits.data(), end.ptr);
}

bool has_no_body(int status) { return status == 204 || status == 304 || status < 200; }

void append_framing(std::string& out, const response& reply, const answer_head& head) {
    if (head.framing == answer_framing::chunked) {
        out += "Transfer-Encoding: chunked\r\n";
    } else if (head.framing == answer_framing::length && !has_no_body(reply.status)) {
        out += "Content-Length: ";
        append_number(out, reply.body.size());
        out += "\r\n";
    }
    if (head.closes) out += "Connection: close\r\n";
}

void append_two(std::string& out, unsigned value) {
    out += static_cast<char>('0' + value / 10 % 10);
    out += static_cast<char>('0' + value % 10);
}

}  // namespace

void append_answer_head(std::string& out, const response& reply, const answer_head& head) {
    out += "HTTP/1.1 ";
    append_number(out, static_cast<std::uint64_t>(reply.status));
    out += ' ';
    out += status_phrase(reply.status);
    out += "\r\n";
    append_field(out, "Date", head.date);
    if (!reply.content_type.empty()) append_field(out, "Content-Type", reply.content_type);
    append_framing(out, reply, head);
    append_field(out, "X-Request-ID", head.request_id);
    for (const auto& h : security_headers) {
        if (reply.headers.empty() || !reply.headers.contains(h.name)) out += h.line;
    }
    for (const auto& [name, value] : reply.headers) append_field(out, name, value);
    out += "\r\n";
}

void settle(response& reply, const problem_place& place) {
    if (!reply.failure) return;
    reply.status = reply.failure->status;
    reply.content_type = "application/problem+json";
    reply.body = to_json(*reply.failure, place);
    reply.events = nullptr;
    if (reply.failure->retry_after) {
        reply.headers.set("Retry-After", std::to_string(reply.failure->retry_after->count()));
    }
}

std::string http_date(std::int64_t unix_seconds) {
    using namespace std::chrono;
    constexpr std::array<std::string_view, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const sys_seconds at{seconds{unix_seconds}};
    const auto day = floor<std::chrono::days>(at);
    const year_month_day date{day};
    const hh_mm_ss time{at - day};
    std::string out{days[weekday{day}.c_encoding()]};
    out += ", ";
    append_two(out, unsigned{date.day()});
    out += ' ';
    out += months[unsigned{date.month()} - 1];
    out += ' ';
    out += std::to_string(int{date.year()});
    out += ' ';
    append_two(out, static_cast<unsigned>(time.hours().count()));
    out += ':';
    append_two(out, static_cast<unsigned>(time.minutes().count()));
    out += ':';
    append_two(out, static_cast<unsigned>(time.seconds().count()));
    out += " GMT";
    return out;
}

void append_chunk(std::string& out, std::string_view bytes) {
    append_number(out, bytes.size(), 16);
    out += "\r\n";
    out += bytes;
    out += "\r\n";
}

}  // namespace tidemark::http
