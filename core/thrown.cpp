#include "tidemark/core/thrown.hpp"

#include "tidemark/core/assert.hpp"

#include <exception>

namespace tidemark {

std::string thrown_text() {
    TIDEMARK_ASSERT(std::current_exception() != nullptr);
    try {
        throw;
    } catch (const std::exception& e) {
        return e.what();
    } catch (...) {
        return "something that is no std::exception";
    }
}

}  // namespace tidemark
