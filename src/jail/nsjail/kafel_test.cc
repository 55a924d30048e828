#include <gtest/gtest.h>
#include <linux/seccomp.h>

#include <cerrno>
#include <map>
#include <random>

#include "jail/nsjail/bpf_for_test.h"
#include "jail/nsjail/kafel_compiler.h"
#include "jail/nsjail/kafel_lexer.h"
#include "jail/nsjail/kafel_syscalls.h"
#include "jail/nsjail/policy_maker_for_test.h"
#include "jail/seccomp_policy.h"

namespace snapjail::jail::nsjail {
namespace {

KafelPolicy parse(const std::string& text) {
    Diagnostics found;
    auto policy = parse_kafel(text, found);
    EXPECT_TRUE(policy) << text << (found.all().empty() ? "" : to_line("", found.all()[0]));
    return policy ? std::move(*policy) : KafelPolicy{};
}

std::string first_error(const std::string& text) {
    Diagnostics found;
    EXPECT_FALSE(parse_kafel(text, found));
    return found.all().empty() ? "" : to_line("policy", found.all()[0]);
}

std::uint32_t decision(const std::string& text, const std::string& name,
                       std::array<std::uint64_t, 6> arguments = {}) {
    SyscallArguments call{find_syscall(name).value(), arguments};
    KafelPolicy policy = parse(text);
    auto code = compile_kafel(policy);
    std::uint32_t compiled = run_bpf(code.value(), call);
    EXPECT_EQ(compiled, decide(policy, call));
    return compiled;
}

TEST(Kafel, TheProgramDecidesAsThePolicyForEveryNumberAndArgumentsByChance) {
    for (unsigned seed = 0; seed < 100; ++seed) {
        PolicyMaker maker{std::mt19937_64(seed)};
        std::string text = maker.policy();
        KafelPolicy policy = parse(text);
        auto code = compile_kafel(policy);
        ASSERT_TRUE(code) << text;
        ASSERT_EQ(find_bpf_fault(*code), "") << text;

        for (std::uint32_t number = 0; number < kSyscallsTried; ++number) {
            for (int round = 0; round < 4; ++round) {
                SyscallArguments call{number, {}};
                for (std::uint64_t& argument : call.arguments) {
                    argument = maker.value();
                }
                ASSERT_EQ(run_bpf(*code, call), decide(policy, call))
                    << seed << " " << number << "\n"
                    << text;
            }
        }
    }
}

TEST(Kafel, JoinedWithOursItIsTheStricterOfBothForEveryNumber) {
    auto ours = compile_guest_filter();
    ASSERT_TRUE(ours);
    std::span<const sock_filter> our_code(ours->instructions.data(), ours->count);
    for (unsigned seed = 0; seed < 50; ++seed) {
        PolicyMaker maker{std::mt19937_64(seed)};
        KafelPolicy policy = parse(maker.policy());
        auto code = compile_kafel(policy);
        ASSERT_TRUE(code);
        auto joined = compile_guest_filter({.own_policy = *code});
        ASSERT_TRUE(joined);
        ASSERT_EQ(find_bpf_fault({joined->instructions.data(), joined->count}), "");
        std::span<const sock_filter> joined_code(joined->instructions.data(), joined->count);

        for (std::uint32_t number = 0; number < kSyscallsTried; ++number) {
            SyscallArguments call{number, {maker.value(), maker.value(), maker.value()}};
            std::uint32_t own = decide(policy, call);
            std::uint32_t our = run_bpf(our_code, call);
            bool is_let_through = own == SECCOMP_RET_ALLOW || own == SECCOMP_RET_LOG;
            std::uint32_t expected = !is_let_through ? own : our == SECCOMP_RET_ALLOW ? own : our;
            ASSERT_EQ(run_bpf(joined_code, call), expected) << seed << " " << number;
        }
    }
}

TEST(Kafel, InPlaceOfOursItDecidesAlone) {
    auto code = compile_kafel(parse("ERRNO(7) { read } DEFAULT ALLOW"));
    ASSERT_TRUE(code);
    auto replaced =
        compile_guest_filter({.own_policy = *code, .own_policy_use = PolicyUse::kReplace});
    auto joined = compile_guest_filter({.own_policy = *code});
    ASSERT_TRUE(replaced && joined);

    auto answer = [](const SeccompProgram& program, const char* name) {
        std::span<const sock_filter> instructions(program.instructions.data(), program.count);
        return run_bpf(instructions, {find_syscall(name).value(), {}});
    };

    EXPECT_EQ(answer(*replaced, "read"), SECCOMP_RET_ERRNO | 7u);
    EXPECT_EQ(answer(*replaced, "unshare"), SECCOMP_RET_ALLOW);
    EXPECT_EQ(answer(*joined, "unshare"), SECCOMP_RET_ERRNO | EPERM);
}

TEST(Kafel, NoPolicyReplacesNothing) {
    auto ours = compile_guest_filter();
    auto replaced = compile_guest_filter({.own_policy_use = PolicyUse::kReplace});
    ASSERT_TRUE(ours && replaced);
    EXPECT_EQ(replaced->count, ours->count);
}

TEST(Kafel, TheFirstFilterThatMatchesDecides) {
    std::string text = "ERRNO(1) { read } ALLOW { read, write } DEFAULT KILL_PROCESS";
    EXPECT_EQ(decision(text, "read"), SECCOMP_RET_ERRNO | 1u);
    EXPECT_EQ(decision(text, "write"), SECCOMP_RET_ALLOW);
    EXPECT_EQ(decision(text, "close"), SECCOMP_RET_KILL_PROCESS);
}

TEST(Kafel, WithoutADefaultTheThreadIsKilled) {
    EXPECT_EQ(decision("ALLOW { read }", "write"), SECCOMP_RET_KILL_THREAD);
}

TEST(Kafel, ACommaInAConditionIsAnOrThatBindsLeast) {
    std::string text = "ALLOW { write { fd == 1 && count < 10, fd == 2 } } DEFAULT DENY";
    EXPECT_EQ(decision(text, "write", {1, 0, 9}), SECCOMP_RET_ALLOW);
    EXPECT_EQ(decision(text, "write", {1, 0, 10}), SECCOMP_RET_KILL_THREAD);
    EXPECT_EQ(decision(text, "write", {2, 0, 10}), SECCOMP_RET_ALLOW);
}

TEST(Kafel, AnIntIsComparedByTheBitsThatTheKernelReads) {
    std::string text = "ERRNO(1) { socket { family == 16 } } DEFAULT ALLOW";
    EXPECT_EQ(decision(text, "socket", {16}), SECCOMP_RET_ERRNO | 1u);
    EXPECT_EQ(decision(text, "socket", {(1ull << 32) + 16}), SECCOMP_RET_ERRNO | 1u);
    EXPECT_EQ(decision(text, "socket", {17}), SECCOMP_RET_ALLOW);
}

TEST(Kafel, UsePastesAPolicyWhereItStands) {
    std::string text =
        "#define EACCES_HERE 13\n"
        "POLICY a { ERRNO(EACCES_HERE) { read } }\n"
        "POLICY b { USE a, ALLOW { read, write } } /* both */\n"
        "USE b DEFAULT KILL // the rest";
    EXPECT_EQ(decision(text, "read"), SECCOMP_RET_ERRNO | 13u);
    EXPECT_EQ(decision(text, "write"), SECCOMP_RET_ALLOW);
}

TEST(Kafel, KernelNamesAndUsualNamesAreTheSame) {
    for (const char* text :
         {"ALLOW { newuname, newstat, umount }", "ALLOW { uname, stat, umount2 }",
          "ALLOW { SYSCALL[63], SYSCALL[4], SYSCALL[0xa6] }"}) {
        EXPECT_EQ(decision(text, "uname"), SECCOMP_RET_ALLOW);
        EXPECT_EQ(decision(text, "stat"), SECCOMP_RET_ALLOW);
        EXPECT_EQ(decision(text, "umount2"), SECCOMP_RET_ALLOW);
        EXPECT_EQ(decision(text, "read"), SECCOMP_RET_KILL_THREAD);
    }
}

TEST(Kafel, X32IsKilledWhateverThePolicyAllows) {
    auto code = compile_kafel(parse("DEFAULT ALLOW"));
    EXPECT_EQ(run_bpf(*code, {0x40000000, {}}), SECCOMP_RET_KILL_PROCESS);
    EXPECT_EQ(run_bpf(*code, {0x3fffffff, {}}), SECCOMP_RET_ALLOW);
}

TEST(Kafel, WhoAsksNobodyIsAnsweredEnosys) {
    EXPECT_EQ(decision("TRACE(7) { read } DEFAULT USER_NOTIF", "read"), SECCOMP_RET_ERRNO | ENOSYS);
    EXPECT_EQ(decision("TRACE(7) { read } DEFAULT USER_NOTIF", "write"),
              SECCOMP_RET_ERRNO | ENOSYS);
}

TEST(Kafel, MistakesAreToldWithTheirPlace) {
    EXPECT_EQ(first_error("ALLOW {\n  reead\n}"),
              "policy:2:3: error: there is no system call \"reead\"; did you mean \"read\"?");
    EXPECT_EQ(first_error("ALLOW { read "),
              "policy:1:14: error: \",\" is expected before \"the end\"");
    EXPECT_EQ(first_error("ALLOW { write { fb == 1 } }"),
              "policy:1:17: error: \"fb\" is no argument and no #define; the arguments are fd, "
              "buf, count");
    EXPECT_EQ(first_error("USE nothing"), "policy:1:5: error: there is no policy nothing above");
    EXPECT_EQ(first_error("DEFAULT ALLOW DEFAULT KILL"),
              "policy:1:15: error: DEFAULT is given a second time");
    EXPECT_EQ(first_error("ERRNO(65536) { read }"),
              "policy:1:1: error: ERRNO takes a number from 0 to 65535");
    EXPECT_EQ(first_error(""), "policy:1:1: error: the policy is empty");
    EXPECT_EQ(first_error("ALLOW { read ON vax }").substr(0, 65),
              "policy:1:17: error: there is no architecture \"vax\"; known are amd");
    EXPECT_EQ(first_error("ALLOW { fsync(a, a) }"),
              "policy:1:18: error: there are two arguments a");
    EXPECT_EQ(first_error("allow { read }"),
              "policy:1:1: error: an action, USE, POLICY or DEFAULT is expected before \"allow\"; "
              "did you mean ALLOW?");
}

TEST(Kafel, ADefinedNameIsANumberWhereverItStands) {
    std::string text =
        "# define mine 63\n#define fd 7\nALLOW { mine, SYSCALL[mine], write { fd == 7 } }";
    EXPECT_EQ(decision(text, "uname"), SECCOMP_RET_ALLOW);
    EXPECT_EQ(decision(text, "write", {1}), SECCOMP_RET_ALLOW);
    EXPECT_EQ(decision("ALLOW { write { fd == 7 } }", "write", {1}), SECCOMP_RET_KILL_THREAD);
}

TEST(Kafel, AnEmptyConditionIsNone) {
    EXPECT_EQ(decision("ALLOW { read { }, write() {} }", "read"), SECCOMP_RET_ALLOW);
    EXPECT_EQ(decision("ALLOW { read { }, write() {} }", "write"), SECCOMP_RET_ALLOW);
}

TEST(Kafel, AFilterOnAnotherArchitectureIsLeftOut) {
    std::string text =
        "ERRNO(1) { read ON { m68k, riscv64 }, _llseek ON I386 { nothing == 1 } }\n"
        "ERRNO(2) { write ON { mips, AMD64, aarch64 } } DEFAULT ALLOW";
    EXPECT_EQ(decision(text, "read"), SECCOMP_RET_ALLOW);
    EXPECT_EQ(decision(text, "write"), SECCOMP_RET_ERRNO | 2u);
    EXPECT_NE(first_error("ALLOW { _llseek ON { i386, amd64, arm64 } }"), "");
}

// Files by their path, as #include names them.
ReadInclude files_of(std::map<std::string, std::string> files) {
    return [files = std::move(files)](const std::string& path) -> Result<std::string> {
        auto found = files.find(path);
        return found != files.end() ? Result<std::string>(found->second)
                                    : Error::from_errno("open", ENOENT, path);
    };
}

TEST(Kafel, IncludedFilesStandWhereTheyAreNamed) {
    Diagnostics found;
    auto policy = parse_kafel(
        "#include \"a.kafel\" \"sub/b.kafel\"; USE a DEFAULT TWO_LINES", found,
        files_of({{"a.kafel", "POLICY a { ERRNO(1) { read } }"}, {"sub/b.kafel", "\n"}}));
    EXPECT_FALSE(policy);
    ASSERT_EQ(found.all().size(), 1u);

    Diagnostics none;
    policy = parse_kafel("#include \"sub/b.kafel\"\nUSE a DEFAULT ALLOW", none,
                         files_of({{"sub/a.kafel", "POLICY a { ERRNO(1) { read } }"},
                                   {"sub/b.kafel", "#include \"a.kafel\""}}));
    ASSERT_TRUE(policy) << to_line("", none.all()[0]);
    EXPECT_EQ(decide(*policy, {0, {}}), SECCOMP_RET_ERRNO | 1u);
    EXPECT_EQ(decide(*policy, {1, {}}), SECCOMP_RET_ALLOW);
}

std::string first_include_error(const std::string& text, std::map<std::string, std::string> files) {
    Diagnostics found;
    EXPECT_FALSE(parse_kafel(text, found, files_of(std::move(files))));
    return found.all().empty() ? "" : to_line("policy", found.all()[0]);
}

TEST(Kafel, AMistakeInAnIncludedFileIsToldWithBothPlaces) {
    EXPECT_EQ(
        first_include_error("ALLOW { read }\n#include \"a\"", {{"a", "ALLOW {\n reead }"}}),
        "policy:2:1: error: a:2:2: there is no system call \"reead\"; did you mean \"read\"?");
    EXPECT_EQ(first_include_error("#include \"a\"\nALLOW { read }", {{"a", "ALLOW { ; }"}}),
              "policy:1:1: error: a:1:9: ';' has no meaning in Kafel");
    EXPECT_EQ(first_include_error("#include \"gone\"\nALLOW { read }", {}),
              "policy:1:1: error: cannot include gone: No such file or directory");
    EXPECT_EQ(first_include_error("#include gone\nALLOW { read }", {}),
              "policy:1:10: error: #include wants names of files in quotes");
    EXPECT_EQ(first_error("#include \"a\""),
              "policy:1:1: error: there is no folder to include a from");
}

TEST(Kafel, FilesThatIncludeEachOtherEndlesslyAreTold) {
    EXPECT_EQ(first_include_error("#include \"a\"\nALLOW { read }",
                                  {{"a", "#include \"b\""}, {"b", "\n#include \"./a\""}}),
              "policy:1:1: error: b:2:1: files include each other in a circle: a includes b "
              "includes a");
    std::map<std::string, std::string> chain;
    std::map<std::string, std::string> doubling;
    for (int i = 0; i < 20; ++i) {
        std::string next = std::to_string(i + 1);
        chain[std::to_string(i)] = "#include \"" + next + "\"\n";
        doubling[std::to_string(i)] = "#include \"" + next + "\" \"" + next + "\"\n";
    }
    EXPECT_NE(first_include_error("#include \"0\"\n", chain).find("more than 16"),
              std::string::npos);
    chain["15"] = "ALLOW { read }";
    Diagnostics found;
    EXPECT_TRUE(parse_kafel("#include \"0\"\n", found, files_of(chain)));
    doubling["8"] = "";
    EXPECT_NE(first_include_error("#include \"0\"\n", doubling).find("more than 64"),
              std::string::npos);
}

TEST(Kafel, BitsThatTheKernelDoesNotReadGetPastNoRule) {
    const char* text =
        "ERRNO(1) { mkdir { mode == 0700 }, fsync { fd == 5 }, chmod(p, m) { m == 0700 },\n"
        "           lseek { offset == 5 } } DEFAULT ALLOW";
    const auto refused = SECCOMP_RET_ERRNO | 1u;
    // umode_t has 16 bits, an int 32, an address or a size 64.
    for (std::uint64_t above : {0ull, 1ull << 16, 1ull << 31, 1ull << 32, 1ull << 63}) {
        EXPECT_EQ(decision(text, "mkdir", {0, 0700 | above}), refused);
        EXPECT_EQ(decision(text, "chmod", {0, 0700 | above}), refused);
        bool is_above_int = above == 0 || above >= 1ull << 32;
        EXPECT_EQ(decision(text, "fsync", {5 | above}) == refused, is_above_int);
        EXPECT_EQ(decision(text, "lseek", {0, 5 | above}) == refused, above == 0);
    }
    EXPECT_EQ(decision(text, "mkdir", {0, 0700 | 1u << 15}), SECCOMP_RET_ALLOW);
}

TEST(Kafel, CallsThatAnOldLibseccompDoesNotHaveAreKnownByName) {
    EXPECT_EQ(find_syscall("mseal"), 462u);
    EXPECT_EQ(syscall_name(462), "mseal");
    EXPECT_EQ(find_syscall("file_setattr"), 469u);
    EXPECT_EQ(find_syscall("sysctl"), find_syscall("_sysctl"));
    EXPECT_EQ(find_syscall("no_such_call"), std::nullopt);
    EXPECT_EQ(nearest_syscall("mseel"), "mseal");
}

TEST(Kafel, WhatIsNestedTooDeepOrDoublesTooOftenIsRefused) {
    EXPECT_NE(first_error("ALLOW { read { " + std::string(300, '!') + " 1 == 1 } }").find("200"),
              std::string::npos);
    EXPECT_NE(first_error("ALLOW { read { " + std::string(10'000, '(') + " } }").find("200"),
              std::string::npos);
    for (const char* rule : {"ALLOW { read }", "ALLOW {}"}) {
        std::string doubling = std::string("POLICY p0 { ") + rule + " }\n";
        for (int i = 1; i < 40; ++i) {
            std::string last = "p" + std::to_string(i - 1);
            doubling +=
                "POLICY p" + std::to_string(i) + " { USE " + last + ", USE " + last + " }\n";
        }
        EXPECT_NE(first_error(doubling + "USE p39").find("65536"), std::string::npos) << rule;
    }
}

TEST(Kafel, UseMayPasteAsMuchAsFitsInAllAndNoMore) {
    std::string large = "POLICY large {";
    for (int i = 0; i < 512; ++i) {
        large += " ALLOW {}";
    }
    large += " }\n";
    for (int i = 0; i < 128; ++i) {
        large += "USE large\n";
    }
    Diagnostics none;
    EXPECT_TRUE(parse_kafel(large + "DEFAULT ALLOW", none));
    EXPECT_NE(first_error(large + "USE large DEFAULT ALLOW").find("65536"), std::string::npos);
}

TEST(Kafel, AKeywordInLowerCaseIsToldWithItsUpperCase) {
    EXPECT_NE(first_error("default ALLOW").find("did you mean DEFAULT?"), std::string::npos);
    EXPECT_NE(first_error("errno(1) { read }").find("did you mean ERRNO?"), std::string::npos);
    EXPECT_EQ(first_error("POLICY a { POLICY b {} }").find("did you mean"), std::string::npos);
    EXPECT_EQ(first_error("allways { read }").find("did you mean"), std::string::npos);
}

TEST(Kafel, NoTextEndsTheReader) {
    std::mt19937_64 random(1);
    const std::string words[] = {"ALLOW",   "{",   "}",  "read",    "(",  ")",       ",",
                                 "==",      "&",   "||", "!",       "1",  "#define", "[",
                                 "POLICY",  "USE", "a",  "SYSCALL", "\"", "-",       "/*",
                                 "DEFAULT", "fd",  "0x", "\n",      "<",  "TRACE"};
    for (int i = 0; i < 20'000; ++i) {
        std::string text;
        for (std::uint64_t length = random() % 20; length > 0; --length) {
            text += words[random() % std::size(words)] + (random() % 3 == 0 ? "" : " ");
        }
        Diagnostics found;

        auto policy = parse_kafel(text, found);

        EXPECT_EQ(policy.has_value(), !found.has(Severity::kError)) << text;
    }
}

}  // namespace
}  // namespace snapjail::jail::nsjail
