#include "jail/root/interpreter.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/syscall.h"

namespace snapjail::jail {
namespace {

// What PYTHON_BIN could be by mistake: programs that are written by the test.
class InterpreterTest : public testing::Test {
  protected:
    InterpreterTest() {
        char name[] = "/var/tmp/snapjail-interpreter-XXXXXX";
        folder_ = ::mkdtemp(name);
    }
    ~InterpreterTest() override { std::filesystem::remove_all(folder_); }

    std::string program(const std::string& shell_text, mode_t mode = 0755) {
        std::string path = folder_ + "/program";
        EXPECT_TRUE(write_file(path, "#!/bin/sh\n" + shell_text + "\n"));
        EXPECT_EQ(::chmod(path.c_str(), mode), 0);
        return path;
    }

    // What is said of it; the program must be named in it.
    static std::string refusal_of(const std::string& path) {
        auto probed = probe_interpreter(path, SNAPJAIL_TEST_LIBRARY);
        if (probed) {
            ADD_FAILURE() << path << " was taken";
            return "";
        }
        EXPECT_EQ(probed.error().kind, ErrorKind::kInvalid);
        std::string start = "PYTHON_BIN=" + path + ": ";
        EXPECT_TRUE(probed.error().detail.starts_with(start)) << probed.error().to_string();
        return probed.error().detail.substr(start.size());
    }

    std::string folder_;
};

std::string good_python() {
    const char* python = std::getenv("PYTHON_BIN");
    return python != nullptr ? python : "/usr/bin/python3";
}

TEST_F(InterpreterTest, APythonNamesItsVersionItselfAndItsStandardLibrary) {
    auto probed = probe_interpreter(good_python(), SNAPJAIL_TEST_LIBRARY);

    ASSERT_TRUE(probed) << probed.error().to_string();
    EXPECT_TRUE(probed->version.starts_with("3.")) << probed->version;
    EXPECT_EQ(probed->program, good_python());
    EXPECT_EQ(probed->paths.front(), good_python());
    auto holds_os_module = [](const std::string& path) {
        return std::filesystem::exists(path + "/os.py");
    };
    EXPECT_TRUE(std::any_of(probed->paths.begin(), probed->paths.end(), holds_os_module));
    for (const std::string& path : probed->paths) {
        EXPECT_TRUE(path.starts_with('/')) << path;
        EXPECT_TRUE(std::filesystem::exists(path)) << path;
    }
}

TEST_F(InterpreterTest, ARelativeNameIsMadeAbsoluteAndItsLinksAreKept) {
    std::string link = folder_ + "/python";
    std::filesystem::create_symlink(good_python(), link);
    auto relative =
        std::filesystem::path(link).lexically_relative(std::filesystem::current_path()).string();

    auto probed = probe_interpreter(relative, SNAPJAIL_TEST_LIBRARY);

    ASSERT_TRUE(probed) << probed.error().to_string();
    EXPECT_EQ(probed->program, link);
}

TEST_F(InterpreterTest, AMissingProgramIsRefused) {
    EXPECT_EQ(refusal_of("/does/not/exist/python"), "No such file or directory");
}

TEST_F(InterpreterTest, AFileThatIsNotExecutableIsRefused) {
    EXPECT_EQ(refusal_of(program("exit 0", 0644)), "Permission denied");
}

TEST_F(InterpreterTest, AFolderIsRefused) {
    EXPECT_EQ(refusal_of(folder_), "Permission denied");
}

TEST_F(InterpreterTest, AProgramThatIsNoPythonIsRefused) {
    EXPECT_EQ(refusal_of("/bin/true"), "the probe's answer is not JSON");
    EXPECT_EQ(refusal_of("/bin/echo"), "the probe's answer is not JSON");
    EXPECT_EQ(refusal_of("/bin/false"), "the probe ended with status 256");
}

TEST_F(InterpreterTest, AProgramThatCrashesIsRefused) {
    EXPECT_EQ(refusal_of(program("kill -9 $$")), "the probe ended with status 9");
}

TEST_F(InterpreterTest, APythonThatSaysWhyItWillNotDoIsQuoted) {
    EXPECT_EQ(refusal_of(program(R"(echo '{"error": "too old"}')")), "too old");
}

TEST_F(InterpreterTest, AnAnswerThatLacksAFieldOrHasAWrongOneIsRefused) {
    for (const char* answer :
         {"[]", "{}", R"({"version": "3.11.2"})", R"({"version": 3, "paths": []})",
          R"({"version": "3.11.2", "paths": {}})", R"({"version": "3.11.2", "paths": ["/a", 1]})",
          R"({"version": "3.11.2", "paths": []} x)"}) {
        EXPECT_TRUE(refusal_of(program(std::string("echo '") + answer + "'"))
                        .starts_with("the probe's answer"))
            << answer;
    }
}

TEST_F(InterpreterTest, AnEndlessAnswerIsRefusedAndItsProgramEnds) {
    auto path = program("exec cat /dev/zero");

    auto probed = probe_interpreter(path, SNAPJAIL_TEST_LIBRARY);

    EXPECT_FALSE(probed);
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
}

// What is found must not depend on it: a zygote lacks it.
TEST_F(InterpreterTest, TheServicesEnvironmentDoesNotReachTheProgram) {
    ::setenv("PYTHONPATH", "/var/tmp", 1);
    auto probed = probe_interpreter(
        program(R"(echo "{\"version\": \"${PYTHONPATH:-none}\", \"paths\": []}")"),
        SNAPJAIL_TEST_LIBRARY);
    ::unsetenv("PYTHONPATH");

    ASSERT_TRUE(probed);
    EXPECT_EQ(probed->version, "none");
}

}  // namespace
}  // namespace snapjail::jail
