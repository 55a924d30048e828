#include "jail/landlock.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace snapjail::jail {
namespace {

// linux/landlock.h of Debian 12 stops at ABI 2, so the interface is written out here.
// Source: the kernel's Documentation/userspace-api/landlock.rst.
constexpr std::uint32_t kCreateRulesetVersion = 1;
constexpr int kRulePathBeneath = 1;

constexpr std::uint64_t kFsExecute = 1ull << 0;
constexpr std::uint64_t kFsWriteFile = 1ull << 1;
constexpr std::uint64_t kFsReadFile = 1ull << 2;
constexpr std::uint64_t kFsReadDir = 1ull << 3;
constexpr std::uint64_t kFsMakeChar = 1ull << 6;
constexpr std::uint64_t kFsMakeBlock = 1ull << 11;
constexpr std::uint64_t kFsRefer = 1ull << 13;     // ABI 2
constexpr std::uint64_t kFsTruncate = 1ull << 14;  // ABI 3
constexpr std::uint64_t kFsIoctlDev = 1ull << 15;  // ABI 5
constexpr std::uint64_t kFsAbi1 = (1ull << 13) - 1;

constexpr std::uint64_t kNetBindAndConnectTcp = 3;            // ABI 4
constexpr std::uint64_t kScopeAbstractSocketsAndSignals = 3;  // ABI 6

struct RulesetAttr {
    std::uint64_t handled_access_fs;
    std::uint64_t handled_access_net;
    std::uint64_t scoped;
};

struct [[gnu::packed]] PathBeneathAttr {
    std::uint64_t allowed_access;
    std::int32_t parent_fd;
};

RulesetAttr all_that_abi_handles(std::uint32_t abi) noexcept {
    RulesetAttr attr{kFsAbi1, 0, 0};
    if (abi >= 2) {
        attr.handled_access_fs |= kFsRefer;
    }
    if (abi >= 3) {
        attr.handled_access_fs |= kFsTruncate;
    }
    if (abi >= 4) {
        attr.handled_access_net = kNetBindAndConnectTcp;
    }
    if (abi >= 5) {
        attr.handled_access_fs |= kFsIoctlDev;
    }
    if (abi >= 6) {
        attr.scoped = kScopeAbstractSocketsAndSignals;
    }
    return attr;
}

int create_ruleset(const RulesetAttr& attr, std::uint32_t abi) noexcept {
    // An older kernel refuses a larger structure than it knows (E2BIG), even one filled with zeros.
    std::size_t size = abi >= 6 ? sizeof(attr) : abi >= 4 ? 16 : 8;
    return static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attr, size, 0));
}

bool allow_beneath(int ruleset, const char* path, std::uint64_t access) noexcept {
    int directory = ::open(path, O_PATH | O_CLOEXEC);
    if (directory < 0) {
        return false;
    }
    PathBeneathAttr rule{access, directory};
    long rc = ::syscall(SYS_landlock_add_rule, ruleset, kRulePathBeneath, &rule, 0);
    int saved_errno = errno;
    ::close(directory);
    errno = saved_errno;
    return rc == 0;
}

int restrict_self(int ruleset) noexcept {
    long rc = ::syscall(SYS_landlock_restrict_self, ruleset, 0);
    int saved_errno = errno;
    ::close(ruleset);
    return rc == 0 ? 0 : saved_errno;
}

// Changed only in a build for the tests of the walls.
std::uint32_t pretended_abi_max = ~0u;

}  // namespace

#ifdef SNAPJAIL_TEST_LAYERS
void pretend_landlock_abi(std::uint32_t abi_max) noexcept {
    pretended_abi_max = abi_max;
}
#endif

std::uint32_t landlock_abi() noexcept {
    long abi = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, kCreateRulesetVersion);
    return abi > 0 ? std::min(static_cast<std::uint32_t>(abi), pretended_abi_max) : 0;
}

int restrict_guest_by_landlock(const JailPlan& plan) noexcept {
    RulesetAttr attr = all_that_abi_handles(plan.landlock_abi);
    int ruleset = create_ruleset(attr, plan.landlock_abi);
    if (ruleset < 0) {
        return errno;
    }
    std::uint64_t handled = attr.handled_access_fs;
    std::uint64_t anything = handled & ~(kFsMakeChar | kFsMakeBlock | kFsIoctlDev);
    bool ok = allow_beneath(ruleset, "/", kFsExecute | kFsReadFile | kFsReadDir) &&
              allow_beneath(ruleset, "/tmp", anything) &&
              allow_beneath(ruleset, "/dev",
                            handled & (kFsWriteFile | kFsReadFile | kFsReadDir | kFsTruncate));
    for (std::uint32_t i = 0; i < plan.tmpfs_count; ++i) {
        ok = ok && allow_beneath(ruleset, plan.tmpfs[i].path.data(), anything);
    }
    if (!ok) {
        int saved_errno = errno;
        ::close(ruleset);
        return saved_errno;
    }
    return restrict_self(ruleset);
}

int restrict_placed_guest_by_landlock(const JailPlan& plan, const char* folder) noexcept {
    RulesetAttr attr = all_that_abi_handles(plan.landlock_abi);
    int ruleset = create_ruleset(attr, plan.landlock_abi);
    if (ruleset < 0) {
        return errno;
    }
    std::uint64_t handled = attr.handled_access_fs;
    bool ok = allow_beneath(ruleset, folder,
                            handled & ~(kFsExecute | kFsMakeChar | kFsMakeBlock | kFsIoctlDev));
    // In a root of its own all that a guest could list is its own.
    if (plan.places.has_roots != 0) {
        ok = ok && allow_beneath(ruleset, "/", kFsReadDir);
    }
    for (const char* device :
         {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}) {
        ok = ok &&
             allow_beneath(ruleset, device, handled & (kFsWriteFile | kFsReadFile | kFsTruncate));
    }
    for (std::uint32_t i = 0; i < plan.places.readable_count; ++i) {
        const char* path = plan.places.readable[i].data();
        // A rule for a file may not hold what only a folder can have.
        ok = ok && (allow_beneath(ruleset, path, kFsExecute | kFsReadFile | kFsReadDir) ||
                    allow_beneath(ruleset, path, kFsExecute | kFsReadFile));
    }
    if (!ok) {
        int saved_errno = errno;
        ::close(ruleset);
        return saved_errno;
    }
    return restrict_self(ruleset);
}

int restrict_all_by_landlock(std::uint32_t abi) noexcept {
    int ruleset = create_ruleset(all_that_abi_handles(abi), abi);
    return ruleset < 0 ? errno : restrict_self(ruleset);
}

}  // namespace snapjail::jail
