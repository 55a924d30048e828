// The trees are those of real hosts: /proc/self/cgroup and the cgroup lines of mountinfo.
#include "jail/cgroup/own_cgroups.h"

#include <gtest/gtest.h>

namespace snapjail::jail::cgroup {
namespace {

using enum Controller;

OwnCgroup v1(std::vector<Controller> controllers, std::string folder) {
    return {.version = Version::kV1,
            .controllers = std::move(controllers),
            .folder = std::move(folder)};
}
OwnCgroup v2(std::string folder) {
    return {.version = Version::kV2, .controllers = {}, .folder = std::move(folder)};
}
using Found = std::vector<OwnCgroup>;

TEST(OwnCgroups, AServiceOfSystemdIsFoundInTheUnifiedHierarchy) {
    auto found = find_own_cgroups(
        "0::/system.slice/snapjail.service\n",
        "24 30 0:22 / /proc rw,nosuid,nodev,noexec,relatime shared:12 - proc proc rw\n"
        "34 25 0:29 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 "
        "rw,nsdelegate,memory_recursiveprot\n");

    EXPECT_EQ(found, (Found{v2("/sys/fs/cgroup/system.slice/snapjail.service")}));
}

TEST(OwnCgroups, AContainerWithACgroupNamespaceIsItsOwnRoot) {
    auto found = find_own_cgroups(
        "0::/\n",
        "1041 1040 0:29 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw\n");

    EXPECT_EQ(found, (Found{v2("/sys/fs/cgroup")}));
}

TEST(OwnCgroups, AContainerWithoutOneSeesItsOwnPartOfEachHierarchy) {
    auto found = find_own_cgroups(
        "12:pids:/docker/4f1d\n"
        "4:memory:/docker/4f1d\n"
        "3:cpu,cpuacct:/docker/4f1d\n"
        "1:name=systemd:/docker/4f1d\n"
        "0::/system.slice/containerd.service\n",
        "700 699 0:26 /docker/4f1d /sys/fs/cgroup/systemd ro,nosuid master:11 - cgroup cgroup "
        "rw,xattr,name=systemd\n"
        "701 699 0:29 /docker/4f1d /sys/fs/cgroup/cpu,cpuacct ro,nosuid master:15 - cgroup cgroup "
        "rw,cpu,cpuacct\n"
        "702 699 0:30 /docker/4f1d /sys/fs/cgroup/memory ro,nosuid master:16 - cgroup cgroup "
        "rw,memory\n"
        "703 699 0:38 /docker/4f1d /sys/fs/cgroup/pids ro,nosuid master:24 - cgroup cgroup "
        "rw,pids\n");

    EXPECT_EQ(found,
              (Found{v1({kPids}, "/sys/fs/cgroup/pids"), v1({kMemory}, "/sys/fs/cgroup/memory"),
                     v1({kCpu}, "/sys/fs/cgroup/cpu,cpuacct")}));
}

TEST(OwnCgroups, AHybridHostHasItsControllersInVersionOneFirst) {
    auto found = find_own_cgroups(
        "8:pids:/\n"
        "4:memory:/machine/9152\n"
        "0::/\n",
        "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
        "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
        "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
        "39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids\n");

    EXPECT_EQ(found, (Found{v1({kPids}, "/sys/fs/cgroup/pids"),
                            v1({kMemory}, "/sys/fs/cgroup/memory/machine/9152"),
                            v2("/sys/fs/cgroup/unified")}));
}

TEST(OwnCgroups, AMountThatShowsAnotherPartOfTheHierarchyIsNoneOfOurs) {
    auto found = find_own_cgroups("0::/docker/4f1d\n",
                                  "34 25 0:29 /docker/4f /mnt/other rw - cgroup2 cgroup2 rw\n");

    EXPECT_EQ(found, Found{});
}

TEST(OwnCgroups, APathThatClimbsOutOfTheNamespaceIsNotFollowed) {
    auto found = find_own_cgroups("0::/../../kubepods/pod1\n",
                                  "34 25 0:29 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");

    EXPECT_EQ(found, Found{});
}

TEST(OwnCgroups, OfTwoMountsTheLaterCounts) {
    auto found = find_own_cgroups("0::/\n",
                                  "34 25 0:29 / /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n"
                                  "99 25 0:29 / /run/writable rw - cgroup2 cgroup2 rw\n");

    EXPECT_EQ(found, (Found{v2("/run/writable")}));
}

TEST(OwnCgroups, AnEscapedBlankInAPathIsABlank) {
    auto found =
        find_own_cgroups("0::/a b\n", "34 25 0:29 /a\\040b /mnt/c\\134d rw - cgroup2 cgroup2 rw\n");

    EXPECT_EQ(found, (Found{v2("/mnt/c\\d")}));
}

TEST(OwnCgroups, WithoutAMountThereIsNothing) {
    EXPECT_EQ(find_own_cgroups("0::/\n", "24 30 0:22 / /proc rw - proc proc rw\n"), Found{});
    EXPECT_EQ(find_own_cgroups("", ""), Found{});
}

TEST(OwnCgroups, LinesThatAreNoneArePassedOver) {
    auto found = find_own_cgroups("\nmemory\n4:memory\n0::/\n",
                                  "\n1 2 3\n1 2 3 4 5 - 6\n- - - -\n"
                                  "34 25 0:29 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");

    EXPECT_EQ(found, (Found{v2("/sys/fs/cgroup")}));
}

TEST(OwnCgroups, ThoseOfThisProcessCanBeRead) {
    EXPECT_TRUE(read_own_cgroups());
}

}  // namespace
}  // namespace snapjail::jail::cgroup
