#include "jail/cgroup/slot_cgroup.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <string_view>

#include "base/syscall.h"

namespace snapjail::jail::cgroup {
namespace {

std::uint64_t parsed(std::string_view text) {
    return parse_oom_kills(text.data(), text.size());
}

TEST(OomKills, AreReadFromVersionOnesOomControl) {
    EXPECT_EQ(parsed("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"), 3u);
}

TEST(OomKills, AreReadFromVersionTwosMemoryEvents) {
    EXPECT_EQ(parsed("low 0\nhigh 0\nmax 71\noom 2\noom_kill 12\noom_group_kill 1\n"), 12u);
}

TEST(OomKills, AreNoneWhereTheKernelDoesNotCountThem) {
    EXPECT_EQ(parsed("oom_kill_disable 1\nunder_oom 1\n"), 0u);
    EXPECT_EQ(parsed("oom_kill "), 0u);
    EXPECT_EQ(parsed(""), 0u);
    EXPECT_EQ(count_oom_kills(SlotCgroup{}), 0u);
}

TEST(SlotCgroup, JoiningWritesOneZeroToEach) {
    auto pipe = make_pipe();
    ASSERT_TRUE(pipe);
    SlotCgroup cgroup;
    cgroup.procs = {pipe->write_end.get(), -1, pipe->write_end.get()};

    ASSERT_TRUE(join(cgroup));

    pipe->write_end.reset();
    EXPECT_EQ(*read_fd_to_end(pipe->read_end, 100), "00");
}

TEST(SlotCgroup, JoiningNoneIsNothingAndOneThatRefusesIsAFailure) {
    EXPECT_TRUE(join(SlotCgroup{}));
    auto full = open_file("/dev/full", O_WRONLY | O_CLOEXEC);
    ASSERT_TRUE(full);
    SlotCgroup cgroup;
    cgroup.procs[1] = full->get();

    EXPECT_FALSE(join(cgroup));
    EXPECT_EQ(errno, ENOSPC);
}

TEST(SlotCgroup, WhatIsKeptIsOpenAcrossExecAndNothingElse) {
    auto kept = make_pipe();
    auto watch = make_pipe();
    ASSERT_TRUE(kept && watch);
    SlotCgroup cgroup;
    cgroup.procs[0] = kept->write_end.get();

    ASSERT_TRUE(keep_across_exec(std::span(&cgroup, 1), watch->read_end.get()));

    auto closes = [](const UniqueFd& fd) { return ::fcntl(fd.get(), F_GETFD) == FD_CLOEXEC; };
    EXPECT_FALSE(closes(kept->write_end));
    EXPECT_FALSE(closes(watch->read_end));
    EXPECT_TRUE(closes(kept->read_end));
}

}  // namespace
}  // namespace snapjail::jail::cgroup
