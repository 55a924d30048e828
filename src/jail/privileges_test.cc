#include "jail/privileges.h"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "jail/child_for_test.h"

namespace snapjail::jail {
namespace {

constexpr uid_t kSomebody = 65502;
constexpr CapabilitySet kTwo = capability_set(CAP_CHOWN) | capability_set(CAP_SYS_CHROOT);

// What file capabilities that are permitted and not effective make of an ordinary user.
bool become_somebody_with(CapabilitySet permitted) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> data{};
    data[0].permitted = static_cast<__u32>(permitted);
    return ::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0 &&
           ::setresuid(kSomebody, kSomebody, kSomebody) == 0 &&
           ::syscall(SYS_capset, &header, data.data()) == 0;
}

// Only root can make such a user.
class Privileges : public testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0 || !hold_capabilities(kTwo | capability_set(CAP_SETUID))) {
            GTEST_SKIP() << "not root, or one with few capabilities";
        }
    }
};

TEST_F(Privileges, WhatIsPermittedIsTakenUp) {
    EXPECT_EQ(in_child([] {
                  bool held_before =
                      become_somebody_with(kTwo) && hold_capabilities(capability_set(CAP_CHOWN));
                  return !held_before && take_up_capabilities() && hold_capabilities(kTwo) ? 0 : 1;
              }),
              0);
}

TEST_F(Privileges, NothingPermittedIsNothingTakenUp) {
    EXPECT_EQ(
        in_child([] {
            return become_somebody_with(0) && take_up_capabilities() && !has_capabilities() ? 0 : 1;
        }),
        0);
}

TEST_F(Privileges, WhoTakesUpCapabilitiesIsDumpable) {
    EXPECT_EQ(in_child([] {
                  return become_somebody_with(kTwo) && ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 1 &&
                                 take_up_capabilities() && ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1
                             ? 0
                             : 1;
              }),
              0);
}

bool is_ambient(int capability) {
    return ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, capability, 0, 0) == 1;
}

TEST_F(Privileges, OfWhatIsPermittedOnlyWhatIsWantedIsHandedOn) {
    EXPECT_EQ(in_child([&] {
                  return become_somebody_with(kTwo) && take_up_capabilities() &&
                                 hand_on_capabilities(capability_set(CAP_SYS_CHROOT) |
                                                      capability_set(CAP_KILL)) &&
                                 is_ambient(CAP_SYS_CHROOT) && !is_ambient(CAP_CHOWN) &&
                                 !is_ambient(CAP_KILL)
                             ? 0
                             : 1;
              }),
              0);
}

TEST_F(Privileges, WhatWasHandedOnGoesWithTheRest) {
    EXPECT_EQ(in_child([] {
                  bool had = become_somebody_with(kTwo) && take_up_capabilities() &&
                             hand_on_capabilities(kTwo) && is_ambient(CAP_SYS_CHROOT);
                  return had && drop_capabilities() && !is_ambient(CAP_SYS_CHROOT) ? 0 : 1;
              }),
              0);
}

// Unlike a change from root: that is why a child that cleans a slot drops them by itself.
TEST_F(Privileges, AChangeFromOneOrdinaryUserToAnotherKeepsThem) {
    EXPECT_EQ(in_child([] {
                  return become_somebody_with(capability_set(CAP_SETUID)) &&
                                 take_up_capabilities() && ::setresuid(1, 1, 1) == 0 &&
                                 hold_capabilities(capability_set(CAP_SETUID))
                             ? 0
                             : 1;
              }),
              0);
}

TEST_F(Privileges, TheBoundingSetIsEmptied) {
    EXPECT_EQ(in_child([] {
                  return has_bounding_capabilities() && empty_bounding_set() &&
                                 !has_bounding_capabilities()
                             ? 0
                             : 1;
              }),
              0);
}

}  // namespace
}  // namespace snapjail::jail
