// The program: reads flags and environment, and hands over to one of its commands.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "app/command/doctor_command.h"
#include "app/command/make_roots_command.h"
#include "app/command/run_command.h"
#include "app/command/serve_command.h"
#include "app/complaint.h"
#include "app/front.h"
#include "app/options.h"
#include "jail/nsjail/config_file.h"
#include "jail/seccomp/table_document.h"

namespace {

using snapjail::app::Options;

constexpr int kExitUsage = 2;
constexpr int kExitWarnings = 1;

constexpr const char* kCheckConfigHelp =
    "Say of a configuration in nsjail's format every problem, with line and column, and what the\n"
    "jail will be. Exit status: 0 nothing to say but notes; 1 warnings; 2 refused.";

struct CommandLine {
    CLI::App app{
        "Snapjail runs untrusted Python for other programs. Each script gets a jail of its own,\n"
        "locked before it arrives and gone after its answer.\n\n"
        "  snapjail serve                 answers POST /execute on http://127.0.0.1:8080\n"
        "  echo 'def main(): return 42' | snapjail run -\n"
        "  snapjail doctor                says what this host gives, and how to mend what it does "
        "not",
        "snapjail"};
    Options serve_options;
    Options run_options;
    Options doctor_options;
    Options check_config_options;
    Options make_roots_options;
    std::string file;
    bool wants_json = false;
    CLI::App* serve = nullptr;
    CLI::App* run = nullptr;
    CLI::App* doctor = nullptr;
    CLI::App* make_roots = nullptr;
    CLI::App* check_config = nullptr;
    CLI::App* seccomp_table = nullptr;
    std::string config_file;
};

void declare(CommandLine& line) {
    line.app.set_version_flag("--version", "snapjail " SNAPJAIL_VERSION, "Print the version.");
    line.app.set_help_flag("-h,--help", "Print this help; each command has its own.");
    line.app.require_subcommand(0, 1);
    // So narrow that every description begins on a line of its own.
    line.app.get_formatter()->column_width(8);

    line.serve = line.app.add_subcommand(
        "serve",
        "Answer POST /execute over HTTP, in the foreground, until SIGTERM or Ctrl-C.\n"
        "Every setting is a flag and an environment variable (Env); the flag wins.");
    snapjail::app::add_serve_options(*line.serve, line.serve_options);

    line.run = line.app.add_subcommand("run", snapjail::app::kRunHelp);
    line.run->add_option("FILE", line.file, "The script; - reads it from standard input.")
        ->required();
    // One job: there is nothing to be warm for.
    line.run_options.start = snapjail::jail::GuestStart::kCold;
    line.run_options.log_level = snapjail::log::Level::kWarning;
    snapjail::app::add_run_options(*line.run, line.run_options);

    line.doctor = line.app.add_subcommand(
        "doctor",
        "Try what a jail is made of, one line a layer: whether this host gives it, why not, and\n"
        "how to mend that; then try from inside a real one. Exit status 0: all of it stands; 3: "
        "tier\n"
        "process does; 1: `serve` would not start.");
    line.doctor->add_flag("--json", line.wants_json, "Print one JSON object instead.");
    snapjail::app::add_doctor_options(*line.doctor, line.doctor_options);

    line.make_roots = line.app.add_subcommand(
        "make-roots",
        "For containers that allow no namespaces, when their image is built: lay a root for each\n"
        "slot, of hard links to what the interpreter needs.");
    snapjail::app::add_make_roots_options(*line.make_roots, line.make_roots_options);

    line.check_config = line.app.add_subcommand("check-config", kCheckConfigHelp);
    line.check_config->add_option("FILE", line.config_file, "The file.")->required();
    snapjail::app::add_check_config_options(*line.check_config, line.check_config_options);

    line.seccomp_table = line.app.add_subcommand(
        "seccomp-table",
        "Print the system calls that a script may make, and why or why not, as docs/seccomp.md\n"
        "shows them.");
    line.seccomp_table->add_flag("--json", line.wants_json, "Print one JSON object instead.");
}

int run_command(const CommandLine& line, Options& options, int (*command)(const CommandLine&)) {
    if (auto completed = snapjail::app::complete_options(options); !completed) {
        std::fprintf(stderr, "snapjail: %s\n", completed.error().to_string().c_str());
        return kExitUsage;
    }
    return command(line);
}

int check_config(const std::string& file, const Options& options) {
    using snapjail::jail::nsjail::Severity;
    const char* python = std::getenv("PYTHON_BIN");
    auto loaded = snapjail::jail::nsjail::load_config_file(
        file,
        {.seccomp = options.seccomp_use, .has_interpreter = python != nullptr && *python != '\0'});
    if (!loaded) {
        std::fprintf(stderr, "snapjail: %s\n", loaded.error().to_string().c_str());
        return kExitUsage;
    }
    for (const auto& one : loaded->diagnostics.all()) {
        std::printf("%s\n", to_line(file, one).c_str());
    }
    if (loaded->diagnostics.has(Severity::kError)) {
        std::printf("refused: nothing starts with this file\n");
        return kExitUsage;
    }
    const std::string& name = loaded->settings.name;
    std::printf("A job's jail%s, where no flag says otherwise:\n",
                name.empty() ? "" : (" (" + name + ")").c_str());
    std::fputs(describe_jail(loaded->settings).c_str(), stdout);
    return loaded->diagnostics.has(Severity::kWarning) ? kExitWarnings : 0;
}

int dispatch(CommandLine& line) {
    if (line.serve->parsed()) {
        return run_command(line, line.serve_options, [](const CommandLine& given) {
            return snapjail::app::serve(given.serve_options);
        });
    }
    if (line.run->parsed()) {
        return run_command(line, line.run_options, [](const CommandLine& given) {
            return snapjail::app::run_file(given.file, given.run_options);
        });
    }
    if (line.doctor->parsed()) {
        return run_command(line, line.doctor_options, [](const CommandLine& given) {
            return snapjail::app::examine_host(given.doctor_options, given.wants_json);
        });
    }
    if (line.make_roots->parsed()) {
        return run_command(line, line.make_roots_options, [](const CommandLine& given) {
            return snapjail::app::make_roots(given.make_roots_options);
        });
    }
    if (line.check_config->parsed()) {
        return check_config(line.config_file, line.check_config_options);
    }
    if (line.seccomp_table->parsed()) {
        std::string table = line.wants_json ? snapjail::jail::syscall_table_json() + "\n"
                                            : snapjail::jail::syscall_table_markdown();
        std::fputs(table.c_str(), stdout);
        return 0;
    }
    std::fputs(line.app.help().c_str(), stderr);
    return kExitUsage;
}

}  // namespace

int main(int argc, char** argv) {
    // Not a command for people: the supervisor execs it.
    if (argc == 2 && std::strcmp(argv[1], "front") == 0) {
        return snapjail::app::run_front();
    }
    CommandLine line;
    declare(line);
    try {
        line.app.parse(argc, argv);
    } catch (const CLI::Success& wanted) {
        return line.app.exit(wanted);  // --help and --version.
    } catch (const CLI::ParseError& error) {
        std::fprintf(stderr, "snapjail: %s\nTry: snapjail %s --help\n", error.what(),
                     argc > 1 && argv[1][0] != '-' ? argv[1] : "");
        return kExitUsage;
    }
    return dispatch(line);
}
