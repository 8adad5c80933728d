#include "tidemark/eventstore/postgres_connection.hpp"

#include "tidemark/async/clock.hpp"
#include "tidemark/eventstore/postgres_connect.hpp"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>
#include <vector>

namespace tidemark {
namespace {

constexpr int binary = 1;
/// "The statement does not exist": somebody discarded the session's statements.
constexpr std::string_view statement_gone = "26000";
/// "Cached plan must not change result type": the schema was migrated under the statement.
constexpr std::string_view plan_outdated = "0A000";

std::string field(const PGresult* answer, int which) {
    const auto* text = PQresultErrorField(answer, which);
    return text == nullptr ? std::string{} : std::string{text};
}

std::string sentence(const char* said) {
    std::string text = said == nullptr ? "" : said;
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
    std::ranges::replace(text, '\n', ' ');
    return text.empty() ? "the connection is closed" : text;
}

postgres_failure failure_of(const PGresult* answer) {
    auto text = field(answer, PG_DIAG_MESSAGE_PRIMARY);
    if (text.empty()) text = sentence(PQresultErrorMessage(answer));
    for (const auto which : {PG_DIAG_MESSAGE_DETAIL, PG_DIAG_MESSAGE_HINT}) {
        if (const auto more = field(answer, which); !more.empty()) text += "; " + more;
    }
    return postgres_failure{field(answer, PG_DIAG_SQLSTATE), postgres_moment::after_send, text}
        .with_constraint(field(answer, PG_DIAG_CONSTRAINT_NAME));
}

bool is_failure(const PGresult* answer) {
    switch (PQresultStatus(answer)) {
        case PGRES_EMPTY_QUERY:
        case PGRES_COMMAND_OK:
        case PGRES_TUPLES_OK:
        case PGRES_SINGLE_TUPLE:
        case PGRES_NONFATAL_ERROR:
            return false;
        default:
            return true;
    }
}

std::int64_t changed_by(PGresult* answer) {
    const std::string_view text = PQcmdTuples(answer);
    std::int64_t count = 0;
    std::from_chars(text.data(), text.data() + text.size(), count);
    return count;
}

/// Sockets are waited for in real time, whatever clock the store is given.
duration now() { return real_clock{}.steady(); }

int milliseconds_until(duration until) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now());
    return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
}

/// What libpq takes as arrays.
struct bound_values {
    std::vector<Oid> types;
    std::vector<const char*> contents;
    std::vector<int> sizes;
    std::vector<int> formats;

    explicit bound_values(postgres_connection::values with) : formats(with.size(), binary) {
        for (const auto& value : with) {
            types.push_back(value.type());
            contents.push_back(value.content());
            sizes.push_back(value.size());
        }
    }
    [[nodiscard]] int count() const { return static_cast<int>(types.size()); }
};

}  // namespace

void postgres_rows::clear::operator()(pg_result* answer) const { PQclear(answer); }

postgres_rows::postgres_rows(pg_result* answer, std::int64_t changed)
    : answer_{answer}, changed_{changed}, size_{PQntuples(answer)} {}

bool postgres_rows::is_null(int column) const {
    return PQgetisnull(answer_.get(), row_, column) != 0;
}

std::string_view postgres_rows::bytes(int column) const {
    return {PQgetvalue(answer_.get(), row_, column),
            static_cast<std::size_t>(PQgetlength(answer_.get(), row_, column))};
}

std::int64_t postgres_rows::integer(int column) const {
    const auto raw = bytes(column);
    if (raw.empty()) return 0;
    // Starting from the sign fills the bytes that a narrower integer does not have.
    std::uint64_t value = (static_cast<unsigned char>(raw[0]) & 0x80U) != 0 ? ~std::uint64_t{0} : 0;
    for (const auto c : raw) value = (value << 8U) | static_cast<unsigned char>(c);
    return static_cast<std::int64_t>(value);
}

message_id postgres_rows::id(int column) const {
    const auto raw = bytes(column);
    message_id::bytes value{};
    if (raw.size() == value.size()) std::copy(raw.begin(), raw.end(), value.begin());
    return message_id{value};
}

instant postgres_rows::at(int column) const { return instant{duration{integer(column)}}; }

