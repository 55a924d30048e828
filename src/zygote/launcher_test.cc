// Real zygotes: needs namespaces, as a service in tier full does.
#include "zygote/launcher.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <string>

#include "base/syscall.h"
#include "zygote/zygote_for_test.h"

namespace snapjail::zygote {
namespace {

bool has_children() {
    return !(::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD);
}

Result<ChildProcess> launch(const ZygoteSettings& settings) {
    ZygoteSpec spec = TRY(make_zygote_spec(settings));
    return launch_zygote(spec);
}

TEST(ZygoteSpec, AWrapperPathThatDoesNotExistIsNamed) {
    ZygoteSettings settings = lean_settings();
    settings.wrapper_path = "/does/not/exist/wrapper.py";

    auto spec = make_zygote_spec(settings);

    ASSERT_FALSE(spec);
    EXPECT_EQ(spec.error().sys_errno, ENOENT);
    EXPECT_EQ(spec.error().detail, "/does/not/exist/wrapper.py");
}

TEST(ZygoteSpec, AWrapperPathThatIsAFolderIsNamed) {
    ZygoteSettings settings = lean_settings();
    settings.wrapper_path = "/usr";

    auto spec = make_zygote_spec(settings);

    ASSERT_FALSE(spec);
    EXPECT_EQ(spec.error().sys_errno, EISDIR);
    EXPECT_EQ(spec.error().detail, "/usr");
}

TEST(ZygoteSpec, ALibraryFolderWithoutTheExtensionIsNamed) {
    ZygoteSettings settings = lean_settings();
    settings.library_folder = "/var/empty-of-ours";

    EXPECT_FALSE(make_zygote_spec(settings));
}

TEST(ZygoteSpec, ThePlanHoldsTheLimitsNeitherMoreNorLess) {
    ZygoteSettings settings = lean_settings();
    settings.limits.open_files_max = 100;
    settings.limits.tmp_bytes_max = 12'345;

    auto spec = make_zygote_spec(settings);

    ASSERT_TRUE(spec) << spec.error().to_string();
    EXPECT_EQ(spec->plan.tmp_bytes_max, 12'345u);
    // The first number that the guest's own limit forbids.
    EXPECT_EQ(spec->plan.result_fd, 100);
    for (std::uint32_t i = 0; i < spec->plan.rlimit_count; ++i) {
        EXPECT_EQ(spec->plan.rlimits[i].soft, spec->plan.rlimits[i].hard);
    }
}

TEST(Zygote, BecomesReadyAndLeavesNeitherChildNorDescriptorWhenItEnds) {
    auto spec = make_zygote_spec(lean_settings());
    ASSERT_TRUE(spec) << spec.error().to_string();
    int fds_before = open_fd_count();
    {
        auto zygote = launch_zygote(*spec);
        ASSERT_TRUE(zygote) << zygote.error().to_string();
        EXPECT_TRUE(await_ready(*zygote));
        EXPECT_TRUE(has_children());
    }

    EXPECT_FALSE(has_children());
    EXPECT_EQ(open_fd_count(), fds_before);
}

TEST(Zygote, MayBeEndedWhileItStillImports) {
    {
        auto zygote = launch(lean_settings());
        ASSERT_TRUE(zygote) << zygote.error().to_string();
    }

    EXPECT_FALSE(has_children());
}

TEST(Zygote, CanBeLaunchedFromOneSpecAgainAndAgain) {
    auto spec = make_zygote_spec(lean_settings());
    ASSERT_TRUE(spec);

    auto first = launch_zygote(*spec);
    auto second = launch_zygote(*spec);
    auto third = launch_zygote(*spec);

    ASSERT_TRUE(first && second && third);
    EXPECT_TRUE(await_ready(*first));
    EXPECT_TRUE(await_ready(*second));
    EXPECT_TRUE(await_ready(*third));
}

TEST(Zygote, AssignmentEndsTheOneThatWasThere) {
    auto spec = make_zygote_spec(lean_settings());
    ASSERT_TRUE(spec);
    auto first = launch_zygote(*spec);
    auto second = launch_zygote(*spec);
    ASSERT_TRUE(first && second);
    pid_t replaced = first->pid();
    pid_t kept = second->pid();

    *first = std::move(*second);

    EXPECT_EQ(::kill(replaced, 0), -1);
    EXPECT_EQ(::kill(kept, 0), 0);
    EXPECT_EQ(first->pid(), kept);
    EXPECT_TRUE(await_ready(*first));
}

TEST(Zygote, ItsEndIsSeenOnItsPidfdAndItsChannel) {
    auto zygote = launch(lean_settings());
    ASSERT_TRUE(zygote);
    ASSERT_TRUE(await_ready(*zygote));

    ::kill(zygote->pid(), SIGKILL);

    EXPECT_TRUE(await_readable(zygote->pidfd().get()));
    char byte = 0;
    EXPECT_EQ(::recv(zygote->channel().get(), &byte, 1, 0), 0);
}

TEST(Zygote, AModuleThatCannotBePreloadedDoesNotStopIt) {
    ZygoteSettings settings = lean_settings();
    settings.profile.modules = {"no_such_module", "json.none", "json"};

    auto zygote = launch(settings);

    ASSERT_TRUE(zygote) << zygote.error().to_string();
    EXPECT_TRUE(await_ready(*zygote));
}

TEST(Zygote, AnInterpreterThatCannotBeExecutedInTheJailIsToldByItsStep) {
    auto spec = make_zygote_spec(lean_settings());
    ASSERT_TRUE(spec);
    spec->argv[0] = "/no/such/python";
    int fds_before = open_fd_count();

    auto zygote = launch_zygote(*spec);

    ASSERT_FALSE(zygote);
    EXPECT_STREQ(zygote.error().operation, "exec the interpreter");
    EXPECT_EQ(zygote.error().sys_errno, ENOENT);
    EXPECT_FALSE(has_children());
    EXPECT_EQ(open_fd_count(), fds_before);
}

TEST(Zygote, ASourceThatHasGoneIsToldByItsStep) {
    auto spec = make_zygote_spec(lean_settings());
    ASSERT_TRUE(spec);
    spec->tree.entries.push_back(
        {.kind = jail::EntryKind::kBind, .path = "gone", .content = "/var/tmp/no-such-folder"});

    auto zygote = launch_zygote(*spec);

    ASSERT_FALSE(zygote);
    EXPECT_STREQ(zygote.error().operation, "open a source of the root tree");
    EXPECT_EQ(zygote.error().sys_errno, ENOENT);
    EXPECT_FALSE(has_children());
}

// A virtual environment by hand, that holds one module.
void make_environment(const std::filesystem::path& folder, const std::string& module,
                      const std::string& text) {
    auto spec = make_zygote_spec(lean_settings());
    ASSERT_TRUE(spec);
    const std::string& version = spec->interpreter.version;  // "3.11.2"
    auto packages = folder / "lib" / ("python" + version.substr(0, version.find_last_of('.'))) /
                    "site-packages";
    auto program = std::filesystem::canonical(spec->interpreter.program);
    std::filesystem::create_directories(packages);
    std::filesystem::create_directories(folder / "bin");
    std::filesystem::create_symlink(program, folder / "bin/python");
    ASSERT_TRUE(write_file(folder / "pyvenv.cfg", "home = " + program.parent_path().string()));
    ASSERT_TRUE(write_file(packages / (module + ".py"), text));
}

// fork() would copy one thread of several, and the locks of all.
TEST(Zygote, AModuleThatStartsAThreadMakesItRefuse) {
    char folder[] = "/var/tmp/snapjail-venv-XXXXXX";
    ASSERT_NE(::mkdtemp(folder), nullptr);
    std::filesystem::path environment = std::string(folder) + "/venv";  // 0755: a zygote is nobody.
    make_environment(environment, "threadstarter",
                     "import threading\n"
                     "threading.Thread(target=threading.Event().wait, daemon=True).start()\n");
    ZygoteSettings settings = lean_settings();
    settings.python_bin = environment / "bin/python";
    auto without = launch(settings);
    settings.profile.modules = {"threadstarter"};
    auto with = launch(settings);

    ASSERT_TRUE(without) << without.error().to_string();
    ASSERT_TRUE(with) << with.error().to_string();
    EXPECT_TRUE(await_ready(*without));
    EXPECT_FALSE(await_ready(*with));
    std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace snapjail::zygote
