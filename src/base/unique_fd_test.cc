#include "base/unique_fd.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace snapjail {
namespace {

int new_fd() {
    return ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

bool is_open_in_kernel(int fd) {
    return ::fcntl(fd, F_GETFD) != -1;
}

TEST(UniqueFd, ClosesAtTheEndOfItsLife) {
    int number = new_fd();
    {
        UniqueFd fd(number);
        ASSERT_TRUE(is_open_in_kernel(number));
    }

    EXPECT_FALSE(is_open_in_kernel(number));
}

TEST(UniqueFd, IsClosedWhenMadeWithoutANumber) {
    UniqueFd none;

    none.reset();

    EXPECT_FALSE(none.is_open());
    EXPECT_EQ(none.get(), -1);
}

TEST(UniqueFd, ZeroIsADescriptor) {
    UniqueFd zero(0);

    EXPECT_TRUE(zero.is_open());
    EXPECT_EQ(zero.release(), 0);
}

TEST(UniqueFd, AMoveLeavesTheSourceWithoutOne) {
    int number = new_fd();
    UniqueFd source(number);

    UniqueFd target(std::move(source));

    EXPECT_EQ(target.get(), number);
    EXPECT_FALSE(source.is_open());  // NOLINT(bugprone-use-after-move): that is the claim.
    EXPECT_TRUE(is_open_in_kernel(number));
}

TEST(UniqueFd, AssignmentClosesWhatWasThere) {
    int before = new_fd();
    int after = new_fd();
    UniqueFd fd(before);

    fd = UniqueFd(after);

    EXPECT_FALSE(is_open_in_kernel(before));
    EXPECT_TRUE(is_open_in_kernel(after));
    EXPECT_EQ(fd.get(), after);
}

TEST(UniqueFd, AssignmentToItselfKeepsIt) {
    UniqueFd fd(new_fd());
    UniqueFd& same = fd;

    fd = std::move(same);

    ASSERT_TRUE(fd.is_open());
    EXPECT_TRUE(is_open_in_kernel(fd.get()));
}

TEST(UniqueFd, ReleaseGivesItAwayOpen) {
    int number = -1;
    {
        UniqueFd fd(new_fd());
        number = fd.release();
        EXPECT_FALSE(fd.is_open());
    }

    EXPECT_TRUE(is_open_in_kernel(number));
    EXPECT_EQ(::close(number), 0);
}

TEST(UniqueFd, ResetIsOnceAndThenNothing) {
    UniqueFd fd(new_fd());

    fd.reset();
    fd.reset();

    EXPECT_FALSE(fd.is_open());
}

TEST(UniqueFd, ClosingKeepsErrno) {
    UniqueFd fd(new_fd());
    errno = EXDEV;

    fd.reset();

    EXPECT_EQ(errno, EXDEV);
}

TEST(UniqueFdDeathTest, ADoubleCloseIsABug) {
    EXPECT_DEATH(
        {
            UniqueFd fd(new_fd());
            ::close(fd.get());
            fd.reset();
        },
        "CHECK failed: .*EBADF");
}

}  // namespace
}  // namespace snapjail
