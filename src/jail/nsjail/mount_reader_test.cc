// Mounts whose judgement depends on what stands on the host: what needs no host is in the corpus of
// tests/nsjail.

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/syscall.h"
#include "jail/nsjail/config_file.h"

namespace snapjail::jail::nsjail {
namespace {

namespace fs = std::filesystem;

class MountReaderTest : public testing::Test {
  protected:
    MountReaderTest() {
        char name[] = "/var/tmp/snapjail-mounts-XXXXXX";
        base_ = ::mkdtemp(name);
        fs::create_directories(base_ + "/folder");
        EXPECT_TRUE(write_file(base_ + "/folder/file", "x"));
    }
    ~MountReaderTest() override { fs::remove_all(base_); }

    std::string link_to(const std::string& target) {
        std::string link = base_ + "/link" + std::to_string(++links_);
        fs::create_symlink(target, link);
        return link;
    }
    static ConfigFile judge_bind(const std::string& source, const std::string& more = "") {
        return judge("mount { src: \"" + source + "\" dst: \"/h\" is_bind: true " + more + "}");
    }
    static ConfigFile judge(const std::string& text) {
        return judge_config(
            text, {.folder = "/",
                   .variable = [](const std::string&) { return std::optional<std::string>(); },
                   .read_file = [](const std::string& path) { return read_file(path, 4096); }});
    }
    static std::string said(const ConfigFile& file) {
        std::string text;
        for (const Diagnostic& one : file.diagnostics.all()) {
            text += to_line("f", one) + "\n";
        }
        return text;
    }

    std::string base_;
    int links_ = 0;
};

TEST_F(MountReaderTest, ALinkIntoTheHostsOwnStateIsRefusedByWhereItLeads) {
    for (const char* target : {"/proc", "/proc/self/root", "/", "/run", "/sys/kernel", "/dev"}) {
        std::string link = link_to(target);
        std::string leads = fs::canonical(link);
        EXPECT_NE(
            said(judge_bind(link)).find("f:1:9: error: " + link + " leads to " + leads + ": "),
            std::string::npos)
            << target;
        // Two links, and one on the way.
        EXPECT_TRUE(judge_bind(link_to(link)).diagnostics.has(Severity::kError)) << target;
    }
    std::string to_root = link_to("/");
    EXPECT_NE(said(judge_bind(to_root + "/proc")).find("leads to /proc"), std::string::npos);
}

TEST_F(MountReaderTest, ALinkToWhatGuestsMaySeeIsBoundAsWhatItLeadsTo) {
    ConfigFile file = judge_bind(link_to(base_ + "/folder"));
    EXPECT_EQ(said(file), "");
    ASSERT_EQ(file.settings.jail.entries.size(), 1u);
    EXPECT_EQ(file.settings.jail.entries[0].content, fs::canonical(base_ + "/folder"));
    EXPECT_TRUE(file.settings.jail.entries[0].is_directory);

    file = judge_bind(link_to("folder") + "/file");
    EXPECT_EQ(said(file), "");
    EXPECT_EQ(file.settings.jail.entries.at(0).content, fs::canonical(base_ + "/folder/file"));
    EXPECT_FALSE(file.settings.jail.entries[0].is_directory);
}

TEST_F(MountReaderTest, ALinkThatLeadsNowhereIsMissing) {
    std::string link = link_to(base_ + "/nothing");
    EXPECT_NE(said(judge_bind(link)).find("error: " + link + " cannot be found"),
              std::string::npos);
    EXPECT_NE(said(judge_bind(link, "mandatory: false ")).find("note: " + link), std::string::npos);
    std::string circle = base_ + "/circle";
    fs::create_symlink("circle", circle);
    EXPECT_NE(said(judge_bind(circle, "mandatory: false ")).find("error: " + circle + ": Too many"),
              std::string::npos);
}

TEST_F(MountReaderTest, WhatIsNeitherAFolderNorAFileIsRefusedAlsoThroughALink) {
    ASSERT_EQ(::mkfifo((base_ + "/pipe").c_str(), 0600), 0);
    EXPECT_NE(said(judge_bind(base_ + "/pipe")).find("is neither"), std::string::npos);
    EXPECT_NE(said(judge_bind(link_to(base_ + "/pipe"))).find("which is neither"),
              std::string::npos);
}

}  // namespace
}  // namespace snapjail::jail::nsjail
