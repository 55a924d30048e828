#pragma once
// Files: the few things that are done to a file system of cgroups. A seam, and no more: version 2
// with its rules is tested on a plain folder, where no kernel minds them.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace snapjail::jail::cgroup {

class Files {
  public:
    Files() = default;
    Files(const Files&) = delete;
    Files& operator=(const Files&) = delete;
    virtual ~Files() = default;

    virtual Result<void> make_folder(const std::string& path);
    virtual Result<void> remove_folder(const std::string& path);
    // In one write(2), to a file that is there: the kernel takes no half of a setting.
    virtual Result<void> write(const std::string& path, std::string_view text);
    virtual Result<std::string> read(const std::string& path);
    // The names of the folders in it; none where it cannot be read.
    virtual std::vector<std::string> folders_in(const std::string& path);
};

}  // namespace snapjail::jail::cgroup
