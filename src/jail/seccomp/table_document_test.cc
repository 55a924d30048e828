#include "jail/seccomp/table_document.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "jail/seccomp/syscall_table.h"

namespace snapjail::jail {
namespace {

TEST(SyscallTable, EveryCallHasAReasonOfItsOwnOrOfItsKind) {
    for (const SyscallEntry& entry : guest_syscalls()) {
        EXPECT_FALSE(entry.reason.empty()) << entry.name;
        EXPECT_EQ(entry.reason.find('|'), std::string_view::npos) << entry.name;
    }
}

TEST(SyscallTable, ArgumentsAreJudgedOnlyOfCallsThatAreAllowed) {
    std::set<std::string_view> allowed;
    for (const SyscallEntry& entry : guest_syscalls()) {
        if (entry.rule == SyscallRule::kAllow) {
            allowed.insert(entry.name);
        }
    }

    for (const ArgumentRule& rule : argument_rules()) {
        EXPECT_TRUE(allowed.contains(rule.call)) << rule.call;
        EXPECT_FALSE(rule.values.empty()) << rule.call;
        EXPECT_FALSE(rule.reason.empty()) << rule.call;
    }
}

// One filter block is made of neighbours: a rule that stood apart would never be reached.
TEST(SyscallTable, TheRulesOfOneCallStandSideBySide) {
    std::set<std::string_view> done;
    std::string_view last;
    for (const ArgumentRule& rule : argument_rules()) {
        EXPECT_TRUE(rule.call == last || done.insert(rule.call).second) << rule.call;
        last = rule.call;
    }
}

// They would never be reached: the first block for a call answers.
TEST(SyscallTable, WhatIsJudgedOfSharersIsAllowedAndNotJudgedOfEverybody) {
    std::set<std::string_view> allowed;
    for (const SyscallEntry& entry : guest_syscalls()) {
        if (entry.rule == SyscallRule::kAllow) {
            allowed.insert(entry.name);
        }
    }
    for (const ArgumentRule& rule : argument_rules()) {
        allowed.erase(rule.call);
    }

    for (const SharedRule& rule : shared_rules()) {
        EXPECT_FALSE(rule.reason.empty()) << rule.calls;
        for (std::string_view call : split_names(rule.calls)) {
            EXPECT_TRUE(allowed.contains(call)) << call;
        }
    }
}

TEST(SyscallTable, TheDocumentNamesEveryCall) {
    std::string document = syscall_table_markdown();

    for (const SyscallEntry& entry : guest_syscalls()) {
        EXPECT_NE(document.find("`" + std::string(entry.name) + "`"), std::string::npos)
            << entry.name;
    }
}

TEST(SyscallTable, TheDocumentInDocsIsNotStale) {
    std::ifstream file(SNAPJAIL_TEST_REPOSITORY "/docs/seccomp.md");
    std::string text(std::istreambuf_iterator<char>(file), {});
    const std::string begin = "<!-- table -->\n";
    auto from = text.find(begin);
    auto to = text.find("<!-- end of table -->");
    ASSERT_TRUE(from != std::string::npos && to != std::string::npos);
    from += begin.size();

    EXPECT_EQ(text.substr(from, to - from), syscall_table_markdown())
        << "run tools/write-seccomp-document";
}

}  // namespace
}  // namespace snapjail::jail
