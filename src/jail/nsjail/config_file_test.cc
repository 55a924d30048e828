#include "jail/nsjail/config_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <vector>

#include "base/syscall.h"
#include "jail/nsjail/field_table.h"

namespace snapjail::jail::nsjail {
namespace {

std::filesystem::path in_repository(const char* path) {
    return std::filesystem::path(SNAPJAIL_TEST_REPOSITORY) / path;
}
constexpr std::size_t kBytesMax = 1 << 20;

Surroundings surroundings_of(const std::filesystem::path& folder) {
    return {.folder = folder.string(),
            .variable = [](const std::string& name) -> std::optional<std::string> {
                return name == "LANG" ? std::optional<std::string>("C.UTF-8") : std::nullopt;
            },
            .read_file = [](const std::string& path) { return read_file(path, kBytesMax); }};
}

ConfigFile judge(const std::string& text) {
    return judge_config(text, surroundings_of("/"));
}

std::string all_lines(const std::string& file, const Diagnostics& diagnostics) {
    std::string text;
    for (const Diagnostic& one : diagnostics.all()) {
        text += to_line(file, one) + "\n";
    }
    return text;
}

std::vector<std::filesystem::path> corpus() {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(in_repository("tests/nsjail"))) {
        if (entry.path().extension() == ".cfg") {
            files.push_back(entry.path());
        }
    }
    std::sort(files.begin(), files.end());
    return files;
}

class Corpus : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(Corpus, SaysExactlyWhatStandsBesideTheFile) {
    auto text = read_file(GetParam().string(), kBytesMax);
    ASSERT_TRUE(text);
    auto expected = read_file(GetParam().string() + ".expected", kBytesMax);

    ConfigFile file = judge_config(*text, surroundings_of(GetParam().parent_path()));