stream_id postgres_rows::stream(int column) const {
    return stream_id::parse(bytes(column)).value_or(stream_id{});
}

void postgres_connection::close::operator()(pg_conn* session) const { PQfinish(session); }

postgres_connection::postgres_connection(const postgres_options& options)
    : options_{options}, place_{mask_postgres_url(options.url)} {
    open(options);
}

postgres_connection::~postgres_connection() = default;

void postgres_connection::open(const postgres_options& options) {
    std::optional<postgres_failure> last;
    for (const auto& target : parse_postgres_url(options)) {
        try {
            session_.reset(connect_to(target, options.connect_timeout));
            break;
        } catch (const postgres_failure& failed) {
            last = failed;
        }
    }
    if (!session_) throw postgres_failure{*last};
    if (options.protection != postgres_protection::none) {
        const auto seen = protection_of(session_.get(), options);
        if (auto fault = find_protection_fault(seen, options.protection)) {
            throw postgres_failure{*fault};
        }
    }
    PQsetNoticeReceiver(session_.get(), note, this);
}

void postgres_connection::note(void* self, const pg_result* notice) {
    // A commit whose wait for the standby was cut short is told by a warning alone. The function's
    // name is the only part of it that is not translated.
    if (field(notice, PG_DIAG_SOURCE_FUNCTION) == "SyncRepWaitForLSN") {
        static_cast<postgres_connection*>(self)->is_commit_unsure_ = true;
    }
}

postgres_rows postgres_connection::run(std::string_view sql, values with) {
    demand_alive();
    const auto* name = name_of(sql, with);
    const bound_values bound{with};
    const auto send = [&] {
        return name == nullptr
                   ? PQsendQueryParams(session_.get(), std::string{sql}.c_str(), bound.count(),
                                       bound.types.data(), bound.contents.data(),
                                       bound.sizes.data(), bound.formats.data(), binary)
                   : PQsendQueryPrepared(session_.get(), name->c_str(), bound.count(),
                                         bound.contents.data(), bound.sizes.data(),
                                         bound.formats.data(), binary);
    };
    if (send() == 0) fail_unsent();
    try {
        return await_answer();
    } catch (const postgres_failure& failed) {
        const auto is_forgotten =
            failed.sqlstate() == statement_gone || failed.sqlstate() == plan_outdated;
        if (name == nullptr || !is_forgotten) throw;
        forget_statements();
        // Inside a transaction the failure has undone it; the caller starts that again.
        if (in_transaction()) throw;
    }
    name = name_of(sql, with);
    if (send() == 0) fail_unsent();
    return await_answer();
}

void postgres_connection::prepare(std::string_view sql, values like) {
    demand_alive();
    std::ignore = name_of(sql, like);
}

const std::string* postgres_connection::name_of(std::string_view sql, values like) {
    if (options_.is_pooled) return nullptr;
    if (const auto known = prepared_.find(sql); known != prepared_.end()) return &known->second;
    auto name = "tidemark_" + std::to_string(prepared_.size() + 1);
    const bound_values bound{like};
    if (PQsendPrepare(session_.get(), name.c_str(), std::string{sql}.c_str(), bound.count(),
                      bound.types.data()) == 0) {
        fail_unsent();
    }
    std::ignore = await_answer();
    return &prepared_.emplace(sql, std::move(name)).first->second;
}

void postgres_connection::forget_statements() {
    prepared_.clear();
    if (!in_transaction()) execute("DEALLOCATE ALL");
}

postgres_rows postgres_connection::execute(const std::string& script) {
    demand_alive();
    if (PQsendQuery(session_.get(), script.c_str()) == 0) fail_unsent();
    return await_answer();
}

void postgres_connection::ping(duration at_most) {
    demand_alive();
    if (PQsendQuery(session_.get(), "SELECT 1") == 0) fail_unsent();
    std::ignore = await_answer(at_most);
}

bool postgres_connection::is_alive() {
    if (!session_ || PQstatus(session_.get()) != CONNECTION_OK) return false;
    pollfd ready{.fd = PQsocket(session_.get()), .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, 0) == 0) return true;
    // Something lies there though nothing was asked: a notice, or the end of the session.
    if (PQconsumeInput(session_.get()) == 0) return false;
    std::ignore = PQisBusy(session_.get());
    return PQstatus(session_.get()) == CONNECTION_OK;
}

