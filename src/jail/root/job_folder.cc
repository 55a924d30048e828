#include "jail/root/job_folder.h"

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

namespace snapjail::jail {
namespace {

constexpr int kOpenFolder = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
constexpr std::uint64_t kBlockBytes = 512;  // st_blocks counts in these, see stat(2).

bool is_dot(const char* name) noexcept {
    return std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0;
}

// Calls `visit(name)` for the entries that one getdents64() gives, until it says kStop; the next
// call goes on behind that one. Not readdir(), which would allocate. Returns how many, or -1.
enum class Visit { kGoOn, kStop };
template <class Visitor>
int visit_some(int folder, Visitor visit) noexcept {
    alignas(dirent64) std::array<char, 16384> buffer;
    long size = ::syscall(SYS_getdents64, folder, buffer.data(), buffer.size());
    if (size < 0) {
        return -1;
    }
    int count = 0;
    for (long at = 0; at < size;) {
        const auto* entry = reinterpret_cast<const dirent64*>(buffer.data() + at);
        at += entry->d_reclen;
        if (is_dot(entry->d_name)) {
            continue;
        }
        ++count;
        if (visit(entry->d_name) == Visit::kStop) {
            return ::lseek(folder, entry->d_off, SEEK_SET) < 0 ? -1 : count;
        }
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
                return Visit::kGoOn;
            }
            std::array<char, 32> target{"..snapjail."};
            constexpr std::size_t kPrefix = 11;
            std::to_chars(target.data() + kPrefix, target.data() + target.size() - 1, ++moved);
            // Moving a folder elsewhere writes its "..": its owner must be allowed to.
            unlock(folder.get(), child);
            ok = ::renameat(folder.get(), child, top, target.data()) == 0 && ok;
            return Visit::kGoOn;
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
            return Visit::kGoOn;
        });
    } while (ok && count > 0);
    return ok && count == 0;
}

FolderUse measure_job_folder(const char* path, std::uint64_t entries_max) {
    FolderUse use;
    std::vector<UniqueFd> levels;  // From the job's folder down to the one that is being read.
    auto enter = [&](int parent, const char* name) {
        UniqueFd folder(::openat(parent, name, kOpenFolder));
        if (!folder.is_open() && errno == EACCES) {
            // What cannot be read cannot be counted: its owner is us, so it is opened again.
            unlock(parent, name);
            folder = UniqueFd(::openat(parent, name, kOpenFolder));
        }
        use.is_whole = use.is_whole && (folder.is_open() || errno == ENOENT) &&
                       levels.size() < kFolderDepthMax;
        if (folder.is_open()) {
            levels.push_back(std::move(folder));
        }
    };
    enter(AT_FDCWD, path);
    while (!levels.empty() && use.is_whole) {
        int folder = levels.back().get();
        int count = visit_some(folder, [&](const char* name) {
            struct stat status {};
            if (::fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
                return Visit::kGoOn;  // It has gone meanwhile.
            }
            ++use.entries;
            use.bytes += static_cast<std::uint64_t>(status.st_blocks) * kBlockBytes;
            if (!S_ISDIR(status.st_mode)) {
                return Visit::kGoOn;
            }
            enter(folder, name);
            return Visit::kStop;
        });
        use.is_whole = use.is_whole && count >= 0 && use.entries <= entries_max;
        // Its end, unless the last entry was a folder, which now stands above it.
        if (count == 0) {
            levels.pop_back();
        }
    }
    return use;
}

}  // namespace snapjail::jail