    ASSERT_TRUE(expected) << all_lines(GetParam().filename(), file.diagnostics);
    EXPECT_EQ(all_lines(GetParam().filename(), file.diagnostics), *expected);
}

INSTANTIATE_TEST_SUITE_P(Files, Corpus, testing::ValuesIn(corpus()),
                         [](const auto& one) { return one.param.stem().string(); });

TEST(NsjailCorpus, HasThirtyFilesAtLeast) {
    EXPECT_GE(corpus().size(), 30u);
}

TEST(NsjailFields, TheTableHasEachFieldOfTheSchemaOnceAndInItsOrder) {
    const auto* schema = ::nsjail::NsJailConfig::descriptor();
    ASSERT_EQ(field_table().size(), static_cast<std::size_t>(schema->field_count()));
    ASSERT_EQ(schema->field_count(), 101);
    for (int i = 0; i < schema->field_count(); ++i) {
        EXPECT_EQ(field_table()[static_cast<std::size_t>(i)].name, schema->field(i)->name());
        EXPECT_EQ(schema->field(i)->number(), i + 1);
    }
}

TEST(NsjailFields, TheDocumentHasTheTable) {
    auto document = read_file(in_repository("docs/nsjail.md").string(), kBytesMax);
    ASSERT_TRUE(document);
    EXPECT_NE(document->find(field_table_as_markdown()), std::string::npos)
        << "docs/nsjail.md should have:\n"
        << field_table_as_markdown();
}

TEST(NsjailConfig, TheShippedFileIsTheBuiltInDefaults) {
    auto text = read_file(in_repository("config/python.cfg").string(), kBytesMax);
    ASSERT_TRUE(text);

    ConfigFile file = judge(*text);

    EXPECT_EQ(all_lines("", file.diagnostics), ":5:1: note: description: it is for readers\n");
    const Limits& limits = file.settings.limits;
    Limits built_in;
    EXPECT_EQ(limits.wall_time_max, built_in.wall_time_max);
    EXPECT_EQ(limits.cpu_time_max, built_in.cpu_time_max);
    EXPECT_EQ(limits.memory_bytes_max, built_in.memory_bytes_max);
    EXPECT_EQ(limits.file_bytes_max, built_in.file_bytes_max);
    EXPECT_EQ(limits.tmp_bytes_max, built_in.tmp_bytes_max);
    EXPECT_EQ(limits.tmp_inodes_max, built_in.tmp_inodes_max);
    EXPECT_EQ(limits.processes_max, built_in.processes_max);
    EXPECT_EQ(limits.open_files_max, built_in.open_files_max);
    EXPECT_EQ(limits.stack_bytes_max, built_in.stack_bytes_max);
    EXPECT_EQ(limits.locked_bytes_max, built_in.locked_bytes_max);
    EXPECT_EQ(limits.message_queue_bytes_max, built_in.message_queue_bytes_max);
    const JailSettings& jail = file.settings.jail;
    JailSettings none;
    EXPECT_EQ(jail.hostname, none.hostname);
    EXPECT_EQ(jail.cwd, none.cwd);
    EXPECT_EQ(jail.nice_level, none.nice_level);
    EXPECT_EQ(jail.oom_score_adj, none.oom_score_adj);
    EXPECT_EQ(jail.cpus_max, none.cpus_max);
    EXPECT_EQ(jail.uid, none.uid);
    EXPECT_EQ(jail.gid, none.gid);
    EXPECT_EQ(jail.shows_proc, none.shows_proc);
    EXPECT_TRUE(jail.environment.empty() && jail.entries.empty() && jail.tmpfs.empty() &&
                jail.seccomp_policy.empty());
    EXPECT_EQ(file.settings.python_bin, "");
}

TEST(NsjailConfig, AnEmptyFileIsTheBuiltInDefaults) {
    ConfigFile file = judge("# nothing\n");
    EXPECT_TRUE(file.diagnostics.all().empty());
    EXPECT_EQ(file.settings.limits.memory_bytes_max, Limits().memory_bytes_max);
}

TEST(NsjailConfig, TextAndJsonSayTheSame) {
    ConfigFile text = judge("time_limit: 9 rlimit_as: 700 hostname: 'x' uidmap { inside_id: '7' }");
    ConfigFile json = judge(
        R"({"timeLimit": 9, "rlimit_as": 700, "hostname": "x", "uidmap": [{"insideId": "7"}]})");
    for (const ConfigFile& file : {text, json}) {
        EXPECT_EQ(all_lines("", file.diagnostics), "");
        EXPECT_EQ(file.settings.limits.wall_time_max, std::chrono::seconds(9));
        EXPECT_EQ(file.settings.limits.memory_bytes_max, 700ull << 20);
        EXPECT_EQ(file.settings.jail.hostname, "x");
        EXPECT_EQ(file.settings.jail.uid, 7u);
    }
}

TEST(NsjailConfig, AVariableMayBeAsLongAsTheKernelTakesAndNoLonger) {
    auto judge_variable = [](std::size_t size) {
        return judge("envar: \"A=" + std::string(size - 2, 'x') + "\"").diagnostics;
    };
    EXPECT_EQ(all_lines("", judge_variable(131'071)), "");
    EXPECT_NE(all_lines("", judge_variable(131'072)).find("A is longer than the 131071 bytes"),
              std::string::npos);
}

TEST(NsjailConfig, AnEnvironmentMayBeAQuarterOfTheStackButForOurs) {
    auto judge_environment = [](const std::string& stack, std::size_t bytes) {
        std::string text = stack;
        // Each is counted with its NUL and a pointer.
        for (std::size_t i = 0; i < 8; ++i) {
            text += " envar: \"" + std::string(1, static_cast<char>('A' + i)) + "=" +
                    std::string(bytes / 8 - 11, 'x') + "\"";
        }
        return judge(text).diagnostics;
    };
    const std::string one = "rlimit_stack: 1 rlimit_stack_type: VALUE";
    constexpr std::size_t kOfOneMiB = (256 << 10) - (16 << 10);
    EXPECT_EQ(all_lines("", judge_environment(one, kOfOneMiB)), "");
    EXPECT_NE(all_lines("", judge_environment(one, kOfOneMiB + 8)).find("a quarter of its stack"),
              std::string::npos);
    EXPECT_EQ(all_lines("", judge_environment("", kOfOneMiB + 8)), "");
}

TEST(NsjailConfig, AnInterpreterThatIsNotThereIsANoteWhereAnotherIsNamed) {
    Surroundings surroundings = surroundings_of("/");
    const char* text = "exec_bin { path: \"/usr/bin/python3.99\" }";
    EXPECT_TRUE(judge_config(text, surroundings).diagnostics.has(Severity::kError));
    surroundings.has_interpreter = true;
    EXPECT_EQ(all_lines("", judge_config(text, surroundings).diagnostics),
              ":1:12: note: /usr/bin/python3.99 is no program that can be run here; PYTHON_BIN is "
              "used\n");
}

TEST(NsjailConfig, ANulCharacterIsRefusedInEveryTextAndTakenInBytes) {
    for (const char* text : {R"(hostname: "a\0b")", R"(cwd: "/a\0")", R"(envar: "A=\0")",
                             R"(exec_bin { path: "/python\0" })",
                             R"(mount { src: "a\0" dst: "/l" is_symlink: true })"}) {
        ConfigFile file = judge(text);
        ASSERT_FALSE(file.diagnostics.all().empty()) << text;
        EXPECT_NE(file.diagnostics.all()[0].text.find("NUL"), std::string::npos) << text;
        EXPECT_TRUE(file.diagnostics.has(Severity::kError)) << text;
    }
    EXPECT_EQ(all_lines("", judge(R"(mount { src_content: "a\0" dst: "/f" })").diagnostics), "");
}

TEST(NsjailConfig, APolicyThatReplacesOursIsAWarningAndNoneIsAnError) {
    Surroundings surroundings = surroundings_of("/");
    surroundings.seccomp_use = PolicyUse::kReplace;
    ConfigFile file = judge_config(R"(seccomp_string: "DEFAULT ALLOW")", surroundings);
    EXPECT_FALSE(file.diagnostics.has(Severity::kError));
    EXPECT_NE(all_lines("", file.diagnostics).find("warning: --seccomp=replace"),
              std::string::npos);
    EXPECT_EQ(file.settings.jail.seccomp_use, PolicyUse::kReplace);
    EXPECT_NE(describe_jail(file.settings).find("the file's policy alone"), std::string::npos);

    EXPECT_TRUE(judge_config("time_limit: 5", surroundings).diagnostics.has(Severity::kError));
    file = judge(R"(seccomp_string: "DEFAULT ALLOW")");
    EXPECT_EQ(file.settings.jail.seccomp_use, PolicyUse::kJoined);
    EXPECT_EQ(describe_jail(file.settings).find("alone"), std::string::npos);
}

TEST(NsjailConfig, APolicyIsAskedForWhatGuestsOfThatStartNeed) {
    auto say = [](const char* policy, GuestStart start) {
        Surroundings surroundings = surroundings_of("/");
        surroundings.start = start;
        return all_lines(
            "", judge_config("seccomp_string: \"" + std::string(policy) + " DEFAULT ALLOW\"",
                             surroundings)
                    .diagnostics);
    };
    using enum GuestStart;
    const std::string refused = ":1:1: error: no guest can start under this policy: allow ";
    EXPECT_EQ(say("KILL { dup2, getpid }", kWarm), refused + "getpid, dup2\n");
    EXPECT_EQ(say("KILL { dup2, getpid }", kCold), refused + "getpid\n");
    EXPECT_EQ(say("KILL { execve, sysinfo }", kCold), refused + "execve, sysinfo\n");
    EXPECT_EQ(say("KILL { execve, sysinfo }", kWarm),
              ":1:1: note: with --mode=cold, as `snapjail run` is, no guest could start: that "
              "takes execve, sysinfo\n");
    // An error is enough for some.
    EXPECT_EQ(say("ERRNO(1) { getpid }", kWarm), "");
    EXPECT_EQ(say("ERRNO(1) { sysinfo }", kCold), "");
    EXPECT_EQ(say("ERRNO(1) { read }", kWarm), refused + "read\n");
}

TEST(NsjailConfig, EveryRefusedFieldIsRefusedWhenItSaysMoreThanItsDefault) {
    for (const FieldRow& row : field_table()) {
        const auto* field =
            ::nsjail::NsJailConfig::descriptor()->FindFieldByName(std::string(row.name));
        if (row.field_class != FieldClass::kRefused) {
            continue;
        }
        using google::protobuf::FieldDescriptor;
        std::string value = field->cpp_type() == FieldDescriptor::CPPTYPE_BOOL     ? ": true"
                            : field->cpp_type() == FieldDescriptor::CPPTYPE_STRING ? ": \"a\""
                            : field->cpp_type() == FieldDescriptor::CPPTYPE_INT32  ? ": 3"
                                                                                   : " {}";
        EXPECT_TRUE(judge(std::string(row.name) + value).diagnostics.has(Severity::kError))
            << row.name;
    }
}

TEST(NsjailConfig, NoTextEndsTheReader) {
    std::vector<std::string> seeds;
    for (const auto& path : corpus()) {
        seeds.push_back(read_file(path.string(), kBytesMax).value());
    }
    std::mt19937_64 random(1);
    google::protobuf::LogSilencer quiet;
    for (int i = 0; i < 3'000; ++i) {
        std::string text = seeds[random() % seeds.size()];
        for (std::uint64_t changes = 1 + random() % 4; changes > 0 && !text.empty(); --changes) {
            std::size_t at = random() % text.size();
            switch (random() % 3) {
                case 0:
                    text[at] = static_cast<char>(random());
                    break;
                case 1:
                    text.erase(at, random() % 9);
                    break;
                default:
                    text.insert(at, text.substr(random() % text.size(), random() % 9));
            }
        }
        (void)judge(text);
    }
}

}  // namespace
}  // namespace snapjail::jail::nsjail
