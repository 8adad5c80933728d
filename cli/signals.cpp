#include "tidemark/cli/serving.hpp"

#include <pthread.h>

#include <csignal>
#include <cstdlib>

namespace tidemark::cli {
namespace {

/// Blocks the signals that end a process in every thread made from now on, so that one thread can
/// wait for them.
class awaited_signals {
  public:
    awaited_signals() {
        ::sigemptyset(&set_);
        ::sigaddset(&set_, SIGINT);
        ::sigaddset(&set_, SIGTERM);
        ::pthread_sigmask(SIG_BLOCK, &set_, &before_);
        std::signal(SIGPIPE, SIG_IGN);
    }
    awaited_signals(const awaited_signals&) = delete;
    awaited_signals& operator=(const awaited_signals&) = delete;
    ~awaited_signals() { release(); }

    void wait() const {
        auto number = 0;
        ::sigwait(&set_, &number);
    }
    /// From now on a signal ends the process at once.
    void release() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  private:
    sigset_t set_{};
    sigset_t before_{};
};

}  // namespace

exit_code serve(session& in, serve_mode mode) {
    const auto out = in.out();
    const auto& values = in.values();
    configure_log(values);
    awaited_signals signals;
    serving process{in.what(), values, mode};
    process.start();
    // A service prints its log and nothing else.
    const auto is_talking = mode == serve_mode::development;
    const auto say = [&out, is_talking](const std::string& text) {
        if (!is_talking) return;
        out.line(text);
        out.flush();
    };
    say(process.banner());
    signals.wait();
    signals.release();
    say("stopping");
    const auto done = process.drain();
    say(done.text);
    // What did not end in time holds on to the runtime. Everything acknowledged is committed, so
    // ending here is as safe as a crash, and says success because it was asked for.
    if (!done.is_complete) std::_Exit(static_cast<int>(exit_code::ok));
    return exit_code::ok;
}

}  // namespace tidemark::cli
