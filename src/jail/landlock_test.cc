#include "jail/landlock.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "jail/child_for_test.h"

namespace snapjail::jail {
namespace {

enum class Domain { kNone, kGuest, kAll };

// Enters the domain; 0 or an errno.
int enter(Domain domain) {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return errno;
    }
    JailPlan plan;
    plan.landlock_abi = landlock_abi();
    switch (domain) {
        case Domain::kNone:
            return 0;
        case Domain::kGuest:
            return restrict_guest_by_landlock(plan);
        case Domain::kAll:
            return restrict_all_by_landlock(landlock_abi());
    }
    return EINVAL;
}

int open_errno(Domain domain, const char* path, int flags) {
    return in_child([=] {
        int rc = enter(domain);
        return rc != 0 ? 254 : ::open(path, flags, 0600) < 0 ? errno : 0;
    });
}

class Landlock : public testing::Test {
  protected:
    void SetUp() override {
        if (landlock_abi() == 0) {
            GTEST_SKIP() << "this kernel has no Landlock";
        }
    }
};

TEST_F(Landlock, RestrictedWhollyAProcessOpensNothing) {
    EXPECT_EQ(open_errno(Domain::kNone, "/etc/passwd", O_RDONLY), 0);

    EXPECT_EQ(open_errno(Domain::kAll, "/etc/passwd", O_RDONLY), EACCES);
    EXPECT_EQ(open_errno(Domain::kAll, "/dev/null", O_WRONLY), EACCES);
    EXPECT_EQ(open_errno(Domain::kAll, "/tmp", O_RDONLY | O_DIRECTORY), EACCES);
}

TEST_F(Landlock, RestrictedWhollyAProcessStillReadsWhatItHasOpen) {
    int status = in_child([] {
        int file = ::open("/etc/passwd", O_RDONLY);
        char byte = 0;
        return enter(Domain::kAll) != 0 ? 254 : ::read(file, &byte, 1) == 1 ? 0 : errno;
    });

    EXPECT_EQ(status, 0);
}

TEST_F(Landlock, RestrictedWhollyAProcessExecutesNothing) {
    auto exec_errno = [](Domain domain) {
        return in_child([=] {
            if (enter(domain) != 0) {
                return 254;
            }
            ::execl("/bin/true", "true", nullptr);
            return errno;
        });
    };

    EXPECT_EQ(exec_errno(Domain::kNone), 0);
    EXPECT_EQ(exec_errno(Domain::kAll), EACCES);
}

TEST_F(Landlock, AGuestReadsEverywhereAndWritesInTmpAndDevOnly) {
    char folder_outside[] = "/var/tmp/snapjail-landlock-XXXXXX";
    char folder_inside[] = "/tmp/snapjail-landlock-XXXXXX";
    ASSERT_NE(::mkdtemp(folder_outside), nullptr);
    ASSERT_NE(::mkdtemp(folder_inside), nullptr);
    std::string outside = std::string(folder_outside) + "/file";
    std::string inside = std::string(folder_inside) + "/file";
    constexpr int kCreate = O_WRONLY | O_CREAT;

    EXPECT_EQ(open_errno(Domain::kNone, outside.c_str(), kCreate), 0);
    EXPECT_EQ(open_errno(Domain::kGuest, outside.c_str(), O_RDONLY), 0);
    EXPECT_EQ(open_errno(Domain::kGuest, outside.c_str(), O_WRONLY), EACCES);
    EXPECT_EQ(open_errno(Domain::kGuest, (outside + "2").c_str(), kCreate), EACCES);
    EXPECT_EQ(open_errno(Domain::kGuest, inside.c_str(), kCreate), 0);
    EXPECT_EQ(open_errno(Domain::kGuest, "/dev/null", O_WRONLY), 0);

    std::filesystem::remove_all(folder_outside);
    std::filesystem::remove_all(folder_inside);
}

TEST_F(Landlock, AGuestMountsNothingAfterwards) {
    int status = in_child([] {
        int rc = enter(Domain::kGuest);
        return rc != 0 ? 254 : ::mount("tmpfs", "/tmp", "tmpfs", 0, nullptr) == 0 ? 0 : errno;
    });

    EXPECT_EQ(status, EPERM);
}

TEST_F(Landlock, EveryAbiUpToTheKernelsOwnCanBeAskedFor) {
    for (std::uint32_t abi = 1; abi <= landlock_abi(); ++abi) {
        int status = in_child([=] {
            ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
            JailPlan plan;
            plan.landlock_abi = abi;
            return restrict_guest_by_landlock(plan);
        });
        EXPECT_EQ(status, 0) << abi;
    }
}

TEST_F(Landlock, WithoutNoNewPrivsAnUnprivilegedProcessIsRefused) {
    int status = in_child([] {
        if (::geteuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) {
            return 254;
        }
        return restrict_all_by_landlock(landlock_abi());
    });

    EXPECT_EQ(status, EPERM);
}

}  // namespace
}  // namespace snapjail::jail
