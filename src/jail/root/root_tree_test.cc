#include "jail/root/root_tree.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/syscall.h"

namespace snapjail::jail {
namespace {

// A folder of the host for one test. Not below /tmp, which is each job's own.
class RootTreeTest : public testing::Test {
  protected:
    RootTreeTest() {
        char name[] = "/var/tmp/snapjail-tree-XXXXXX";
        base_ = ::mkdtemp(name);
    }
    ~RootTreeTest() override { std::filesystem::remove_all(base_); }

    std::string at(const std::string& name) const { return base_ + "/" + name; }
    void make_folder(const std::string& name) { std::filesystem::create_directories(at(name)); }
    void make_file(const std::string& name) { ASSERT_TRUE(write_file(at(name), "x")); }
    void make_link(const std::string& name, const std::string& target) {
        ASSERT_EQ(::symlink(target.c_str(), at(name).c_str()), 0);
    }

    // Plans `names` below the base (or absolute ones); null with the errno kept if that fails.
    const RootTree* plan(const std::vector<std::string>& names, std::vector<OwnFile> own_files = {},
                         std::vector<Entry> first = {}) {
        Interpreter interpreter;
        for (const std::string& name : names) {
            interpreter.paths.push_back(name.starts_with('/') ? name : at(name));
        }
        auto tree = plan_root_tree(interpreter, std::move(own_files), std::move(first));
        if (!tree) {
            error_ = tree.error();
            return nullptr;
        }
        tree_ = std::move(*tree);
        return &tree_;
    }

    static const Entry* find_path(const RootTree& tree, const std::string& path) {
        auto found = std::find_if(tree.entries.begin(), tree.entries.end(),
                                  [&](const Entry& entry) { return "/" + entry.path == path; });
        return found == tree.entries.end() ? nullptr : &*found;
    }
    // What the tree has under that name of the base: "bind", "link to X", "folder", "" for nothing.
    std::string kind_at(const std::string& name) const {
        const Entry* entry = find_path(tree_, name.starts_with('/') ? name : at(name));
        if (entry == nullptr) {
            return "";
        }
        switch (entry->kind) {
            case EntryKind::kDirectory:
                return "folder";
            case EntryKind::kBind:
                return entry->is_directory ? "bind" : "bound file";
            case EntryKind::kDevice:
                return "device";
            case EntryKind::kSymlink:
                return "link to " + entry->content;
            case EntryKind::kFile:
                return "file";
        }
        return "?";
    }

