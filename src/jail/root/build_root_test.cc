#include "jail/root/build_root.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "base/syscall.h"
#include "jail/child_for_test.h"

namespace snapjail::jail {
namespace {

constexpr int kNoNamespaces = 200;  // No errno that is told here.

// A folder of the host, which a link in the tree leads to.
class BuildRootTest : public testing::Test {
  protected:
    BuildRootTest() {
        char name[] = "/var/tmp/snapjail-root-XXXXXX";
        host_ = ::mkdtemp(name);
    }
    ~BuildRootTest() override { std::filesystem::remove_all(host_); }

    static bool enter_namespaces() {
        std::string uid = "0 " + std::to_string(::geteuid()) + " 1";
        std::string gid = "0 " + std::to_string(::getegid()) + " 1";
        return ::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
               write_file("/proc/self/setgroups", "deny").has_value() &&
               write_file("/proc/self/uid_map", uid).has_value() &&
               write_file("/proc/self/gid_map", gid).has_value();
    }
    // 0 where the tree has become the root, and "/below/file" is in it; the errno of what failed.
    int build(const Entry& below, EntryKind kind) const {
        RootTree tree;
        tree.entries.push_back({.kind = EntryKind::kDirectory, .path = "proc", .content = {}});
        tree.entries.push_back({.kind = kind, .path = "below", .content = host_});
        tree.entries.push_back(below);
        return in_child([&] {
            if (!enter_namespaces()) {
                return kNoNamespaces;
            }
            Procfs procfs;
            SetupFailure failure = build_root(tree, procfs);
            if (failure.has_failed()) {
                return failure.step == SetupStep::kRootEntry ? failure.sys_errno : 255;
            }
            return ::access("/below/entry", F_OK) == 0 ? 0 : 254;
        });
    }
    bool is_host_untouched() const { return std::filesystem::is_empty(host_); }

    std::string host_;
};

TEST_F(BuildRootTest, NothingIsMadeBelowALinkOfTheTree) {
    const Entry entries[] = {
        {.kind = EntryKind::kFile, .path = "below/entry", .content = "x"},
        {.kind = EntryKind::kDirectory, .path = "below/entry", .content = {}},
        {.kind = EntryKind::kSymlink, .path = "below/entry", .content = "/proc"},
        {.kind = EntryKind::kBind, .path = "below/entry", .content = "/usr"},
        {.kind = EntryKind::kDevice, .path = "below/entry", .content = "/dev/null"},
    };
    for (const Entry& entry : entries) {
        int error = build(entry, EntryKind::kSymlink);
        if (error == kNoNamespaces) {
            GTEST_SKIP() << "no user namespace can be made here";
        }
        EXPECT_EQ(error, ELOOP);
        EXPECT_TRUE(is_host_untouched());
        bool needs_source = entry.kind == EntryKind::kBind || entry.kind == EntryKind::kDevice;
        if (!needs_source) {
            EXPECT_EQ(build(entry, EntryKind::kDirectory), 0);
        }
    }
}

TEST_F(BuildRootTest, NothingIsMadeBelowAFileOfTheTree) {
    int error =
        build({.kind = EntryKind::kFile, .path = "below/entry", .content = "x"}, EntryKind::kFile);
    if (error == kNoNamespaces) {
        GTEST_SKIP() << "no user namespace can be made here";
    }
    EXPECT_EQ(error, ENOTDIR);
}

}  // namespace
}  // namespace snapjail::jail
