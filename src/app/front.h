#pragma once
// The front: HTTP, JSON, queue, deadlines, in a process that may do nothing else. Started by the
// supervisor with the descriptors that front_link.h lists; not by a person.

namespace snapjail::app {

// Returns the exit status: 0 after draining.
int run_front();

}  // namespace snapjail::app
