#pragma once
// What a person at the terminal is told when a command cannot do its work.

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>

#include "base/log.h"
#include "base/result.h"

namespace snapjail::app {

// One sentence, and where the host seems to be at fault, where to look.
inline std::string complaint(const Error& error) {
    std::string text = "cannot " + error.to_string();
    bool is_host =
        error.kind == ErrorKind::kUnsupported ||
        (error.kind == ErrorKind::kSystem &&
         (error.sys_errno == EPERM || error.sys_errno == EACCES || error.sys_errno == ENOSYS ||
          error.sys_errno == ENOSPC || error.sys_errno == EINVAL));
    if (error.kind == ErrorKind::kInvalid) {
        text = error.to_string();
    }
    return is_host ? text + "; `snapjail doctor` says what this host allows" : text;
}

// On stderr: for people where it is a terminal, else as a line of the log.
inline void complain(const Error& error) {
    std::string text = complaint(error);
    if (::isatty(STDERR_FILENO) == 1) {
        std::fprintf(stderr, "snapjail: %s\n", text.c_str());
    } else {
        log::error("cannot_start", {{"error", text}});
    }
}

}  // namespace snapjail::app
