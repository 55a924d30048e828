#include "jail/root/slot_places.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "base/syscall.h"
#include "jail/landlock.h"
#include "jail/root/link_roots.h"

namespace snapjail::jail {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kRoots = 3;

// Roots of a few files, for an interpreter that is none.
class SlotPlacesTest : public testing::Test {
  protected:
    void SetUp() override {
        char name[] = "/var/tmp/snapjail-places-XXXXXX";
        ASSERT_NE(::mkdtemp(name), nullptr);
        base_ = name;
        interpreter_.program = base_ + "/python";
        interpreter_.version = "3.0.0";
        RootTree tree;
        tree.entries.push_back({.kind = EntryKind::kDirectory, .path = "etc", .content = {}});
        tree.entries.push_back({.kind = EntryKind::kDirectory, .path = "snapjail", .content = {}});
        tree.entries.push_back({.kind = EntryKind::kDirectory, .path = "tmp", .content = {}});
        auto made = link_roots(tree, roots_stamp(interpreter_), roots(), kRoots, [](auto) {});
        ASSERT_TRUE(made) << made.error().to_string();
        ASSERT_EQ(::chmod(base_.c_str(), 0755), 0);
    }
    void TearDown() override { fs::remove_all(base_); }

    std::string roots() const { return base_ + "/roots"; }

    // Of a host that allows both, or not.
    static TierChoice choice(bool may_own_uid = true, bool may_chroot = true) {
        return {.tier = Tier::kProcess,
                .may_own_uid = may_own_uid,
                .may_chroot = may_chroot,
                .layers = {},
                .why_not_full = {}};
    }
    Result<SlotPlaces> prepare(std::uint32_t slots, const TierChoice& choice) const {
        return SlotPlaces::prepare(choice, {.roots_folder = roots(),
                                            .slots = slots,
                                            .interpreter = &interpreter_,
                                            .readable = {},
                                            .own_wrapper = {}});
    }

    std::string base_;
    Interpreter interpreter_;
};

// Giving a root to a slot's id is root's to do.
class SlotPlacesInRoots : public SlotPlacesTest {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) {
            GTEST_SKIP() << "only root may give folders away";
        }
        SlotPlacesTest::SetUp();
    }
};

struct stat status_of(const std::string& path) {
    struct stat status {};
    EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
    return status;
}

TEST_F(SlotPlacesInRoots, EachSlotHasARootWhoseTmpIsItsIdsAlone) {
    auto prepared = prepare(2, choice());

    ASSERT_TRUE(prepared) << prepared.error().to_string();
    ASSERT_EQ(prepared->why_no_roots(), "");
    EXPECT_EQ(prepared->slots(), 2u);
    const ProcessPlaces& places = prepared->places();
    EXPECT_EQ(places.has_roots, 1u);
    EXPECT_NE(places.slot_uid_first, 0u);
    for (std::uint32_t slot = 0; slot < 2; ++slot) {
        struct stat status =
            status_of(roots() + "/" + std::to_string(places.numbers[slot]) + "/tmp");
        EXPECT_EQ(status.st_uid, places.slot_uid_first + slot);
        EXPECT_EQ(status.st_gid, places.slot_uid_first + slot);
        EXPECT_EQ(status.st_mode & 07777u, 0700u);
    }
}

TEST_F(SlotPlacesInRoots, FewerRootsAreFewerSlots) {
    auto prepared = prepare(kRoots + 1, choice());

    ASSERT_TRUE(prepared);
    EXPECT_EQ(prepared->slots(), kRoots);
}

TEST_F(SlotPlacesInRoots, TwoServicesShareNoRoot) {
    auto first = prepare(2, choice());
    auto second = prepare(2, choice());

    ASSERT_TRUE(first);
    ASSERT_TRUE(second);
    EXPECT_EQ(first->slots() + second->slots(), kRoots);
    EXPECT_EQ(second->places().numbers[0], 2u);
}

TEST_F(SlotPlacesInRoots, ARootIsFreeAgainWhenItsServiceHasGone) {
    { auto first = prepare(kRoots, choice()); }

    auto second = prepare(kRoots, choice());

    ASSERT_TRUE(second);
    EXPECT_EQ(second->slots(), kRoots);
}

