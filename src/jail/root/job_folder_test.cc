#include "jail/root/job_folder.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace snapjail::jail {
namespace {

namespace fs = std::filesystem;

class JobFolder : public testing::Test {
  protected:
    void SetUp() override {
        std::string name = (fs::temp_directory_path() / "job-folder-XXXXXX").string();
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        folder_ = name;
    }
    void TearDown() override {
        EXPECT_TRUE(empty_job_folder(folder_.c_str()));
        fs::remove_all(folder_);
    }
    void write(const fs::path& path, std::size_t bytes) const {
        std::ofstream(folder_ / path) << std::string(bytes, 'x');
    }
    // Level by level: the whole path would be longer than a path may be.
    void nest(int levels) const {
        int at = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        for (int level = 0; level < levels; ++level) {
            ASSERT_EQ(::mkdirat(at, "deeper", 0700), 0);
            int next = ::openat(at, "deeper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            ::close(at);
            at = next;
        }
        ::close(at);
    }
    FolderUse measure(std::uint64_t entries_max = 100'000) const {
        return measure_job_folder(folder_.c_str(), entries_max);
    }

    fs::path folder_;
};

TEST_F(JobFolder, IsEmptiedHoweverDeepItIs) {
    nest(3000);

    EXPECT_TRUE(empty_job_folder(folder_.c_str()));
    EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(JobFolder, IsEmptiedThoughItsOwnerHasLockedHimselfOut) {
    fs::create_directories(folder_ / "a/b");
    write("a/b/file", 10);
    ::chmod((folder_ / "a/b").c_str(), 0);
    ::chmod((folder_ / "a").c_str(), 0);
    ::chmod(folder_.c_str(), 0);

    EXPECT_TRUE(empty_job_folder(folder_.c_str()));
    EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(JobFolder, WhatALinkLeadsToStays) {
    fs::path outside = folder_.string() + "-outside";
    fs::create_directory(outside);
    std::ofstream(outside / "file") << "kept";
    fs::create_directory_symlink(outside, folder_ / "link");

    EXPECT_TRUE(empty_job_folder(folder_.c_str()));

    EXPECT_TRUE(fs::is_empty(folder_));
    EXPECT_TRUE(fs::exists(outside / "file"));
    fs::remove_all(outside);
}

TEST_F(JobFolder, IsMeasuredWithAllBelowItAndNothingThatALinkLeadsTo) {
    fs::create_directories(folder_ / "a/b");
    write("a/b/file", 1'000'000);
    write("file", 500'000);
    fs::create_directory_symlink("/usr", folder_ / "link");

    FolderUse use = measure();

    EXPECT_TRUE(use.is_whole);
    EXPECT_EQ(use.entries, 5u);
    EXPECT_GE(use.bytes, 1'500'000u);
    EXPECT_LT(use.bytes, 1'700'000u);
}

TEST_F(JobFolder, IsWholeUpToTheLastEntryThatIsAllowedAndNotPastIt) {
    for (int i = 0; i < 10; ++i) {
        write("file" + std::to_string(i), 1);
    }

    EXPECT_TRUE(measure(10).is_whole);
    EXPECT_FALSE(measure(9).is_whole);
}

TEST_F(JobFolder, IsWholeUpToTheDeepestLevelThatIsAllowedAndNotPastIt) {
    nest(static_cast<int>(kFolderDepthMax) - 1);
    EXPECT_TRUE(measure().is_whole);
    EXPECT_EQ(measure().entries, kFolderDepthMax - 1);
    EXPECT_TRUE(empty_job_folder(folder_.c_str()));

    nest(static_cast<int>(kFolderDepthMax));
    EXPECT_FALSE(measure().is_whole);
}

TEST_F(JobFolder, FoldersSideBySideTakeNoDescriptorsEach) {
    for (int i = 0; i < 1000; ++i) {
        fs::create_directory(folder_ / std::to_string(i));
    }

    pid_t child = ::fork();
    if (child == 0) {
        rlimit few{64, 64};
        ::setrlimit(RLIMIT_NOFILE, &few);
        FolderUse use = measure();
        ::_exit(use.is_whole && use.entries == 1000 ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);

    EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace snapjail::jail
