#include "tidemark/eventstore/postgres_read_model.hpp"

#include "tidemark/async/blocking_pool.hpp"
#include "tidemark/eventstore/postgres_connect.hpp"
#include "tidemark/eventstore/postgres_failure.hpp"
#include "tidemark/eventstore/refusals.hpp"

#include <pqxx/pqxx>

#include <algorithm>
#include <exception>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace tidemark {
namespace {

constexpr std::size_t schema_bytes_max = 59;
constexpr std::string_view transaction_is_broken = "25P02";
constexpr std::string_view not_permitted = "42501";
/// First half of the locks under which models are made: nobody else's are of two halves.
constexpr const char* making_lock = "1953063277";

error no_schema(std::string_view name) {
    return {errc::invalid_argument,
            "projection \"" + std::string{name} + "\" makes no schema name: at most " +
                std::to_string(schema_bytes_max) + " bytes of small letters, digits, _ and ."};
}

error foreign_schema(const std::string& schema, const std::string& name) {
    return {errc::schema_mismatch,
            "schema \"" + schema + "\" is there and not of projection \"" + name +
                "\"; drop or rename it, or give the projection another name"};
}

/// Whether the same statement would fail again. libpqxx 6 throws what was undone in favour of
/// another transaction (class 40) as something else.
bool is_for_good(const pqxx::sql_error& failed) {
    const auto verdict = judge(failed.sqlstate(), postgres_moment::after_send);
    return verdict == postgres_verdict::permanent || verdict == postgres_verdict::duplicate;
}

/// Quoted as libpq wants it in a list of settings.
std::string to_settings(const postgres_target& target) {
    std::string out;
    for (const auto& [name, value] : target.settings) {
        out += name + "='";
        for (const auto c : value) {
            if (c == '\'' || c == '\\') out += '\\';
            out += c;
        }
        out += "' ";
    }
    return out;
}

/// One model in one transaction.
class model_schema {
  public:
    model_schema(pqxx::work& in, std::string name)
        : in_{in}, name_{std::move(name)}, schema_{postgres_projection_store::schema_of(name_)} {}

    [[nodiscard]] const std::string& schema() const { return schema_; }

    /// Where it stands; nothing if there is no such schema. Locks the checkpoint until the end of
    /// the transaction. An error for a schema of somebody else.
    [[nodiscard]] result<std::optional<checkpoint>> lock(bool for_update) {
        using found = std::optional<checkpoint>;
        const auto there = in_.exec("SELECT to_regnamespace(" + in_.quote(schema_) +
                                    ") IS NOT NULL, to_regclass(" +
                                    in_.quote(schema_ + ".tidemark_checkpoint") + ") IS NOT NULL");
        if (!there[0][0].as<bool>()) return found{};
        if (!there[0][1].as<bool>()) return foreign_schema(schema_, name_);
        const auto rows = in_.exec("SELECT name, position, incarnation FROM " + schema_ +
                                   ".tidemark_checkpoint" + (for_update ? " FOR UPDATE" : ""));
        if (rows.size() != 1 || rows[0][0].c_str() != name_) {
            return foreign_schema(schema_, name_);
        }
        const auto at = rows[0][1].as<std::int64_t>();
        return found{checkpoint{position{static_cast<std::uint64_t>(at)},
                                message_id::parse(rows[0][2].c_str()).value_or(message_id{})}};
    }

    void make() {
        in_.exec("CREATE SCHEMA " + schema_);
        in_.exec("CREATE TABLE " + schema_ +
                 ".tidemark_checkpoint(name text NOT NULL, position bigint NOT NULL, "
                 "incarnation uuid NOT NULL)");
        in_.exec("INSERT INTO " + schema_ + ".tidemark_checkpoint VALUES(" + in_.quote(name_) +
                 ", 0, '" + message_id{}.to_string() + "')");
    }

    void move(const checkpoint& to) {
        in_.exec("UPDATE " + schema_ +
                 ".tidemark_checkpoint SET position = " + std::to_string(to.position.value()) +
                 ", incarnation = '" + to.incarnation.to_string() + "'");
    }

