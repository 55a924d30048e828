#include "jail/root/interpreter.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/json.hpp>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "base/syscall.h"

namespace snapjail::jail {
namespace {

constexpr std::size_t kProbeBytesMax = std::size_t{1} << 20;  // A few hundred paths are 50 KB.

Error refused(const std::string& program, const std::string& why) {
    return Error{ErrorKind::kInvalid, "ask the interpreter what it needs", 0,
                 "PYTHON_BIN=" + program + ": " + why};
}

// What `program script` prints; its complaints go to our own stderr.
Result<std::string> run_and_read(const std::string& program, const std::string& script) {
    Pipe output = TRY(make_pipe());
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output.write_end.get(), STDOUT_FILENO);
    std::array<const char*, 5> argv{program.c_str(), "-I", "-B", script.c_str(), nullptr};
    // Not the service's environment: what is found must not depend on it, for the zygote lacks it.
    std::array<const char*, 3> env{"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", nullptr};
    pid_t child = -1;
    int rc =
        ::posix_spawn(&child, program.c_str(), &actions, nullptr,
                      const_cast<char* const*>(argv.data()), const_cast<char* const*>(env.data()));
    posix_spawn_file_actions_destroy(&actions);
    if (rc != 0) {
        return refused(program, std::strerror(rc));
    }
    output.write_end.reset();
    auto text = read_fd_to_end(output.read_end, kProbeBytesMax);
    output.read_end.reset();
    int status = 0;
    TRY(retry_eintr("waitpid", [&] { return ::waitpid(child, &status, 0); }));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        return refused(program, "the probe ended with status " + std::to_string(status));
    }
    return text;
}

}  // namespace

Result<Interpreter> probe_interpreter(const std::string& program,
                                      const std::string& library_folder) {
    std::error_code ignored;
    Interpreter interpreter;
    interpreter.program = std::filesystem::absolute(program, ignored).lexically_normal().string();
    if (::access(interpreter.program.c_str(), X_OK) != 0) {
        return refused(program, std::strerror(errno));
    }
    std::string text = TRY(run_and_read(interpreter.program, library_folder + "/probe.py"));
    boost::json::error_code parse_error;
    auto answer = boost::json::parse(text, parse_error);
    if (parse_error || !answer.is_object()) {
        return refused(program, "the probe's answer is not JSON");
    }
    const auto& object = answer.get_object();
    const auto* refusal = object.if_contains("error");
    if (refusal != nullptr && refusal->is_string()) {
        return refused(program, std::string(refusal->get_string()));
    }
    const auto* version = object.if_contains("version");
    const auto* paths = object.if_contains("paths");
    if (version == nullptr || !version->is_string() || paths == nullptr || !paths->is_array()) {
        return refused(program, "the probe's answer lacks a field");
    }
    interpreter.version = std::string(version->get_string());
    interpreter.paths.push_back(interpreter.program);
    for (const auto& path : paths->get_array()) {
        if (!path.is_string()) {
            return refused(program, "the probe's answer has a path that is no text");
        }
        interpreter.paths.emplace_back(path.get_string());
    }
    return interpreter;
}

}  // namespace snapjail::jail
