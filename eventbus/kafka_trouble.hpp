#pragma once

#include "tidemark/eventbus/kafka_handle.hpp"

#include <mutex>
#include <optional>
#include <string>
#include <string_view>

/// Only for `kafka_*.cpp`.
namespace tidemark::kafka {

/// What is wrong on the way to the brokers, in words that name the setting to correct and never a
/// password. Fed by a listener. Thread-safe.
class trouble {
  public:
    explicit trouble(const kafka_options& options);

    /// Of `listener::failed`.
    void heard(rd_kafka_resp_err_t code, std::string_view reason);
    /// Of `listener::distrusted`. librdkafka tells of the same failure afterwards, without saying
    /// what the certificate lacks.
    void distrusted(std::string_view broker, int x509_error);
    /// A broker answers.
    void is_over();

    /// Empty while there is none. One broker of several that is away is none yet.
    [[nodiscard]] std::string text() const;
    /// The brokers, or we, refuse to speak with the other: nobody but an operator can mend it.
    [[nodiscard]] bool is_refusal() const;
    /// Every broker that is known was tried in vain since the last answer.
    [[nodiscard]] bool is_everywhere() const;

  private:
    [[nodiscard]] std::string explained(rd_kafka_resp_err_t code, std::string_view reason) const;
    [[nodiscard]] std::string about_certificate() const;

    struct doubt {
        std::string broker;
        int x509_error = 0;
    };

    const std::string username_;
    const std::string mechanism_;
    const std::string security_;
    const std::string ca_file_;
    mutable std::mutex mutex_;
    std::string shown_;
    /// The last failure of a broker, whether shown or not.
    std::string last_;
    std::optional<doubt> doubt_;
    bool is_refusal_ = false;
    bool is_everywhere_ = false;
};

}  // namespace tidemark::kafka
