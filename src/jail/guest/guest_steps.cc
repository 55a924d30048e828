#include "jail/guest/guest_steps.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "jail/guest/verify_guest.h"

namespace snapjail::jail {

ShortText& ShortText::operator<<(std::string_view text) {
    for (char c : text) {
        if (size_ + 1 < text_.size()) {
            text_[size_++] = c;
        }
    }
    return *this;
}

ShortText& ShortText::operator<<(std::uint64_t number) {
    std::array<char, 24> digits{};
    auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    return *this << std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data()));
}

bool write_text_at(int folder, const char* path, std::string_view text) noexcept {
    int fd = ::openat(folder, path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    ssize_t written = ::write(fd, text.data(), text.size());
    int saved_errno = errno;
    ::close(fd);
    errno = saved_errno;
    return written == static_cast<ssize_t>(text.size());
}

bool choose_processors(const JailPlan& plan) noexcept {
    cpu_set_t allowed;
    if (plan.cpus_max == 0) {
        return true;
    }
    if (::sched_getaffinity(0, sizeof(allowed), &allowed) != 0) {
        return false;
    }
    auto left = static_cast<std::uint32_t>(CPU_COUNT(&allowed));
    while (left > plan.cpus_max) {
        std::uint32_t random = 0;
        if (::syscall(SYS_getrandom, &random, sizeof(random), 0) != sizeof(random)) {
            return false;
        }
        std::uint32_t which = random % left;
        for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
            if (CPU_ISSET(cpu, &allowed) && which-- == 0) {
                CPU_CLR(cpu, &allowed);
                break;
            }
        }
        --left;
    }
    return ::sched_setaffinity(0, sizeof(allowed), &allowed) == 0;
}

bool lower_priority(const JailPlan& plan) noexcept {
    errno = 0;
    int now = plan.nice_level == 0 ? 0 : ::getpriority(PRIO_PROCESS, 0);
    // A service that is niced more than that: only the host's own root could go back from there.
    bool is_as_low = plan.nice_level == 0 || (errno == 0 && now >= plan.nice_level);
    return is_as_low || ::setpriority(PRIO_PROCESS, 0, plan.nice_level) == 0;
}

bool set_rlimits(const JailPlan& plan) noexcept {
    for (std::uint32_t i = 0; i < plan.rlimit_count; ++i) {
        const RlimitRule& rule = plan.rlimits[i];
        rlimit value{rule.soft, rule.hard};
        if (::setrlimit(static_cast<__rlimit_resource_t>(rule.resource), &value) != 0) {
            return false;
        }
    }
    return true;
}

bool arrange_descriptors(const JailPlan& plan, const GuestDescriptors& given,
                         int proc_self) noexcept {
    // First out of the way of the numbers that they are moved to.
    int lowest = plan.result_fd + 1;
    int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    int job = ::fcntl(given.job, F_DUPFD_CLOEXEC, lowest);
    int output = ::fcntl(given.output, F_DUPFD_CLOEXEC, lowest);
    int result = ::fcntl(given.result, F_DUPFD_CLOEXEC, lowest);
    if (null < 0 || job < 0 || output < 0 || result < 0) {
        return false;
    }
    // A cold guest still has to exec its interpreter, which closes it to programs of the script's.
    int result_flags = plan.start == GuestStart::kWarm ? O_CLOEXEC : 0;
    null = ::fcntl(null, F_DUPFD_CLOEXEC, lowest);
    bool ok = null >= 0 && ::dup2(null, STDIN_FILENO) >= 0 && ::dup2(output, STDOUT_FILENO) >= 0 &&
              ::dup2(null, STDERR_FILENO) >= 0 && ::dup2(job, kJobFd) >= 0 &&
              ::dup3(result, plan.result_fd, result_flags) >= 0;
    constexpr int kListingFd = kJobFd + 1;
    int listing = proc_self < 0 ? -1 : ::openat(proc_self, "fd", O_RDONLY | O_CLOEXEC);
    ok = ok && (proc_self < 0 || ::dup2(listing, kListingFd) >= 0);
    if (plan.layers.stands(Layer::kClosedDescriptors)) {
        int first = proc_self < 0 ? kListingFd : kListingFd + 1;
        ok = ok && ::syscall(SYS_close_range, first, plan.result_fd - 1, 0) == 0 &&
             ::syscall(SYS_close_range, plan.result_fd + 1, ~0u, 0) == 0;
    }
    ok = ok && are_descriptors_as_planned(plan, proc_self < 0 ? -1 : kListingFd);
    return ok && (proc_self < 0 || ::close(kListingFd) == 0);
}

}  // namespace snapjail::jail
