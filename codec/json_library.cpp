// The one translation unit that compiles Boost.JSON; everybody else includes declarations only.
#include <boost/json/src.hpp>