// A container that is killed and started again has what its jobs left, and other ids.
TEST_F(SlotPlacesInRoots, WhatAKilledServiceHasLeftIsGone) {
    constexpr uid_t kOldId = 54'321;
    std::string tmp = roots() + "/0/tmp";
    for (const char* path : {"", "/folder", "/folder/in it"}) {
        ASSERT_TRUE(fs::exists(tmp + path) || fs::create_directory(tmp + path));
        ASSERT_EQ(::chown((tmp + path).c_str(), kOldId, kOldId), 0);
    }
    ASSERT_TRUE(write_file(tmp + "/folder/file", "left"));
    ASSERT_EQ(::chmod((tmp + "/folder").c_str(), 0), 0);

    auto prepared = prepare(1, choice());

    ASSERT_TRUE(prepared);
    ASSERT_EQ(prepared->why_no_roots(), "");
    EXPECT_EQ(prepared->places().numbers[0], 0u);
    EXPECT_TRUE(fs::is_empty(tmp));
}

TEST_F(SlotPlacesInRoots, AGuestFindsItsNameInItsRoot) {
    auto prepared = prepare(1, choice());

    ASSERT_TRUE(prepared);
    auto passwd = read_file(roots() + "/0/etc/passwd", 4096);
    ASSERT_TRUE(passwd);
    std::string id = std::to_string(prepared->places().slot_uid_first);
    EXPECT_NE(passwd->find("guest:x:" + id + ":" + id + ":"), std::string::npos) << *passwd;
}

TEST_F(SlotPlacesInRoots, AnotherInterpretersRootsAreNotUsed) {
    interpreter_.version = "3.0.1";

    auto prepared = prepare(1, choice());

    ASSERT_TRUE(prepared);
    EXPECT_NE(prepared->why_no_roots().find("another interpreter"), std::string::npos);
    EXPECT_EQ(prepared->places().has_roots, 0u);
}

TEST_F(SlotPlacesTest, WithoutChrootJobsHaveFoldersThatGoWithTheService) {
    if (landlock_abi() == 0) {
        GTEST_SKIP() << "this kernel has no Landlock";
    }
    std::string folder;
    {
        auto prepared = prepare(2, choice(/*may_own_uid=*/false, /*may_chroot=*/false));

        ASSERT_TRUE(prepared) << prepared.error().to_string();
        EXPECT_NE(prepared->why_no_roots(), "");
        folder = prepared->places().slots.data();
        EXPECT_EQ(prepared->places().has_roots, 0u);
        EXPECT_EQ(prepared->places().slot_uid_first, 0u);
        EXPECT_EQ(status_of(folder).st_mode & 07777u, 0711u);
        EXPECT_EQ(status_of(folder + "/1").st_mode & 07777u, 0700u);
        EXPECT_EQ(status_of(folder + "/1").st_uid, ::geteuid());
    }
    EXPECT_FALSE(fs::exists(folder));
}

TEST_F(SlotPlacesTest, WhatMayBeReadIsNamedOnceAndNeverTheJobsOwn) {
    if (landlock_abi() == 0) {
        GTEST_SKIP() << "this kernel has no Landlock";
    }
    fs::create_directories(base_ + "/lib/deeper");
    interpreter_.paths = {base_ + "/lib", base_ + "/lib/deeper", base_ + "/is not there"};

    auto prepared = prepare(1, choice(/*may_own_uid=*/false, /*may_chroot=*/false));

    ASSERT_TRUE(prepared);
    int times = 0;
    for (std::uint32_t i = 0; i < prepared->places().readable_count; ++i) {
        std::string path = prepared->places().readable[i].data();
        times += path == base_ + "/lib" ? 1 : 0;
        EXPECT_NE(path, base_ + "/lib/deeper");
        EXPECT_NE(path, base_ + "/is not there");
        EXPECT_FALSE(std::string(prepared->places().slots.data()).starts_with(path + "/")) << path;
    }
    EXPECT_EQ(times, 1);
}

}  // namespace
}  // namespace snapjail::jail
