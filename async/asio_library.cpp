// Asio is compiled here once (BOOST_ASIO_SEPARATE_COMPILATION), not in every file.
#include <boost/asio/impl/src.hpp>
