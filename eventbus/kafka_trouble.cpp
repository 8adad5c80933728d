#include "tidemark/eventbus/kafka_trouble.hpp"

#include <utility>

namespace tidemark::kafka {
namespace {

// Numbers of <openssl/x509_vfy.h>, which OpenSSL never changes.
constexpr int not_yet_valid = 9;
constexpr int has_expired = 10;
constexpr int self_signed = 18;
constexpr int self_signed_in_chain = 19;
constexpr int no_issuer_locally = 20;
constexpr int no_issuer_in_chain = 21;
constexpr int host_name_differs = 62;
constexpr int address_differs = 64;

bool has(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

bool is_refused(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR__AUTHENTICATION || code == RD_KAFKA_RESP_ERR__SSL;
}

}  // namespace

trouble::trouble(const kafka_options& options)
    : username_{options.username},
      mechanism_{options.sasl_mechanism},
      security_{options.security},
      ca_file_{options.ca_file} {}

void trouble::heard(rd_kafka_resp_err_t code, std::string_view reason) {
    const std::scoped_lock lock{mutex_};
    switch (code) {
        case RD_KAFKA_RESP_ERR__TRANSPORT:
        case RD_KAFKA_RESP_ERR__TIMED_OUT:
            // One broker of several: bad only when it is the last. A refusal says more.
            if (!is_refusal_) last_ = explained(code, reason);
            break;
        case RD_KAFKA_RESP_ERR__RESOLVE:
        case RD_KAFKA_RESP_ERR__AUTHENTICATION:
        case RD_KAFKA_RESP_ERR__SSL:
            is_refusal_ = is_refused(code);
            last_ = explained(code, reason);
            shown_ = last_;
            break;
        case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
            is_everywhere_ = true;
            shown_ = last_.empty() ? std::string{reason} : last_;
            break;
        default:
            break;
    }
}

void trouble::distrusted(std::string_view broker, int x509_error) {
    const std::scoped_lock lock{mutex_};
    doubt_ = doubt{std::string{broker}, x509_error};
}

void trouble::is_over() {
    const std::scoped_lock lock{mutex_};
    shown_.clear();
    last_.clear();
    doubt_.reset();
    is_refusal_ = false;
    is_everywhere_ = false;
}

std::string trouble::text() const {
    const std::scoped_lock lock{mutex_};
    return shown_;
}

bool trouble::is_refusal() const {
    const std::scoped_lock lock{mutex_};
    return is_refusal_;
}

bool trouble::is_everywhere() const {
    const std::scoped_lock lock{mutex_};
    return is_everywhere_;
}

std::string trouble::explained(rd_kafka_resp_err_t code, std::string_view reason) const {
    auto text = std::string{reason};
    if (code == RD_KAFKA_RESP_ERR__AUTHENTICATION) {
        return text + ": the brokers do not know kafka.username \"" + username_ +
               "\" with this kafka.password, or not by kafka.sasl_mechanism " + mechanism_;
    }
    if (code == RD_KAFKA_RESP_ERR__RESOLVE) return text + ": correct the host in bus.url";
    if (code == RD_KAFKA_RESP_ERR__SSL && doubt_) return about_certificate();
    if (code == RD_KAFKA_RESP_ERR__SSL || has(reason, "security.protocol")) {
        return text + ": kafka.security is " + security_ +
               ", which may not be what listens at this port";
    }
    return text;
}

std::string trouble::about_certificate() const {
    const auto whose = "the certificate of " + doubt_->broker;
    switch (doubt_->x509_error) {
        case host_name_differs:
        case address_differs:
            return whose +
                   " is not for that name: write bus.url as the certificate does, or give the "
                   "broker one with this name";
        case self_signed:
        case self_signed_in_chain:
        case no_issuer_locally:
        case no_issuer_in_chain:
            return whose +
                   " is not signed by an authority that is known: name the authority's in "
                   "kafka.ca_file (" +
                   (ca_file_.empty() ? "now the system's" : "now \"" + ca_file_ + "\"") + ")";
        case not_yet_valid:
        case has_expired:
            return whose + (doubt_->x509_error == has_expired ? " has expired" : " begins later") +
                   ": give the broker another, or correct the clock of this machine";
        default:
            return whose + " is not good enough (error " + std::to_string(doubt_->x509_error) +
                   " of OpenSSL's verification); see kafka.ca_file";
    }
}

}  // namespace tidemark::kafka
