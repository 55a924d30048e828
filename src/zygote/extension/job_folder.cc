#include "zygote/extension/job_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace snapjail::zygote {
namespace {

constexpr int kOpenFolder = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
constexpr std::uint64_t kBlockBytes = 512;  // st_blocks counts in these, see stat(2).

bool is_dot(const char* name) noexcept {
    return std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0;
}

// Calls `visit(name)` for the entries that one getdents64() gives: libc's readdir() would allocate.
// Returns how many, or -1.
template <class Visit>
int visit_some(int folder, Visit visit) noexcept {
    alignas(dirent64) std::array<char, 16384> buffer;
    long size = ::syscall(SYS_getdents64, folder, buffer.data(), buffer.size());
    if (size < 0) {
        return -1;
    }
    int count = 0;
    for (long at = 0; at < size;) {
        const auto* entry = reinterpret_cast<const dirent64*>(buffer.data() + at);
        if (!is_dot(entry->d_name)) {
            visit(entry->d_name);
            ++count;
        }
        at += entry->d_reclen;
    }
    return count;
}

// A folder's owner may have locked himself out. Where this fails, what follows does.
void unlock(int parent, const char* name) noexcept {
    [[maybe_unused]] int ignored = ::fchmodat(parent, name, 0700, 0);
}

// Moves what is in `name` up into `top`, under names that nobody else has, so that no depth needs
// a stack; then the folder itself can go. `moved` numbers the names.
bool flatten(int top, const char* name, std::uint64_t& moved) noexcept {
    unlock(top, name);
    UniqueFd folder(::openat(top, name, kOpenFolder));
    if (!folder.is_open()) {
        return false;
    }
    bool ok = true;
    int count = 0;
    do {
        (void)::lseek(folder.get(), 0, SEEK_SET);
        count = visit_some(folder.get(), [&](const char* child) {
            if (::unlinkat(folder.get(), child, 0) == 0) {
                return;
            }
            std::array<char, 32> target{"..snapjail."};
            constexpr std::size_t kPrefix = 11;
            std::to_chars(target.data() + kPrefix, target.data() + target.size() - 1, ++moved);
            // Moving a folder elsewhere writes its "..": its owner must be allowed to.
            unlock(folder.get(), child);
            ok = ::renameat(folder.get(), child, top, target.data()) == 0 && ok;
        });
    } while (ok && count > 0);
    return ok && count == 0 && ::unlinkat(top, name, AT_REMOVEDIR) == 0;
}

}  // namespace

bool empty_job_folder(const char* path) noexcept {
    unlock(AT_FDCWD, path);
    UniqueFd top(::open(path, kOpenFolder));
    if (!top.is_open()) {
        return false;
    }
    std::uint64_t moved = 0;
    bool ok = true;
    int count = 0;
    do {
        (void)::lseek(top.get(), 0, SEEK_SET);
        count = visit_some(top.get(), [&](const char* name) {
            ok = (::unlinkat(top.get(), name, 0) == 0 || flatten(top.get(), name, moved)) && ok;
        });
    } while (ok && count > 0);
    return ok && count == 0;
}

FolderUse measure_job_folder(const char* path, std::uint64_t entries_max) {
    FolderUse use;
    std::vector<UniqueFd> pending;
    auto look_into = [&](int parent, const char* name) {
        UniqueFd folder(::openat(parent, name, kOpenFolder));
        if (!folder.is_open() && errno == EACCES) {
            // What cannot be read cannot be counted: its owner is us, so it is opened again.
            unlock(parent, name);
            folder = UniqueFd(::openat(parent, name, kOpenFolder));
        }
        use.is_whole = use.is_whole && (folder.is_open() || errno == ENOENT);
        if (folder.is_open()) {
            pending.push_back(std::move(folder));
        }
    };
    look_into(AT_FDCWD, path);
    while (!pending.empty() && use.is_whole) {
        UniqueFd folder = std::move(pending.back());
        pending.pop_back();
        int count = 0;
        do {
            count = visit_some(folder.get(), [&](const char* name) {
                struct stat status {};
                if (::fstatat(folder.get(), name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
                    return;  // It has gone meanwhile.
                }
                ++use.entries;
                use.bytes += static_cast<std::uint64_t>(status.st_blocks) * kBlockBytes;
                if (S_ISDIR(status.st_mode) && use.is_whole) {
                    look_into(folder.get(), name);
                }
            });
            use.is_whole = use.is_whole && use.entries <= entries_max;
        } while (count > 0 && use.is_whole);
    }
    return use;
}

}  // namespace snapjail::zygote
