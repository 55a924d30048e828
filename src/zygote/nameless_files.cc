#include "zygote/nameless_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <string_view>

#include "base/syscall.h"

namespace snapjail::zygote {
namespace {

constexpr std::uint64_t kBlockBytes = 512;
// Some forty thousand mappings; an interpreter with Pandas has five hundred.
constexpr std::size_t kMapsBytesMax = std::size_t{4} << 20;
constexpr std::size_t kFdinfoBytesMax = 4096;
constexpr std::string_view kDeleted = " (deleted)";
// How the kernel calls memory that is shared and has no file: see shmem_zero_setup().
constexpr std::string_view kSharedMemory = "/dev/zero (deleted)";

// As the C library calls them; the path before it is as we see it, with the job's root.
constexpr std::string_view kSemaphore = "/sem.";
std::string path_of(pid_t pid, const char* name) {
    return "/proc/" + std::to_string(pid) + "/" + name;
}

std::uint64_t to_number(std::string_view text, int base) {
    std::uint64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number, base);
    return number;
}

// The next word of a line, which is shortened by it.
std::string_view take_word(std::string_view& line) {
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    std::string_view word = line.substr(0, line.find(' '));
    line.remove_prefix(word.size());
    return word;
}

// unix(7) sockets say so since Linux 5.6; where they do not, nothing is in flight.
std::uint64_t descriptors_in(pid_t pid, const char* descriptor) {
    constexpr std::string_view kKey = "\nscm_fds:";
    auto text = read_file(path_of(pid, "fdinfo/") + descriptor, kFdinfoBytesMax);
    std::size_t at = text ? text->find(kKey) : std::string::npos;
    if (at == std::string::npos) {
        return 0;
    }
    std::string_view rest = std::string_view(*text).substr(at + kKey.size());
    rest.remove_prefix(std::min(rest.find_first_of("0123456789"), rest.size()));
    return to_number(rest, 10);
}

}  // namespace

void NamelessFiles::add_open(pid_t pid) {
    std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path_of(pid, "fd").c_str()), ::closedir);
    while (const dirent* entry = folder ? ::readdir(folder.get()) : nullptr) {
        struct stat status {};
        if (::fstatat(::dirfd(folder.get()), entry->d_name, &status, 0) != 0) {
            continue;
        }
        if (S_ISREG(status.st_mode) && status.st_nlink == 0) {
            open_[{status.st_dev, status.st_ino}] =
                static_cast<std::uint64_t>(status.st_blocks) * kBlockBytes;
            open_inodes_.insert(status.st_ino);
        } else if (S_ISSOCK(status.st_mode)) {
            in_flight_ += descriptors_in(pid, entry->d_name);
        }
    }
}

// Lines as proc_pid_maps(5) has them: from-to rights offset device inode path.
void NamelessFiles::add_mapped(pid_t pid) {
    auto text = read_file(path_of(pid, "maps"), kMapsBytesMax);
    if (!text) {
        is_whole_ = is_whole_ && text.error().kind != ErrorKind::kInvalid;
        return;
    }
    auto page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    for (std::string_view rest = *text; !rest.empty();) {
        std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        if (!line.ends_with(kDeleted)) {
            continue;
        }
        bool is_shared_memory = line.ends_with(kSharedMemory);
        std::string_view range = take_word(line);
        std::size_t dash = std::min(range.find('-'), range.size() - 1);
        std::uint64_t length =
            to_number(range.substr(dash + 1), 16) - to_number(range.substr(0, dash), 16);
        take_word(line);
        std::uint64_t offset = to_number(take_word(line), 16);
        std::string_view device = take_word(line);
        std::string_view inode_text = take_word(line);
        Inode inode = to_number(inode_text, 10);
        if (is_shared_memory) {
            std::uint64_t& end = shared_memory_[inode];
            end = std::max(end, offset + length);
        } else {
            Mapped& mapped = mapped_[std::string(device) + " " + std::string(inode_text)];
            mapped.inode = inode;
            std::string_view name = line.substr(std::min(line.rfind('/'), line.size()));
            mapped.is_like_semaphore =
                mapped.is_like_semaphore && length <= page_bytes && name.starts_with(kSemaphore);
        }
    }
}

std::uint64_t NamelessFiles::open_bytes() const {
    std::uint64_t bytes = 0;
    for (const auto& [key, size] : open_) {
        bytes += size;
    }
    return bytes;
}

std::uint64_t NamelessFiles::hidden_count(const NamelessFiles& known) const {
    std::uint64_t count = 0;
    std::uint64_t semaphores = 0;
    for (const auto& [key, mapped] : mapped_) {
        if (!known.mapped_.contains(key) && !open_inodes_.contains(mapped.inode)) {
            ++(mapped.is_like_semaphore ? semaphores : count);
        }
    }
    return count + semaphores - std::min(semaphores, kSemaphoresMax);
}

std::uint64_t NamelessFiles::shared_memory_bytes() const {
    std::uint64_t bytes = 0;
    for (const auto& [inode, end] : shared_memory_) {
        bytes += end;
    }
    return bytes;
}

void NamelessFiles::remember(const NamelessFiles& earlier) {
    for (auto& [inode, end] : shared_memory_) {
        auto before = earlier.shared_memory_.find(inode);
        end = before == earlier.shared_memory_.end() ? end : std::max(end, before->second);
    }
}

}  // namespace snapjail::zygote
