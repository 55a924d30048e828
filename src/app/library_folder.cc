#include "app/library_folder.h"

#include <cstdlib>
#include <filesystem>

namespace snapjail::app {

Result<std::string> find_library_folder() {
    namespace fs = std::filesystem;
    constexpr const char* kProof = "_snapjail.abi3.so";
    std::error_code error;
    if (const char* given = std::getenv("SNAPJAIL_LIBRARY")) {
        if (fs::exists(fs::path(given) / kProof, error)) {
            return fs::absolute(given).string();
        }
        return Error{ErrorKind::kInvalid, "SNAPJAIL_LIBRARY", 0,
                     std::string(given) + " does not hold " + kProof};
    }
    fs::path program = fs::read_symlink("/proc/self/exe", error);
    if (error) {
        return Error::from_errno("read /proc/self/exe", error.value());
    }
    for (const char* relative : {"lib/snapjail", "../lib/snapjail"}) {
        fs::path folder = (program.parent_path() / relative).lexically_normal();
        if (fs::exists(folder / kProof, error)) {
            return folder.string();
        }
    }
    return Error{ErrorKind::kInvalid, "find lib/snapjail", 0,
                 "it is not beside " + program.string() +
                     "; build the target `snapjail`, or set SNAPJAIL_LIBRARY"};
}

std::optional<std::string> find_own_python() {
    namespace fs = std::filesystem;
    std::error_code error;
    fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path();
    // build/<preset>/snapjail.
    fs::path python = (folder / "../../.venv/bin/python").lexically_normal();
    if (folder.empty() || !fs::exists(python, error)) {
        return std::nullopt;
    }
    return python.string();
}

}  // namespace snapjail::app
