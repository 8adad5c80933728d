// expect: no_project_for<yard::bill, yard::dark>
#include "tidemark/core/compile_fail/light.hpp"

namespace yard {

struct bill {
    static constexpr std::string_view name = "bill.v1";
    using sources = tidemark::types<lamp_types>;
    static void project(tidemark::read_model&, const lit&, const tidemark::event_context&);
};
static_assert(tidemark::projection<bill>);

}  // namespace yard