  private:
    pqxx::work& in_;
    std::string name_;
    std::string schema_;
};

/// Runs the projection in a transaction of its own inside `in`, which it cannot end.
std::optional<error> run_change(pqxx::connection& session, pqxx::work& in, const std::string& name,
                                const std::string& schema, bool is_fresh,
                                const std::function<void(projection_rows&)>& change) {
    try {
        pqxx::subtransaction inner{in, "projection"};
        postgres_read_model rows{inner, schema, is_fresh};
        change(rows);
        inner.commit();
        return std::nullopt;
    } catch (const pqxx::broken_connection&) {
        throw;
    } catch (const pqxx::transaction_rollback&) {
        throw;
    } catch (const pqxx::sql_error& failed) {
        if (failed.sqlstate() == transaction_is_broken) {
            return change_threw(name, "a statement failed and the code went on");
        }
        if (!is_for_good(failed)) throw;
        return change_threw(name, failed.what());
    } catch (const std::exception& thrown) {
        if (!session.is_open()) throw pqxx::broken_connection{thrown.what()};
        return change_threw(name, thrown.what());
    } catch (...) {
        return change_threw(name, "something that is no std::exception");
    }
}

result<void> update_model(pqxx::connection& session, const std::string& name,
                          const checkpoint& from, const checkpoint& to,
                          const std::function<void(projection_rows&)>& change) {
    pqxx::work in{session};
    model_schema model{in, name};
    auto stored = model.lock(true);
    if (!stored) return stored.error();
    const auto is_fresh = !stored->has_value();
    if (is_fresh) {
        in.exec("SELECT pg_advisory_xact_lock(" + std::string{making_lock} + ", hashtext(" +
                in.quote(name) + "))");
        stored = model.lock(true);
        if (!stored) return stored.error();
    }
    const auto at = stored->value_or(checkpoint{});
    if (at != from) return moved_checkpoint(name, at, from);
    const auto is_made = is_fresh && !stored->has_value();
    if (is_made) model.make();
    in.exec("SET LOCAL search_path = " + model.schema() + ", public");
    if (auto thrown = run_change(session, in, name, model.schema(), is_made, change)) {
        return std::move(*thrown);
    }
    model.move(to);
    in.commit();
    return {};
}

/// Schemas that were replaced: gone once nobody reads them. One that is still read is dropped with
/// the next one.
void drop_replaced(pqxx::connection& session, const std::string& schema) {
    try {
        pqxx::work in{session};
        in.exec("SET LOCAL lock_timeout = '2s'");
        in.exec("DROP SCHEMA IF EXISTS " + schema + " CASCADE");
        in.commit();
    } catch (const pqxx::sql_error&) {
        return;
    }
}

result<void> swap_models(pqxx::connection& session, const std::string& live,
                         const std::string& beside) {
    std::string replaced;
    {
        pqxx::work in{session};
        model_schema old{in, live};
        model_schema fresh{in, beside};
        // In the order of their names, as every other swap locks them.
        const auto is_live_first = live < beside;
        auto first = (is_live_first ? old : fresh).lock(true);
        if (!first) return first.error();
        auto second = (is_live_first ? fresh : old).lock(true);
        if (!second) return second.error();
        const auto& old_at = is_live_first ? *first : *second;
        const auto& fresh_at = is_live_first ? *second : *first;
        if (old_at.value_or(checkpoint{}) != fresh_at.value_or(checkpoint{})) {
            return unequal_checkpoints(live, old_at.value_or(checkpoint{}), beside,
                                       fresh_at.value_or(checkpoint{}));
        }
        replaced = old.schema() + "_old";
        in.exec("DROP SCHEMA IF EXISTS " + replaced + " CASCADE");
        if (old_at) in.exec("ALTER SCHEMA " + old.schema() + " RENAME TO " + replaced);
        if (fresh_at) {
            in.exec("ALTER SCHEMA " + fresh.schema() + " RENAME TO " + old.schema());
            in.exec("UPDATE " + old.schema() + ".tidemark_checkpoint SET name = " + in.quote(live));
        }
        in.commit();
    }
    drop_replaced(session, replaced);
    return {};
}

}  // namespace

/// The threads and their connections.
class postgres_projection_store::sessions {
  public:
    sessions(postgres_options options, std::size_t connections)
        : options_{std::move(options)},
          place_{mask_postgres_url(options_.url)},
          pool_{{.threads = std::max<std::size_t>(connections, 1)}} {}
    ~sessions() { pool_.stop(); }

    template <class T>
    awaitable<result<T>> run(std::string name, std::function<result<T>(pqxx::connection&)> work) {
        auto job = [this, name = std::move(name), work = std::move(work)]() -> result<T> {
            if (schema_of(name).empty()) return no_schema(name);
            return carry_out<T>(work);
        };
        co_return co_await pool_.run(std::move(job));
    }

  private:
    using session = std::unique_ptr<pqxx::connection>;

