#include "jail/cgroup/slot_cgroup.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <string_view>

namespace snapjail::jail::cgroup {

bool keep_across_exec(std::span<const SlotCgroup> cgroups, int watch) noexcept {
    auto keep = [](int fd) { return fd < 0 || ::fcntl(fd, F_SETFD, 0) == 0; };
    bool ok = keep(watch);
    for (const SlotCgroup& cgroup : cgroups) {
        for (std::int32_t procs : cgroup.procs) {
            ok = ok && keep(procs);
        }
        ok = ok && keep(cgroup.memory_events);
    }
    return ok;
}

bool join(const SlotCgroup& cgroup) noexcept {
    for (std::int32_t fd : cgroup.procs) {
        if (fd < 0) {
            continue;
        }
        ssize_t written = -1;
        do {
            written = ::write(fd, "0", 1);  // "0" is whoever writes it.
        } while (written < 0 && errno == EINTR);
        if (written != 1) {
            return false;
        }
    }
    return true;
}

std::uint64_t parse_oom_kills(const char* text, std::size_t size) noexcept {
    constexpr std::string_view kKey = "oom_kill ";
    std::string_view rest(text, size);
    while (!rest.empty()) {
        std::size_t end = rest.find('\n');
        std::string_view line = rest.substr(0, end);
        if (line.starts_with(kKey)) {
            std::uint64_t count = 0;
            std::from_chars(line.data() + kKey.size(), line.data() + line.size(), count);
            return count;
        }
        rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
    }
    return 0;
}

std::uint64_t count_oom_kills(const SlotCgroup& cgroup) noexcept {
    if (cgroup.memory_events < 0) {
        return 0;
    }
    std::array<char, 512> text{};  // Six lines of a word and a number.
    ssize_t size = ::pread(cgroup.memory_events, text.data(), text.size(), 0);
    return size <= 0 ? 0 : parse_oom_kills(text.data(), static_cast<std::size_t>(size));
}

}  // namespace snapjail::jail::cgroup
