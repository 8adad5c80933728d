#include "tidemark/core/version.hpp"

#include <ostream>

namespace tidemark {

std::ostream& operator<<(std::ostream& out, version v) { return out << v.value(); }

std::ostream& operator<<(std::ostream& out, position p) { return out << p.value(); }

std::ostream& operator<<(std::ostream& out, const expected_version& expected) {
    if (expected.is_any()) return out << "any";
    out << *expected.at();
    if (expected.head()) out << " by " << *expected.head();
    return out;
}

}  // namespace tidemark
