#pragma once
// RootTree: the read-only file system that a zygote and its guests see: what the interpreter needs,
// bound from the host, and a few small files of ours. Planned by the supervisor, which may
// allocate; built by the zygote's child after fork, which may not.

#include <string>
#include <vector>

#include "base/result.h"
#include "jail/root/interpreter.h"
#include "jail/setup_step.h"

namespace snapjail::jail {

enum class EntryKind : unsigned char {
    kDirectory,  // An empty directory: a mount point, or a parent.
    kBind,       // A directory or file of the host, read-only all the way down.
    kDevice,     // A device node of the host.
    kSymlink,
    kFile,  // A copy, held in `content`.
};

struct Entry {
    EntryKind kind = EntryKind::kDirectory;
    std::string path;  // In the tree, without the leading slash.
    std::string
        content;  // kBind, kDevice: the host's path. kSymlink: its target. kFile: the bytes.
    bool is_directory = true;    // For kBind.
    bool is_executable = false;  // For kFile.
    bool is_noexec = false;      // For kBind.
    bool is_fixed = false;       // A directory that nothing of ours replaces: a mount point.
    int source_fd = -1;          // Used by the child only: the detached mount.
};

struct RootTree {
    std::vector<Entry> entries;  // Parents before children.
};

struct OwnFile {
    std::string path;  // Where it stands in the tree: "snapjail/runner.py".
    std::string content;
};

// Where our own files stand in the tree. Not below /usr/lib: where shared libraries stand right in
// there (Alpine, Arch), it is bound as a whole, and nothing of ours could be laid into it.
constexpr const char* kLibraryFolder = "snapjail";

// `first` is the operator's own, and wins over what we would place there.
Result<RootTree> plan_root_tree(const Interpreter& interpreter, std::vector<OwnFile> own_files,
                                std::vector<Entry> first = {});

}  // namespace snapjail::jail
