#pragma once
// launch_front: starts the front, which is this program exec'ed once more, so that it shares no
// memory with the supervisor. For a process with one thread.

#include "app/front_link.h"
#include "base/child_process.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace snapjail::app {

// Its channel takes and sends FrontMessages. Returns once it has been forked; that it works is told
// by kListening.
Result<ChildProcess> launch_front(const UniqueFd& listener, const FrontSettings& settings);

Result<void> send_to_front(const ChildProcess& front, const FrontMessage& message);
Result<void> send_to_front(const ChildProcess& front, const FrontMessage& message,
                           UniqueFd descriptor);

}  // namespace snapjail::app
