#include "zygote/extension/own_mappings.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "base/unique_fd.h"

namespace snapjail::zygote {
namespace {

Result<std::string> read_whole(int folder, const char* name) {
    UniqueFd file(::openat(folder, name, O_RDONLY | O_CLOEXEC));
    std::string text;
    std::size_t size = 0;
    for (;;) {
        text.resize(size + (std::size_t{1} << 18));
        ssize_t count = ::read(file.get(), text.data() + size, text.size() - size);
        if (count < 0) {
            return Error::from_errno("read own mappings", errno, name);
        }
        if (count == 0) {
            text.resize(size);
            return text;
        }
        size += static_cast<std::size_t>(count);
    }
}

bool parse_mapping(const char* line, Mapping& mapping) {
    char permissions[5] = {};
    std::uint64_t major = 0;
    std::uint64_t minor = 0;
    int path_at = 0;
    if (std::sscanf(line,
                    "%" SCNxPTR "-%" SCNxPTR " %4s %*s %" SCNx64 ":%" SCNx64 " %" SCNu64 " %n",
                    &mapping.begin, &mapping.end, permissions, &major, &minor, &mapping.inode,
                    &path_at) != 6) {
        return false;
    }
    mapping.device = major << 32 | minor;
    std::string_view path(line + path_at);
    mapping.protection = (permissions[0] == 'r' ? PROT_READ : 0) |
                         (permissions[1] == 'w' ? PROT_WRITE : 0) |
                         (permissions[2] == 'x' ? PROT_EXEC : 0);
    mapping.is_file = path.starts_with('/');
    mapping.is_memory_file = path.starts_with("/memfd:");
    mapping.is_heap = path == "[heap]";
    mapping.is_private = permissions[3] == 'p';
    return true;
}

bool is_number_of(const char* line, std::string_view word, std::size_t& number) {
    bool is_it = std::strncmp(line, word.data(), word.size()) == 0;
    number = is_it ? std::strtoul(line + word.size(), nullptr, 10) : 0;
    return is_it;
}

// Of each mapping smaps has a line as in maps, and then lines with a word and a number.
std::vector<Mapping> parse_smaps(std::string& text) {
    std::vector<Mapping> mappings;
    for (std::size_t at = 0; at < text.size();) {
        std::size_t end = text.find('\n', at);
        if (end == std::string::npos) {
            break;
        }
        text[end] = '\0';
        const char* line = text.data() + at;
        Mapping mapping;
        std::size_t kib = 0;
        if (!mappings.empty() && is_number_of(line, "Anonymous:", kib)) {
            mappings.back().has_writes = kib > 0;
        } else if (!mappings.empty() && is_number_of(line, "Referenced:", kib)) {
            mappings.back().referenced_bytes = kib << 10;
        } else if (parse_mapping(line, mapping)) {
            mappings.push_back(mapping);
        }
        at = end + 1;
    }
    return mappings;
}

}  // namespace

Result<std::vector<Mapping>> read_own_mappings(int proc_self) {
    std::string text = TRY(read_whole(proc_self, "smaps"));
    return parse_smaps(text);
}

Result<void> forget_uses(int proc_self) {
    UniqueFd file(::openat(proc_self, "clear_refs", O_WRONLY | O_CLOEXEC));
    if (!file.is_open() || ::write(file.get(), "1", 1) != 1) {
        return Error::from_errno("count anew what is used", errno, "clear_refs");
    }
    return {};
}

}  // namespace snapjail::zygote
