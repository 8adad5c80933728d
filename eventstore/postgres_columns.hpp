#pragma once

#include "tidemark/eventstore/append.hpp"
#include "tidemark/eventstore/postgres_values.hpp"

#include <cstdint>
#include <vector>

namespace tidemark {

/// The parameters of the append function by subject: parallel arrays, in the order of its
/// declaration. `append` is the number of the request in the statement, from 1.
class append_columns {
  public:
    void add(const append_request& request, bool is_lead);
    void pass_to(std::vector<postgres_value>& values) const;

  private:
    postgres_array streams_{postgres_type::text};
    postgres_array leads_{postgres_type::boolean};
    postgres_array expected_{postgres_type::int8};
    postgres_array expected_heads_{postgres_type::uuid};
    postgres_array event_counts_{postgres_type::int4};
    postgres_array last_events_{postgres_type::uuid};
    postgres_array scopes_{postgres_type::text};
    postgres_array commands_{postgres_type::text};
    postgres_array hashes_{postgres_type::int8};
    postgres_array outcomes_{postgres_type::int2};
    postgres_array reasons_{postgres_type::text};
    postgres_array messages_{postgres_type::text};
};

class event_columns {
  public:
    void add(std::size_t append, const append_request& request);
    void pass_to(std::vector<postgres_value>& values) const;

  private:
    postgres_array appends_{postgres_type::int4};
    postgres_array indexes_{postgres_type::int4};
    postgres_array ids_{postgres_type::uuid};
    postgres_array streams_{postgres_type::text};
    postgres_array categories_{postgres_type::text};
    postgres_array names_{postgres_type::text};
    postgres_array correlations_{postgres_type::uuid};
    postgres_array causations_{postgres_type::uuid};
    postgres_array traceparents_{postgres_type::text};
    postgres_array payloads_{postgres_type::bytes};
};

/// Effects and timers to store, and which effects of a tree wait for which.
class effect_columns {
  public:
    void add(std::size_t append, const append_request& request);
    void pass_to(std::vector<postgres_value>& values) const;

  private:
    struct row {
        const new_effect& effect;
        std::uint32_t unmet = 0;
        std::string_view timer;
        instant due{};
        std::string_view owner;
        duration lease{};
    };
    void add_row(std::size_t append, const stream_id& source, const row& added);
    void add_timers(std::size_t append, const append_request& request);

    postgres_array appends_{postgres_type::int4};
    postgres_array ids_{postgres_type::uuid};
    postgres_array kinds_{postgres_type::int2};
    postgres_array sources_{postgres_type::text};
    postgres_array targets_{postgres_type::text};
    postgres_array names_{postgres_type::text};
    postgres_array payloads_{postgres_type::bytes};
    postgres_array keys_{postgres_type::text};
    postgres_array trees_{postgres_type::uuid};
    postgres_array indexes_{postgres_type::int4};
    postgres_array afters_{postgres_type::text};
    postgres_array unmets_{postgres_type::int4};
    postgres_array options_{postgres_type::text};
    postgres_array correlations_{postgres_type::uuid};
    postgres_array causations_{postgres_type::uuid};
    postgres_array traceparents_{postgres_type::text};
    postgres_array timers_{postgres_type::text};
    postgres_array dues_{postgres_type::int8};
    postgres_array owners_{postgres_type::text};
    postgres_array leases_{postgres_type::int8};
    postgres_array order_appends_{postgres_type::int4};
    postgres_array predecessors_{postgres_type::uuid};
    postgres_array successors_{postgres_type::uuid};
};

/// What appends demand of work that is stored, and what they end.
class ended_columns {
  public:
    void add(std::size_t append, const append_request& request);
    void pass_to(std::vector<postgres_value>& values) const;

  private:
    void add_end(std::size_t append, const message_id& effect);
    void add_cancel(std::size_t append, const stream_id& stream, const std::string& name);
    void add_consumed(std::size_t append, const append_request& request);

    postgres_array held_appends_{postgres_type::int4};
    postgres_array held_indexes_{postgres_type::int4};
    postgres_array held_ids_{postgres_type::uuid};
    postgres_array held_tokens_{postgres_type::int8};
    postgres_array fire_appends_{postgres_type::int4};
    postgres_array fire_indexes_{postgres_type::int4};
    postgres_array fire_streams_{postgres_type::text};
    postgres_array fire_names_{postgres_type::text};
    postgres_array fire_ids_{postgres_type::uuid};
    postgres_array end_appends_{postgres_type::int4};
    postgres_array end_ids_{postgres_type::uuid};
    postgres_array cancel_appends_{postgres_type::int4};
    postgres_array cancel_streams_{postgres_type::text};
    postgres_array cancel_names_{postgres_type::text};
    postgres_array consumed_appends_{postgres_type::int4};
    postgres_array consumed_indexes_{postgres_type::int4};
    postgres_array consumers_{postgres_type::text};
    postgres_array consumed_sources_{postgres_type::text};
    postgres_array consumed_versions_{postgres_type::int8};
};

}  // namespace tidemark
