#include "jail/host_probe.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <set>

namespace snapjail::jail {
namespace {

std::size_t open_descriptors() {
    std::filesystem::directory_iterator entries("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

TEST(HostProbe, NamesEachLayerOnce) {
    std::set<std::string> names;

    for (const HostLayer& layer : probe_host()) {
        EXPECT_TRUE(names.insert(layer.name).second) << layer.name;
    }

    EXPECT_EQ(names.size(), 16u);
}

TEST(HostProbe, SaysWhyAndHowToMendWhatIsMissing) {
    for (const HostLayer& layer : probe_host()) {
        if (layer.need == Need::kRequired && !layer.stands) {
            EXPECT_NE(layer.detail, "") << layer.name;
            EXPECT_NE(layer.remedy, "") << layer.name;
        }
    }
}

TEST(HostProbe, FindsWhatIsMissing) {
    // In a child that may have no further process: every probe but cgroups' needs one.
    pid_t child = ::fork();
    if (child == 0) {
        // RLIMIT_NPROC does not bind root; another user can always be had as root.
        rlimit none{0, 0};
        bool is_bound = (::geteuid() != 0 || ::setresuid(65534, 65534, 65534) == 0) &&
                        ::setrlimit(RLIMIT_NPROC, &none) == 0;
        int wrong = is_bound ? 0 : 100;
        for (const HostLayer& layer : probe_host()) {
            wrong += layer.name != "cgroup limits" && layer.stands ? 1 : 0;
        }
        ::_exit(wrong);
    }
    int status = 0;

    ::waitpid(child, &status, 0);

    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(HostProbe, LeavesNothingBehind) {
    std::size_t before = open_descriptors();

    (void)probe_host();

    EXPECT_EQ(open_descriptors(), before);
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
}

}  // namespace
}  // namespace snapjail::jail
