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

// As capget(2) and capset(2) have them: the low halves of the three sets, then the high ones.
struct Held {
    std::array<__user_cap_data_struct, 2> words{};

    CapabilitySet permitted() const { return joined(&__user_cap_data_struct::permitted); }
    CapabilitySet effective() const { return joined(&__user_cap_data_struct::effective); }

    using Member = __u32 __user_cap_data_struct::*;
    CapabilitySet joined(Member member) const {
        return words[0].*member | CapabilitySet{words[1].*member} << 32;
    }
    void set(Member member, CapabilitySet to) {
        words[0].*member = static_cast<__u32>(to);
        words[1].*member = static_cast<__u32>(to >> 32);
    }
};

bool read_held(Held& held) noexcept {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    return ::syscall(SYS_capget, &header, held.words.data()) == 0;
}

bool write_held(const Held& held) noexcept {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    return ::syscall(SYS_capset, &header, held.words.data()) == 0;
}

}  // namespace

bool take_up_capabilities() noexcept {
    Held held;
    if (!read_held(held)) {
        return false;
    }
    if (held.effective() == held.permitted()) {
        return true;
    }
    held.set(&__user_cap_data_struct::effective, held.permitted());
    return write_held(held) && ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0;
}

bool hand_on_capabilities(CapabilitySet wanted) noexcept {
    Held held;
    if (!read_held(held)) {
        return false;
    }
    CapabilitySet kept = held.permitted() & wanted;
    held.set(&__user_cap_data_struct::inheritable, kept);
    if (!write_held(held)) {
        return false;
    }
    for (int capability = 0; capability < kCapabilitiesMax; ++capability) {
        if ((kept & capability_set(capability)) != 0 &&
            ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) != 0) {
            return false;
        }
    }
    return true;
}

bool hold_capabilities(CapabilitySet wanted) noexcept {
    Held held;
    return read_held(held) && (held.effective() & wanted) == wanted;
}

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
    if (!write_held(Held{})) {
        return false;
    }
    errno = EPERM;
    return !has_capabilities();
}

bool has_capabilities() noexcept {
    Held held;
    if (!read_held(held)) {
        return true;  // What cannot be seen is not trusted to have gone.
    }
    for (const auto& word : held.words) {
        if ((word.effective | word.permitted | word.inheritable) != 0) {
            return true;
        }
    }
    return false;
}

bool has_bounding_capabilities() noexcept {
    for (int capability = 0; capability < kCapabilitiesMax; ++capability) {
        int held = ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0);
        if (held != 0) {
            return held > 0 || errno != EINVAL;  // Past the last one that this kernel knows.
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