    session take() {
        {
            const std::scoped_lock lock{mutex_};
            while (!idle_.empty()) {
                auto one = std::move(idle_.back());
                idle_.pop_back();
                if (one->is_open()) return one;
            }
        }
        std::exception_ptr last;
        for (const auto& target : parse_postgres_url(options_)) {
            try {
                // libpqxx does not say how a session is protected: libpq has to see to it.
                const auto held = try_out(target, options_);
                return std::make_unique<pqxx::connection>(to_settings(held));
            } catch (const pqxx::broken_connection&) {
                last = std::current_exception();
            } catch (const postgres_failure&) {
                last = std::current_exception();
            }
        }
        std::rethrow_exception(last);
    }

    template <class T>
    result<T> carry_out(const std::function<result<T>(pqxx::connection&)>& work) {
        const auto purpose = postgres_failure::purpose::write;
        try {
            auto one = take();
            auto answer = work(*one);
            const std::scoped_lock lock{mutex_};
            if (one->is_open()) idle_.push_back(std::move(one));
            return answer;
        } catch (const pqxx::in_doubt_error& lost) {
            return postgres_failure{"", postgres_moment::after_send, lost.what()}.as_error(place_,
                                                                                           purpose);
        } catch (const pqxx::broken_connection& lost) {
            return postgres_failure{"", postgres_moment::before_send, lost.what()}.as_error(
                place_, purpose);
        } catch (const pqxx::transaction_rollback& undone) {
            return postgres_failure{"40001", postgres_moment::after_send, undone.what()}.as_error(
                place_, purpose);
        } catch (const pqxx::sql_error& failed) {
            if (failed.sqlstate() == not_permitted) {
                return error{errc::bad_setting, "PostgreSQL at " + place_ + ": " + failed.what() +
                                                    "; GRANT CREATE ON DATABASE to this user, who "
                                                    "owns the projections' schemas"};
            }
            return postgres_failure{failed.sqlstate(), postgres_moment::after_send, failed.what()}
                .as_error(place_, purpose);
        } catch (const postgres_failure& failed) {
            return failed.as_error(place_, purpose);
        }
    }

    const postgres_options options_;
    const std::string place_;
    std::mutex mutex_;
    std::vector<session> idle_;
    blocking_pool pool_;
};

postgres_projection_store::postgres_projection_store(postgres_options options,
                                                     std::size_t connections)
    : sessions_{std::make_unique<sessions>(std::move(options), connections)} {}

postgres_projection_store::~postgres_projection_store() = default;

std::string postgres_projection_store::schema_of(std::string_view name) {
    const auto is_fit = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
    };
    if (name.empty() || name.size() > schema_bytes_max || !std::ranges::all_of(name, is_fit)) {
        return {};
    }
    std::string schema{name};
    std::ranges::replace(schema, '.', '_');
    return schema;
}

awaitable<result<checkpoint>> postgres_projection_store::load_checkpoint(std::string name) {
    std::function<result<checkpoint>(pqxx::connection&)> work =
        [name](pqxx::connection& session) -> result<checkpoint> {
        pqxx::work in{session};
        auto stored = model_schema{in, name}.lock(false);
        if (!stored) return stored.error();
        return stored->value_or(checkpoint{});
    };
    return sessions_->run<checkpoint>(std::move(name), std::move(work));
}

awaitable<result<void>> postgres_projection_store::update(
    std::string name, checkpoint from, checkpoint to,
    std::function<void(projection_rows&)> change) {
    std::function<result<void>(pqxx::connection&)> work =
        [=, change = std::move(change)](pqxx::connection& session) {
            return update_model(session, name, from, to, change);
        };
    return sessions_->run<void>(std::move(name), std::move(work));
}

awaitable<result<void>> postgres_projection_store::swap(std::string live, std::string beside) {
    std::function<result<void>(pqxx::connection&)> work = [=](pqxx::connection& session) {
        return swap_models(session, live, beside);
    };
    return sessions_->run<void>(std::move(beside), std::move(work));
}

awaitable<result<void>> postgres_projection_store::erase_model(std::string name) {
    std::function<result<void>(pqxx::connection&)> work =
        [name](pqxx::connection& session) -> result<void> {
        pqxx::work in{session};
        model_schema model{in, name};
        auto stored = model.lock(true);
        if (!stored) return stored.error();
        if (*stored) in.exec("DROP SCHEMA " + model.schema() + " CASCADE");
        in.commit();
        return {};
    };
    return sessions_->run<void>(std::move(name), std::move(work));
}

}  // namespace tidemark
