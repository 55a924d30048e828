#include "jail/root/host_path.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "base/syscall.h"
#include "base/unique_fd.h"
#include "jail/root/bind_source.h"

namespace snapjail::jail {
namespace {

constexpr const char* kMounts =
    "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n"
    "23 22 0:5 / /dev rw shared:2 - devtmpfs udev rw\n"
    "24 22 0:21 / /proc rw - proc proc rw\n"
    "30 22 0:21 / /srv/chroot/proc rw - proc proc rw\n"
    "31 22 0:5 / /srv/my\\040devices rw - devtmpfs udev rw\n"
    "32 22 8:2 / /data rw master:1 - ext4 /dev/sdb1 rw\n"
    "33 22 0:9 / /twice rw - sysfs sysfs rw\n"
    "34 33 8:2 / /twice rw - ext4 /dev/sdb1 rw\n";

TEST(HostPath, WhatIsTheHostsOwnIsNotForGuestsByNameOrByMount) {
    for (const char* path : {"/", "/proc", "/proc/1/root", "/sys/kernel", "/dev",
                             "/run/docker.sock", "/srv/my devices", "/srv/my devices/sda"}) {
        EXPECT_NE(why_not_for_guests(path, kMounts), "") << path;
    }
    for (const char* path : {"/data", "/data/run", "/process", "/system", "/running", "/usr"}) {
        EXPECT_EQ(why_not_for_guests(path, kMounts), "") << path;
    }
}

TEST(HostPath, AFolderWithAProcfsMountedBelowIsNotForGuests) {
    EXPECT_EQ(why_not_for_guests("/srv/chroot", kMounts),
              "/srv/chroot/proc below it is a proc, the host's own state");
    EXPECT_NE(why_not_for_guests("/srv", kMounts), "");
    EXPECT_EQ(why_not_for_guests("/srv/chroot/process", kMounts), "");
    EXPECT_EQ(why_not_for_guests("/srv/chroot/usr", kMounts), "");
}

TEST(HostPath, OfTwoMountsAtOnePlaceTheLastIsThere) {
    EXPECT_EQ(why_not_for_guests("/twice", kMounts), "");
    EXPECT_NE(why_not_for_guests("/twice",
                                 std::string(kMounts) + "35 34 0:9 / /twice rw - sysfs sysfs rw\n"),
              "");
}

TEST(HostPath, ABrokenMountTableEndsNothing) {
    for (const char* table :
         {"", "\n\n", "1 2 3", "1 2 3 4 /x", "1 2 3 4 /x\\ -", "- - - - - - -"}) {
        EXPECT_EQ(why_not_for_guests("/data", table), "");
    }
}

TEST(HostPath, ThisHostsProcfsIsKnownByItsKind) {
    UniqueFd proc = open_file("/proc/self", O_PATH).value();
    UniqueFd usr = open_file("/usr", O_PATH).value();
    EXPECT_TRUE(is_kernels_own(proc.get()));
    EXPECT_FALSE(is_kernels_own(usr.get()));
}

// A folder with a file, and links to both.
class LinksTest : public testing::Test {
  protected:
    LinksTest() {
        char name[] = "/var/tmp/snapjail-links-XXXXXX";
        base_ = ::mkdtemp(name);
        namespace fs = std::filesystem;
        fs::create_directories(base_ + "/folder/below");
        EXPECT_TRUE(write_file(base_ + "/folder/file", "x"));
        fs::create_symlink("folder", base_ + "/to_folder");
        fs::create_symlink("file", base_ + "/folder/to_file");
        fs::create_symlink("/proc", base_ + "/to_proc");
    }
    ~LinksTest() override { std::filesystem::remove_all(base_); }

    // Of open_without_links: 0 or errno.
    int open_error(int folder, const std::string& path) const {
        UniqueFd fd(open_without_links(folder, path));
        return fd.is_open() ? 0 : errno;
    }
    std::string base_;
};

TEST_F(LinksTest, AreFollowedToTheirEndWhenAPathIsJudged) {
    auto folder = resolve_host_path(base_ + "/to_folder");
    ASSERT_TRUE(folder);
    EXPECT_EQ(folder->resolved, base_ + "/folder");
    EXPECT_TRUE(folder->is_directory);
    EXPECT_FALSE(folder->is_regular);
    EXPECT_TRUE(resolve_host_path(base_ + "/to_folder/to_file")->is_regular);
    EXPECT_EQ(resolve_host_path(base_ + "/to_proc")->resolved, "/proc");
    EXPECT_EQ(resolve_host_path(base_ + "/nothing").error().sys_errno, ENOENT);
}

TEST_F(LinksTest, AreNotFollowedWhenASourceIsOpened) {
    EXPECT_EQ(open_error(AT_FDCWD, base_ + "/folder/file"), 0);
    EXPECT_EQ(open_error(AT_FDCWD, base_ + "//folder/below/"), 0);
    EXPECT_EQ(open_error(AT_FDCWD, base_ + "/to_folder"), ELOOP);
    EXPECT_EQ(open_error(AT_FDCWD, base_ + "/to_folder/file"), ELOOP);
    EXPECT_EQ(open_error(AT_FDCWD, base_ + "/folder/to_file"), ELOOP);
    EXPECT_EQ(open_error(AT_FDCWD, base_ + "/folder/nothing"), ENOENT);
    EXPECT_EQ(open_error(AT_FDCWD, base_ + "/folder/file/below"), ENOTDIR);
}

TEST_F(LinksTest, AreNotFollowedBelowAFolderEither) {
    UniqueFd base = open_file(base_, O_PATH).value();
    EXPECT_EQ(open_error(base.get(), ""), 0);
    EXPECT_EQ(open_error(base.get(), "folder/below"), 0);
    EXPECT_EQ(open_error(base.get(), "to_folder/below"), ELOOP);
    EXPECT_EQ(open_error(base.get(), std::string(255, 'a')), ENOENT);
    EXPECT_EQ(open_error(base.get(), std::string(256, 'a')), ENAMETOOLONG);
}

TEST_F(LinksTest, AreNotFollowedToAMountAndAProcfsIsNoSource) {
    EXPECT_EQ(open_bind_source((base_ + "/to_folder").c_str(), 0), -1);
    EXPECT_EQ(errno, ELOOP);
    EXPECT_EQ(open_bind_source("/proc", 0), -1);
    EXPECT_EQ(errno, EPERM);
    EXPECT_EQ(open_bind_source("/sys/kernel", 0), -1);
    EXPECT_EQ(errno, EPERM);
}

}  // namespace
}  // namespace snapjail::jail
