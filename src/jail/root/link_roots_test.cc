#include "jail/root/link_roots.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/syscall.h"

namespace snapjail::jail {
namespace {

namespace fs = std::filesystem;

class LinkRoots : public testing::Test {
  protected:
    void SetUp() override {
        char name[] = "/var/tmp/snapjail-roots-XXXXXX";
        ASSERT_NE(::mkdtemp(name), nullptr);
        base_ = name;
        fs::create_directories(at("lib/package"));
        ASSERT_TRUE(write_file(at("lib/package/module.py"), "x = 1\n"));
        fs::create_symlink("module.py", at("lib/package/link.py"));
        tree_.entries = {
            {.kind = EntryKind::kDirectory, .path = "tmp", .content = {}},
            {.kind = EntryKind::kBind, .path = "lib", .content = at("lib")},
            {.kind = EntryKind::kFile, .path = "hosts", .content = "localhost\n"},
            {.kind = EntryKind::kSymlink, .path = "shm", .content = "/tmp"},
        };
    }
    void TearDown() override { fs::remove_all(base_); }

    std::string at(const std::string& name) const { return base_ + "/" + name; }
    std::string in_root(int number, const std::string& name) const {
        return at("roots/" + std::to_string(number) + "/" + name);
    }
    Result<LinkedRoots> link(std::uint32_t count) {
        return link_roots(tree_, "stamp\n", at("roots"), count,
                          [this](std::uint32_t done) { progress_.push_back(done); });
    }

    std::string base_;
    RootTree tree_;
    std::vector<std::uint32_t> progress_;
};

ino_t inode_of(const std::string& path) {
    struct stat status {};
    EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
    return status.st_ino;
}

TEST_F(LinkRoots, EachRootIsWholeAndTheirFilesAreOne) {
    auto made = link(3);

    ASSERT_TRUE(made) << made.error().to_string();
    EXPECT_EQ(made->count, 3u);
    EXPECT_EQ(progress_, (std::vector<std::uint32_t>{1, 2, 3}));
    for (int number = 0; number < 3; ++number) {
        EXPECT_TRUE(fs::is_empty(in_root(number, "tmp")));
        EXPECT_EQ(inode_of(in_root(number, "lib/package/module.py")),
                  inode_of(at("lib/package/module.py")));
        EXPECT_EQ(inode_of(in_root(number, "hosts")), inode_of(in_root(0, "hosts")));
        EXPECT_EQ(fs::read_symlink(in_root(number, "lib/package/link.py")), "module.py");
        EXPECT_EQ(fs::read_symlink(in_root(number, "shm")), "/tmp");
    }
}

TEST_F(LinkRoots, WhatGivesRightsIsLeftOut) {
    ASSERT_TRUE(write_file(at("lib/setuid"), "program"));
    ASSERT_EQ(::chmod(at("lib/setuid").c_str(), 04755), 0);
    ASSERT_EQ(::mkfifo(at("lib/fifo").c_str(), 0644), 0);

    ASSERT_TRUE(link(1));

    EXPECT_FALSE(fs::exists(in_root(0, "lib/setuid")));
    EXPECT_FALSE(fs::exists(in_root(0, "lib/fifo")));
    EXPECT_TRUE(fs::exists(in_root(0, "lib/package/module.py")));
}

TEST_F(LinkRoots, TheyStandInPlaceOfOldOnes) {
    ASSERT_TRUE(link(3));
    ASSERT_TRUE(write_file(in_root(0, "tmp/left"), "by a job"));

    ASSERT_TRUE(link(1));

    EXPECT_FALSE(fs::exists(in_root(0, "tmp/left")));
    EXPECT_FALSE(fs::exists(in_root(1, "")));
}

TEST_F(LinkRoots, TheStampIsThereOnlyWhenTheyAreWhole) {
    tree_.entries.push_back(
        {.kind = EntryKind::kBind, .path = "missing", .content = at("is not there")});

    auto made = link(1);

    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().sys_errno, ENOENT);
    EXPECT_FALSE(fs::exists(at("roots/" + std::string(kRootsStampName))));
    tree_.entries.pop_back();
    ASSERT_TRUE(link(1));
    auto stamp = read_file(at("roots/" + std::string(kRootsStampName)), 64);
    ASSERT_TRUE(stamp);
    EXPECT_EQ(*stamp, "stamp\n");
}

TEST_F(LinkRoots, APlainFileInPlaceOfADeviceBecomesOne) {
    fs::create_directories(at("root/dev"));
    ASSERT_TRUE(write_file(at("root/dev/null"), ""));

    if (!make_devices(at("root"))) {
        GTEST_SKIP() << "devices may not be made here";
    }

    EXPECT_TRUE(fs::is_character_file(at("root/dev/null")));
    EXPECT_TRUE(fs::is_character_file(at("root/dev/urandom")));
    EXPECT_EQ(::access(at("root/dev/null").c_str(), R_OK | W_OK), 0);
}

TEST_F(LinkRoots, TheStampTellsInterpretersApart) {
    Interpreter one{.program = "/usr/bin/python3", .version = "3.11.2", .paths = {}};
    Interpreter other = one;
    other.version = "3.11.3";
    Interpreter elsewhere = one;
    elsewhere.program = "/opt/python3";

    EXPECT_EQ(roots_stamp(one), roots_stamp(one));
    EXPECT_NE(roots_stamp(one), roots_stamp(other));
    EXPECT_NE(roots_stamp(one), roots_stamp(elsewhere));
}

}  // namespace
}  // namespace snapjail::jail
