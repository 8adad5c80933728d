#include "tidemark/core/error.hpp"

#include <ostream>

namespace tidemark {
namespace {

class tidemark_category final : public std::error_category {
  public:
    [[nodiscard]] const char* name() const noexcept override { return "tidemark"; }
    [[nodiscard]] std::string message(int code) const override {
        return std::string{to_string(static_cast<errc>(code))};
    }
};

}  // namespace

std::string_view to_string(errc code) {
    switch (code) {
        case errc::conflict:
            return "conflict";
        case errc::overloaded:
            return "overloaded";
        case errc::timed_out:
            return "timed_out";
        case errc::unknown_outcome:
            return "unknown_outcome";
        case errc::unavailable:
            return "unavailable";
        case errc::stale:
            return "stale";
        case errc::key_reused:
            return "key_reused";
        case errc::unknown_message:
            return "unknown_message";
        case errc::malformed_payload:
            return "malformed_payload";
        case errc::undecodable:
            return "undecodable";
        case errc::quarantined:
            return "quarantined";
        case errc::shutting_down:
            return "shutting_down";
        case errc::invalid_argument:
            return "invalid_argument";
        case errc::not_found:
            return "not_found";
        case errc::io_error:
            return "io_error";
        case errc::disk_full:
            return "disk_full";
        case errc::corrupt:
            return "corrupt";
        case errc::schema_mismatch:
            return "schema_mismatch";
        case errc::locked:
            return "locked";
        case errc::user_code_threw:
            return "user_code_threw";
        case errc::too_large:
            return "too_large";
        case errc::bad_setting:
            return "bad_setting";
        case errc::foreign_log:
            return "foreign_log";
    }
    return "unrecognized";
}

const std::error_category& error_category() {
    static const tidemark_category category;
    return category;
}

std::error_code make_error_code(errc code) { return {static_cast<int>(code), error_category()}; }

bool is_retryable(errc code) {
    switch (code) {
        case errc::overloaded:
        case errc::timed_out:
        case errc::unknown_outcome:
        case errc::unavailable:
        case errc::shutting_down:
        case errc::disk_full:
            return true;
        case errc::conflict:
        case errc::stale:
        case errc::key_reused:
        case errc::unknown_message:
        case errc::malformed_payload:
        case errc::undecodable:
        case errc::quarantined:
        case errc::invalid_argument:
        case errc::not_found:
        case errc::io_error:
        case errc::corrupt:
        case errc::schema_mismatch:
        case errc::locked:
        case errc::user_code_threw:
        case errc::too_large:
        case errc::bad_setting:
        case errc::foreign_log:
            return false;
    }
    return false;
}

std::ostream& operator<<(std::ostream& out, const error& e) {
    return out << to_string(e.code_) << ": " << e.message_;
}

void throw_exception_from_error(const error& e, const boost::source_location& /*where*/) {
    throw std::system_error{make_error_code(e.code()), e.message()};
}

}  // namespace tidemark
