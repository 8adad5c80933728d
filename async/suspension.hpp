#pragma once

#include "tidemark/async/executor.hpp"

#include <list>

namespace tidemark {

/// A place where a coroutine sleeps until somebody wakes it. A simulated shard keeps a list of
/// those on it, so that killing the shard can unwind them; real shards do not.
class suspension {
  public:
    virtual ~suspension() = default;
    /// Destroys the sleeping coroutine, if there still is one.
    virtual void abandon() = 0;

  private:
    friend void enter_suspension(const executor& home, suspension& sleeper);
    friend void leave_suspension(const executor& home, suspension& sleeper);
    /// Where it stands in the list of its simulated shard.
    std::list<suspension*>::iterator place_;
};

/// Enters and leaves the list of the shard behind `home`; nothing on real shards.
void enter_suspension(const executor& home, suspension& sleeper);
void leave_suspension(const executor& home, suspension& sleeper);

}  // namespace tidemark