    std::string base_;
    RootTree tree_;
    std::optional<Error> error_;
};

TEST_F(RootTreeTest, FoldersAndFilesAreBoundWhereTheyStandOnTheHost) {
    make_folder("lib/python");
    make_file("program");

    ASSERT_TRUE(plan({"lib/python", "program"}));

    EXPECT_EQ(kind_at("lib/python"), "bind");
    EXPECT_EQ(kind_at("program"), "bound file");
    EXPECT_EQ(kind_at("lib"), "folder");
    EXPECT_EQ(find_path(tree_, at("program"))->content, at("program"));
}

TEST_F(RootTreeTest, ATrailingSlashOrDotChangesNothing) {
    make_folder("a/b");
    make_folder("c");
    make_folder("d/e");

    ASSERT_TRUE(plan({"a//./b//", "c/.", "d/e/.."}));

    EXPECT_EQ(kind_at("a/b"), "bind");
    EXPECT_EQ(kind_at("c"), "bind");
    EXPECT_EQ(kind_at("d"), "bind");
}

TEST_F(RootTreeTest, AChainOfRelativeLinksIsCopiedLinkByLink) {
    make_folder("real/lib");
    make_link("first", "second");
    make_link("second", "./real");

    ASSERT_TRUE(plan({"first/lib"}));

    EXPECT_EQ(kind_at("first"), "link to second");
    EXPECT_EQ(kind_at("second"), "link to ./real");
    EXPECT_EQ(kind_at("real/lib"), "bind");
    EXPECT_EQ(kind_at("real"), "folder");
}

TEST_F(RootTreeTest, AnAbsoluteLinkKeepsItsTarget) {
    make_folder("real/lib");
    make_link("link", at("real"));

    ASSERT_TRUE(plan({"link/lib"}));

    EXPECT_EQ(kind_at("link"), "link to " + at("real"));
    EXPECT_EQ(kind_at("real/lib"), "bind");
}

TEST_F(RootTreeTest, ALinkWithDotsLeadsWhereTheKernelSaysItDoes) {
    make_folder("a/b/c");
    make_folder("x/lib");
    make_link("a/b/c/up", "../../../x");
    make_link("deep", "a/b/c");

    // ".." after a link starts at the link's target, not at its name.
    ASSERT_TRUE(plan({"a/b/c/up/lib", "deep/../../b"}));

    EXPECT_EQ(kind_at("a/b/c/up"), "");  // Below a/b, which is bound as a whole.
    EXPECT_EQ(kind_at("x/lib"), "bind");
    EXPECT_EQ(kind_at("deep"), "link to a/b/c");
    EXPECT_EQ(kind_at("a/b"), "bind");
}

TEST_F(RootTreeTest, ALinkThatEndsInDotsBindsItsTarget) {
    make_folder("a/b");
    make_file("a/file");
    make_link("a/b/up", "..");
    make_link("whole", "a/b/..");

    ASSERT_TRUE(plan({"whole"}));

    EXPECT_EQ(kind_at("whole"), "link to a/b/..");
    EXPECT_EQ(kind_at("a"), "bind");
}

TEST_F(RootTreeTest, FortyLinksAreFollowedAndALoopIsAnError) {
    make_folder("end");
    make_link("l1", "end");
    for (int i = 2; i <= 41; ++i) {
        make_link("l" + std::to_string(i), "l" + std::to_string(i - 1));
    }
    make_link("ping", "pong");
    make_link("pong", "ping");

    EXPECT_TRUE(plan({"l40"}));
    EXPECT_FALSE(plan({"l41"}));
    EXPECT_EQ(error_->sys_errno, ELOOP);
    EXPECT_FALSE(plan({"ping/x"}));
    EXPECT_EQ(error_->sys_errno, ELOOP);
    EXPECT_EQ(error_->detail, at("ping/x"));
}

TEST_F(RootTreeTest, WhatIsMissingIsAnErrorThatNamesIt) {
    make_folder("a");
    make_link("dangling", "gone");

    EXPECT_FALSE(plan({"a/none/lib"}));
    EXPECT_EQ(error_->sys_errno, ENOENT);
    EXPECT_EQ(error_->detail, at("a/none"));
    EXPECT_FALSE(plan({"dangling"}));
    EXPECT_EQ(error_->detail, at("gone"));
}

TEST_F(RootTreeTest, AnInterpreterBelowTmpIsRefused) {
    for (const char* path : {"/tmp", "/tmp/python/lib", "/var/../tmp"}) {
        EXPECT_FALSE(plan({path})) << path;
        ASSERT_TRUE(error_) << path;
        EXPECT_NE(error_->detail.find("/tmp is each job's own"), std::string::npos)
            << error_->to_string();
        error_.reset();
    }
    make_folder("tmp/python");
    EXPECT_TRUE(plan({"tmp/python"}));  // A folder of that name elsewhere is as good as any.
}

TEST_F(RootTreeTest, ALinkIntoTmpIsRefusedToo) {
    make_link("link", "/tmp");

    EXPECT_FALSE(plan({"link"}));

    ASSERT_TRUE(error_);
    EXPECT_NE(error_->detail.find("/tmp is each job's own"), std::string::npos);
}

TEST_F(RootTreeTest, WhatLiesBelowABoundFolderIsNotBoundAgain) {
    make_folder("p/q/r");
    make_folder("p-q");
    make_folder("p.q");
    make_folder("pq");

    ASSERT_TRUE(plan({"p/q/r", "p-q", "p/q", "p.q", "p", "pq"}));

    EXPECT_EQ(kind_at("p"), "bind");
    EXPECT_EQ(kind_at("p/q"), "");
    EXPECT_EQ(kind_at("p/q/r"), "");
    // Their bytes sort before "p/": they are not below it.
    EXPECT_EQ(kind_at("p-q"), "bind");
    EXPECT_EQ(kind_at("p.q"), "bind");
    EXPECT_EQ(kind_at("pq"), "bind");
}

TEST_F(RootTreeTest, AParentBecomesABindInWhicheverOrderTheyAreAsked) {
    make_folder("a/b");
    make_folder("c/d");

    ASSERT_TRUE(plan({"a/b", "a", "c", "c/d"}));

    EXPECT_EQ(kind_at("a"), "bind");
    EXPECT_EQ(kind_at("c"), "bind");
    EXPECT_EQ(kind_at("a/b") + kind_at("c/d"), "");
}

TEST_F(RootTreeTest, ParentsStandBeforeTheirChildrenAndEachPathOnce) {
    make_folder("x/y/z");
    make_folder("x-y/z");
    make_file("x.txt");
    make_link("link", "x/y");

    ASSERT_TRUE(plan({"x/y/z", "x-y/z", "x.txt", "link/z"}, {{"usr/lib/ours/a.py", "pass"}}));

    std::set<std::string> seen = {""};
    for (const Entry& entry : tree_.entries) {
        auto slash = entry.path.find_last_of('/');
        std::string parent = slash == std::string::npos ? "" : entry.path.substr(0, slash);
        EXPECT_TRUE(seen.contains(parent)) << entry.path << " stands before its parent";
        EXPECT_TRUE(seen.insert(entry.path).second) << entry.path << " stands twice";
        EXPECT_FALSE(entry.path.starts_with('/')) << entry.path;
    }
}

TEST_F(RootTreeTest, NothingStandsBelowALinkOrABind) {
    make_folder("a/b");
    make_link("link", "a");

    ASSERT_TRUE(plan({"link/b", "a"}));

    for (const Entry& upper : tree_.entries) {
        if (upper.kind == EntryKind::kDirectory) {
            continue;
        }
        for (const Entry& lower : tree_.entries) {
            EXPECT_FALSE(lower.path.starts_with(upper.path + "/"))
                << lower.path << " lies below " << upper.path;
        }
    }
}

TEST_F(RootTreeTest, EveryTreeHasWhatAJailNeeds) {
    ASSERT_TRUE(plan({}, {{"usr/lib/ours/a.py", "text"}}));

    EXPECT_EQ(kind_at("/tmp"), "folder");
    EXPECT_EQ(kind_at("/proc"), "folder");
    EXPECT_EQ(kind_at("/dev/null"), "device");
    EXPECT_EQ(kind_at("/dev/urandom"), "device");
    EXPECT_EQ(kind_at("/dev/fd"), "link to /proc/self/fd");
    EXPECT_EQ(kind_at("/etc/passwd"), "file");
    EXPECT_EQ(kind_at("/usr/bin/sh"), "file");
    EXPECT_EQ(find_path(tree_, "/usr/lib/ours/a.py")->content, "text");
}

TEST_F(RootTreeTest, NothingOfTheHostsOwnSecretsIsInIt) {
    ASSERT_TRUE(plan({}));

    for (const char* path : {"/etc/shadow", "/root", "/home", "/etc/ssh", "/dev/mem", "/dev/kmsg",
                             "/dev/tty", "/dev/ptmx", "/run", "/sys", "/var"}) {
        EXPECT_EQ(kind_at(path), "") << path;
    }
    const Entry* passwd = find_path(tree_, "/etc/passwd");
    EXPECT_EQ(std::count(passwd->content.begin(), passwd->content.end(), '\n'), 3);
}

TEST_F(RootTreeTest, OfTheChoicesBetweenPackagesItHasThoseOfLibrariesOnly) {
    namespace fs = std::filesystem;
    std::error_code none;
    fs::directory_iterator folder("/etc/alternatives", none);
    if (none) {
        GTEST_SKIP() << "this distribution has no /etc/alternatives";
    }
    ASSERT_TRUE(plan({}));

    for (const auto& one : folder) {
        if (!one.is_symlink()) {
            continue;
        }
        std::string target = fs::read_symlink(one.path()).string();
        bool is_library = target.find(".so") != std::string::npos;
        EXPECT_EQ(kind_at(one.path().string()), is_library ? "link to " + target : "")
            << one.path();
    }
}

// A distribution may keep shared libraries right in /usr/lib, which is then bound as a whole.
TEST_F(RootTreeTest, OurOwnFilesStandWhereNoHostsFolderIsBoundOverThem) {
    std::string own = std::string(kLibraryFolder) + "/runner.py";

    ASSERT_TRUE(plan({"/usr/lib", "/usr/bin", "/etc"}, {{own, "text"}})) << error_->to_string();

    EXPECT_EQ(kind_at("/" + own), "file");
    EXPECT_EQ(kind_at("/usr/lib"), "bind");
}

TEST_F(RootTreeTest, AnOwnFileThatABindWouldHideIsAnError) {
    make_folder("lib");

    EXPECT_FALSE(plan({"lib"}, {{at("lib/ours/a.py").substr(1), "text"}}));

    ASSERT_TRUE(error_);
    EXPECT_NE(error_->detail.find("lib/ours/a.py"), std::string::npos);
}

// What the plan says where the operator has `entry` and the interpreter needs `lib`.
class OperatorsEntryTest : public RootTreeTest {
  protected:
    std::string conflict(Entry entry) {
        make_folder("lib/python");
        error_.reset();
        return plan({"lib"}, {}, {std::move(entry)}) != nullptr ? "" : error_->detail;
    }
    std::string path(const std::string& name) const { return at(name).substr(1); }
};

TEST_F(OperatorsEntryTest, ThatABoundFolderWouldHideIsAnError) {
    EXPECT_EQ(conflict({.kind = EntryKind::kFile, .path = path("lib/new"), .content = "x"}),
              at("lib/new") + " lies below " + at("lib") +
                  ", which is bound as a whole: choose another place");
    EXPECT_EQ(conflict({.kind = EntryKind::kFile, .path = path("library"), .content = "x"}), "");
}

TEST_F(OperatorsEntryTest, ThatWouldHideWhatGuestsNeedIsAnError) {
    EXPECT_NE(conflict({.kind = EntryKind::kDirectory, .path = base_.substr(1), .content = {}})
                  .find("a tmpfs at " + base_ + " would hide " + at("lib")),
              std::string::npos);
    EXPECT_NE(conflict({.kind = EntryKind::kFile, .path = base_.substr(1), .content = "x"})
                  .find("which is a file"),
              std::string::npos);
    EXPECT_NE(conflict({.kind = EntryKind::kSymlink, .path = base_.substr(1), .content = "/x"})
                  .find("which is a link to /x"),
              std::string::npos);
    EXPECT_EQ(conflict({.kind = EntryKind::kDirectory, .path = path("other"), .content = {}}), "");
}

TEST_F(OperatorsEntryTest, BelowAFolderThatIsALinkStandsWhereTheLinkLeads) {
    std::error_code no_link;
    std::string target = std::filesystem::read_symlink("/bin", no_link);
    if (no_link || target != "usr/bin") {
        GTEST_SKIP() << "/bin is no link to usr/bin here";
    }

    EXPECT_EQ(conflict({.kind = EntryKind::kFile, .path = "bin/tool", .content = "x"}), "");

    EXPECT_EQ(kind_at("/usr/bin/tool"), "file");
    EXPECT_EQ(kind_at("/bin/tool"), "");
    EXPECT_EQ(kind_at("/bin"), "link to usr/bin");
}

}  // namespace
}  // namespace snapjail::jail
