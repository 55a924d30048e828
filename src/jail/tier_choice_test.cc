#include "jail/tier_choice.h"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <string>

#include "jail/child_for_test.h"
#include "jail/landlock.h"
#include "jail/privileges.h"

namespace snapjail::jail {
namespace {

constexpr uid_t kSomebody = 65502;
constexpr std::uint32_t kLandlockScopes = 6;

// As after `docker run --cap-drop ALL`, as root.
bool become_root_without_capabilities() {
    return empty_bounding_set() && drop_capabilities();
}

class TierChoiceAsRoot : public testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0 ||
            !hold_capabilities(capability_set(CAP_SETUID) | capability_set(CAP_SYS_CHROOT))) {
            GTEST_SKIP() << "not root, or one with few capabilities";
        }
    }
};

TEST(TierChoice, ProcessIsNeverMoreThanWasAskedFor) {
    auto choice = choose_tier(Isolation::kProcess);

    if (!choice) {
        GTEST_SKIP() << choice.error().to_string();
    }
    EXPECT_EQ(choice->tier, Tier::kProcess);
    EXPECT_EQ(choice->why_not_full, "--isolation=process was asked for");
}

TEST(TierChoice, AutoIsFullExactlyWhereFullIsNotRefused) {
    auto automatic = choose_tier(Isolation::kAuto);
    auto full = choose_tier(Isolation::kFull);

    EXPECT_EQ(full.has_value(), automatic && automatic->tier == Tier::kFull);
    if (!full) {
        EXPECT_EQ(full.error().kind, ErrorKind::kUnsupported);
        EXPECT_NE(full.error().detail.find("to mend: "), std::string::npos);
        EXPECT_TRUE(!automatic || !automatic->why_not_full.empty());
    }
}

TEST_F(TierChoiceAsRoot, RootMayGiveIdsAndRoots) {
    auto choice = choose_tier(Isolation::kProcess);

    ASSERT_TRUE(choice) << choice.error().to_string();
    EXPECT_TRUE(choice->may_own_uid);
    EXPECT_TRUE(choice->may_chroot);
}

TEST_F(TierChoiceAsRoot, RootThatMayBecomeNobodyElseIsRefusedWithTheRemedy) {
    EXPECT_EQ(in_child([] {
                  if (!become_root_without_capabilities()) {
                      return 2;
                  }
                  auto choice = choose_tier(Isolation::kProcess);
                  bool is_told = !choice && choice.error().kind == ErrorKind::kUnsupported &&
                                 choice.error().detail.find("--user 1000") != std::string::npos;
                  return is_told ? 0 : 1;
              }),
              0);
}

TEST_F(TierChoiceAsRoot, AnOrdinaryUserGivesNeitherAndNeedsLandlocksScopes) {
    EXPECT_EQ(in_child([] {
                  if (::setresgid(kSomebody, kSomebody, kSomebody) != 0 ||
                      ::setresuid(kSomebody, kSomebody, kSomebody) != 0) {
                      return 2;
                  }
                  auto choice = choose_tier(Isolation::kProcess);
                  if (landlock_abi() < kLandlockScopes) {
                      return choice ? 1 : 0;
                  }
                  return choice && !choice->may_own_uid && !choice->may_chroot ? 0 : 1;
              }),
              0);
}

// What the image's file capabilities are for.
TEST_F(TierChoiceAsRoot, AnOrdinaryUserWithTheFewCapabilitiesGivesBoth) {
    EXPECT_EQ(in_child([] {
                  if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 ||
                      ::setresuid(kSomebody, kSomebody, kSomebody) != 0 ||
                      !take_up_capabilities()) {
                      return 2;
                  }
                  auto choice = choose_tier(Isolation::kProcess);
                  return choice && choice->may_own_uid && choice->may_chroot ? 0 : 1;
              }),
              0);
}

}  // namespace
}  // namespace snapjail::jail
