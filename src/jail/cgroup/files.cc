#include "jail/cgroup/files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "base/syscall.h"

namespace snapjail::jail::cgroup {
namespace {

// The longest file that we read is a list of processes, of which we want to know the first.
constexpr std::size_t kFileBytesMax = std::size_t{1} << 20;

}  // namespace

Result<void> Files::make_folder(const std::string& path) {
    auto made = retry_eintr("make a cgroup", [&] { return ::mkdir(path.c_str(), 0755); });
    return made ? Result<void>() : Error::from_errno("make a cgroup", made.error().sys_errno, path);
}

Result<void> Files::remove_folder(const std::string& path) {
    auto removed = retry_eintr("remove a cgroup", [&] { return ::rmdir(path.c_str()); });
    return removed ? Result<void>()
                   : Error::from_errno("remove a cgroup", removed.error().sys_errno, path);
}

Result<void> Files::write(const std::string& path, std::string_view text) {
    UniqueFd file = TRY(open_file(path, O_WRONLY | O_CLOEXEC));
    auto written =
        retry_eintr("write", [&] { return ::write(file.get(), text.data(), text.size()); });
    if (!written) {
        return Error::from_errno("set a cgroup", written.error().sys_errno,
                                 path + " to " + std::string(text));
    }
    return {};
}

Result<std::string> Files::read(const std::string& path) {
    return read_file(path, kFileBytesMax);
}

std::vector<std::string> Files::folders_in(const std::string& path) {
    std::vector<std::string> names;
    std::error_code failed;
    for (std::filesystem::directory_iterator at(path, failed), end; !failed && at != end;
         at.increment(failed)) {
        std::error_code ignored;
        if (at->is_directory(ignored)) {
            names.push_back(at->path().filename().string());
        }
    }
    return names;
}

}  // namespace snapjail::jail::cgroup