void postgres_connection::demand_alive() {
    if (!is_alive()) fail_unsent();
    is_commit_unsure_ = false;
}

void postgres_connection::fail_unsent() {
    auto said = sentence(session_ ? PQerrorMessage(session_.get()) : nullptr);
    session_.reset();
    throw postgres_failure{"", postgres_moment::before_send, said};
}

bool postgres_connection::in_transaction() const {
    return session_ && PQtransactionStatus(session_.get()) != PQTRANS_IDLE;
}

pg_result* postgres_connection::next_answer(duration until) {
    while (PQisBusy(session_.get()) != 0) {
        pollfd ready{.fd = PQsocket(session_.get()), .events = POLLIN, .revents = 0};
        if (::poll(&ready, 1, milliseconds_until(until)) == 0) {
            session_.reset();
            throw postgres_failure{"", postgres_moment::after_send,
                                   "no answer in time; the connection was given up"};
        }
        if (PQconsumeInput(session_.get()) == 0) break;
    }
    return PQgetResult(session_.get());
}

postgres_rows postgres_connection::await_answer() {
    return await_answer(options_.statement_timeout + options_.answer_grace);
}

postgres_rows postgres_connection::await_answer(duration at_most) {
    const auto until = now() + at_most;
    std::optional<postgres_failure> failed;
    std::optional<postgres_rows> answer;
    while (auto* next = next_answer(until)) {
        postgres_rows rows{next, changed_by(next)};
        if (is_failure(next)) {
            if (!failed) failed = failure_of(next);
            // A copy that nobody feeds or drains would never end.
            if (PQresultStatus(next) != PGRES_FATAL_ERROR) break;
        }
        answer = std::move(rows);
    }
    if (!failed && (!answer || PQstatus(session_.get()) != CONNECTION_OK)) {
        failed = postgres_failure{"", postgres_moment::after_send,
                                  sentence(PQerrorMessage(session_.get()))};
    }
    if (!failed && is_commit_unsure_) {
        failed = postgres_failure{"", postgres_moment::after_send,
                                  "the commit is not known to be on the standby it waited for"};
    }
    if (!failed) return std::move(*answer);
    if (PQtransactionStatus(session_.get()) == PQTRANS_ACTIVE) session_.reset();
    if (session_ && PQstatus(session_.get()) != CONNECTION_OK) session_.reset();
    throw postgres_failure{*failed};
}

bool postgres_connection::wait_notification(duration at_most, int stop_descriptor) {
    const auto until = now() + at_most;
    for (;;) {
        if (!is_alive()) fail_unsent();
        auto has_arrived = false;
        while (auto* notification = PQnotifies(session_.get())) {
            has_arrived = has_arrived || notification->be_pid != PQbackendPID(session_.get());
            PQfreemem(notification);
        }
        if (has_arrived) return true;
        std::array<pollfd, 2> ready{
            pollfd{.fd = PQsocket(session_.get()), .events = POLLIN, .revents = 0},
            pollfd{.fd = stop_descriptor, .events = POLLIN, .revents = 0}};
        const auto woken = ::poll(ready.data(), ready.size(), milliseconds_until(until));
        if (woken == 0 || ready[1].revents != 0) return false;
    }
}

int postgres_connection::server_version() const {
    return session_ ? PQserverVersion(session_.get()) : 0;
}

std::string postgres_connection::encryption() const {
    if (!session_) return "no connection";
    if (PQgssEncInUse(session_.get()) != 0) return "GSSAPI";
    if (PQsslInUse(session_.get()) == 0) return "not encrypted";
    const auto* const protocol = PQsslAttribute(session_.get(), "protocol");
    const auto mode = protection_of(session_.get(), options_).sslmode;
    const auto is_verified = mode == "verify-full" || mode == "verify-ca";
    return std::string{protocol == nullptr ? "TLS" : protocol} +
           (is_verified ? ", certificate verified" : ", certificate not verified");
}

int postgres_connection::backend() const { return session_ ? PQbackendPID(session_.get()) : 0; }

}  // namespace tidemark
