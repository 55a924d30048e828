#pragma once
// Zygotes for tests: settings of a lean one, and how to wait for what it does without sleeping.

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "zygote/launcher.h"
#include "zygote/protocol.h"

namespace snapjail::zygote {

constexpr int kPatienceMs = 20'000;  // Starting one takes half a second; a busy machine, more.

inline ZygoteSettings lean_settings() {
    const char* python = std::getenv("PYTHON_BIN");
    ZygoteSettings settings;
    settings.python_bin = python != nullptr ? python : "/usr/bin/python3";
    settings.library_folder = SNAPJAIL_TEST_LIBRARY;
    return settings;
}

inline bool await_readable(int fd) {
    pollfd source{fd, POLLIN, 0};
    return ::poll(&source, 1, kPatienceMs) == 1;
}

// True when it says so, false when it ended, or said something else.
inline bool await_news(const ChildProcess& zygote, NewsKind kind) {
    News news;
    return await_readable(zygote.channel().get()) &&
           ::recv(zygote.channel().get(), &news, sizeof(news), 0) == sizeof(news) &&
           news.version == kProtocolVersion && news.kind == kind;
}
inline bool await_ready(const ChildProcess& zygote) {
    return await_news(zygote, NewsKind::kReady);
}

inline int open_fd_count() {
    auto entries = std::filesystem::directory_iterator("/proc/self/fd");
    return static_cast<int>(std::distance(begin(entries), end(entries)));
}

}  // namespace snapjail::zygote
