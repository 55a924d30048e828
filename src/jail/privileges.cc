#include "jail/privileges.h"

#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace snapjail::jail {
namespace {

constexpr int kCapabilitiesMax = 64;  // The kernel's two 32-bit words; it has 41 today.

}  // namespace

bool empty_bounding_set() noexcept {
    for (int capability = 0; capability < kCapabilitiesMax; ++capability) {
        if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) {
            return errno == EINVAL;  // Past the last one that this kernel knows.
        }
    }
    return true;
}

bool drop_capabilities() noexcept {
    // Kernels before 4.3 have no ambient set, and we need far newer ones.
    ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> none{};
    if (::syscall(SYS_capset, &header, none.data()) != 0) {
        return false;
    }
    errno = EPERM;
    return !has_capabilities();
}

bool has_capabilities() noexcept {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> held{};
    if (::syscall(SYS_capget, &header, held.data()) != 0) {
        return true;  // What cannot be seen is not trusted to have gone.
    }
    for (const auto& word : held) {
        if ((word.effective | word.permitted | word.inheritable) != 0) {
            return true;
        }
    }
    return false;
}

bool load_seccomp(const SeccompProgram& program) noexcept {
    // The kernel only reads the instructions; the type lacks the const.
    sock_fprog filter{static_cast<unsigned short>(program.count),
                      const_cast<sock_filter*>(program.instructions.data())};
    return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0;
}

}  // namespace snapjail::jail
