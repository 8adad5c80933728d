#include "tidemark/core/time_text.hpp"

#include <array>

namespace tidemark {
namespace {

constexpr std::int64_t micros_per_second = 1'000'000;
constexpr std::int64_t micros_per_day = 86'400 * micros_per_second;

struct civil_date {
    std::int64_t year;
    std::int64_t month;
    std::int64_t day;
};

// Days since 1970-01-01 to date and back, in the proleptic Gregorian calendar, after Howard
// Hinnant's "chrono-compatible low-level date algorithms"; std::chrono::year ends at 32767.
civil_date civil_from_days(std::int64_t days) {
    days += 719'468;
    const auto era = (days >= 0 ? days : days - 146'096) / 146'097;
    const auto day_of_era = days - era * 146'097;
    const auto year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
    const auto day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const auto shifted_month = (5 * day_of_year + 2) / 153;
    const auto day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    const auto month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
    return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), month, day};
}

std::int64_t days_from_civil(const civil_date& date) {
    const auto year = date.month <= 2 ? date.year - 1 : date.year;
    const auto era = (year >= 0 ? year : year - 399) / 400;
    const auto year_of_era = year - era * 400;
    const auto shifted_month = date.month > 2 ? date.month - 3 : date.month + 9;
    const auto day_of_year = (153 * shifted_month + 2) / 5 + date.day - 1;
    const auto day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146'097 + day_of_era - 719'468;
}

bool exists(const civil_date& date) {
    constexpr std::array<std::int64_t, 12> month_days{31, 29, 31, 30, 31, 30,
                                                      31, 31, 30, 31, 30, 31};
    if (date.month < 1 || date.month > 12 || date.day < 1) return false;
    if (date.day > month_days[static_cast<std::size_t>(date.month - 1)]) return false;
    const bool leap = date.year % 4 == 0 && (date.year % 100 != 0 || date.year % 400 == 0);
    return date.month != 2 || date.day < 29 || leap;
}

void append_digits(std::string& out, std::int64_t value, std::size_t width) {
    const auto start = out.size();
    out.resize(start + width, '0');
    for (auto at = out.size(); at > start; value /= 10) {
        out[--at] = static_cast<char>('0' + value % 10);
    }
}

// Takes fixed-width pieces off the front; `ok` falls at the first that does not fit.
struct reader {
    std::string_view rest;
    bool ok = true;

    std::int64_t digits(std::size_t width) {
        if (rest.size() < width) return fail();
        std::int64_t value = 0;
        for (std::size_t i = 0; i < width; ++i) {
            if (rest[i] < '0' || rest[i] > '9') return fail();
            value = value * 10 + (rest[i] - '0');
        }
        rest.remove_prefix(width);
        return value;
    }
    void literal(char c) {
        if (rest.empty() || rest.front() != c) {
            fail();
        } else {
            rest.remove_prefix(1);
        }
    }
    std::int64_t year() {
        if (rest.empty() || (rest.front() != '+' && rest.front() != '-')) return digits(4);
        const bool negative = rest.front() == '-';
        rest.remove_prefix(1);
        const auto value = digits(6);
        return negative ? -value : value;
    }
    std::int64_t micros() {
        if (rest.empty() || rest.front() != '.') return 0;
        rest.remove_prefix(1);
        std::int64_t value = 0;
        std::int64_t unit = micros_per_second;
        while (unit > 1 && !rest.empty() && rest.front() >= '0' && rest.front() <= '9') {
            unit /= 10;
            value += unit * (rest.front() - '0');
            rest.remove_prefix(1);
        }
        return unit == micros_per_second ? fail() : value;
    }

  private:
    std::int64_t fail() {
        ok = false;
        return 0;
    }
};

}  // namespace

std::string to_text(instant at) {
    const auto total = at.time_since_epoch().count();
    auto days = total / micros_per_day;
    auto rest = total % micros_per_day;
    if (rest < 0) {
        rest += micros_per_day;
        --days;
    }
    const auto date = civil_from_days(days);
    std::string out;
    out.reserve(32);
    if (date.year >= 0 && date.year <= 9999) {
        append_digits(out, date.year, 4);
    } else {
        out += date.year < 0 ? '-' : '+';
        append_digits(out, date.year < 0 ? -date.year : date.year, 6);
    }
    const auto seconds = rest / micros_per_second;
    const auto piece = [&](char before, std::int64_t value, std::size_t width) {
        out += before;
        append_digits(out, value, width);
    };
    piece('-', date.month, 2);
    piece('-', date.day, 2);
    piece('T', seconds / 3600, 2);
    piece(':', seconds / 60 % 60, 2);
    piece(':', seconds % 60, 2);
    piece('.', rest % micros_per_second, 6);
    out += 'Z';
    return out;
}

std::optional<instant> parse_instant(std::string_view text) {
    reader in{text};
    civil_date date{in.year(), 0, 0};
    in.literal('-');
    date.month = in.digits(2);
    in.literal('-');
    date.day = in.digits(2);
    in.literal('T');
    const auto hour = in.digits(2);
    in.literal(':');
    const auto minute = in.digits(2);
    in.literal(':');
    const auto second = in.digits(2);
    const auto micros = in.micros();
    in.literal('Z');
    if (!in.ok || !in.rest.empty() || !exists(date)) return std::nullopt;
    if (hour > 23 || minute > 59 || second > 59) return std::nullopt;

    // Before the epoch the day is counted from its end, or the very first microseconds of the
    // range would overflow on the way.
    auto days = days_from_civil(date);
    auto in_day = ((hour * 60 + minute) * 60 + second) * micros_per_second + micros;
    if (days < 0) {
        ++days;
        in_day -= micros_per_day;
    }
    std::int64_t total = 0;
    if (__builtin_mul_overflow(days, micros_per_day, &total) ||
        __builtin_add_overflow(total, in_day, &total)) {
        return std::nullopt;
    }
    return instant{duration{total}};
}

}  // namespace tidemark
