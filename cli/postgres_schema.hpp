#pragma once

#include "tidemark/cli/session.hpp"

namespace tidemark::cli {

// The verbs of `migrate` for a "postgres:" URL. They throw `failure`.

/// Applies what is pending and prints it; a dry run undoes it again.
[[nodiscard]] exit_code apply_postgres_schema(session& in, bool is_dry_run);
/// Prints every step; `failed` if one is pending, edited or unknown.
[[nodiscard]] exit_code show_postgres_schema(session& in);
/// Prints every difference between the schema and the migrations; `failed` if there is one.
[[nodiscard]] exit_code verify_postgres_schema(session& in);
/// Prints the migrations, as they are embedded, for whoever applies them by hand.
[[nodiscard]] exit_code dump_postgres_schema(session& in);

}  // namespace tidemark::cli
