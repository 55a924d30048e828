#pragma once
// confine_front: takes everything from the calling process, the front, but the descriptors that it
// holds. It parses what strangers send; afterwards it has no capability, no file, no program to
// exec, nobody to signal. For a process with one thread, before it serves anybody. There is no way
// back: on failure the process must end.

#include <string>
#include <vector>

#include "base/result.h"

namespace snapjail::jail {

// Required are: another user where we are root, no capabilities, no_new_privs, seccomp; without one
// of them an error. Namespaces, the empty root and Landlock are taken where the kernel gives them;
// the layers that stand are returned. Descriptors that are open stay usable.
Result<std::vector<std::string>> confine_front();

}  // namespace snapjail::jail
