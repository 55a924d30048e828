#pragma once
// fork_loop: what a warm zygote does for the rest of its life: fork guests, jail them, report their
// ends. Runs inside PYTHON_BIN, on its only thread, with the GIL held throughout. It never reads a
// byte from a guest.

#include <Python.h>

#include "jail/jail_plan.h"

namespace snapjail::zygote {

// Returns only on failure, with a Python exception set; when the supervisor is gone it exits. In
// each guest on_guest(wants_warmup) is called, and must not return.
void run_fork_loop(const jail::JailPlan& plan, PyObject* on_guest);

}  // namespace snapjail::zygote
