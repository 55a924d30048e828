#include "zygote/extension/frozen_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bit>
#include <cerrno>

#include "base/syscall.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

namespace snapjail::zygote {

std::size_t round_up(std::size_t size, std::size_t unit) {
    return (size + unit - 1) / unit * unit;
}

std::size_t page_bytes() {
    return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

namespace {

Result<UniqueFd> make_file(const char* name) {
    unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    int fd = ::memfd_create(name, flags | MFD_NOEXEC_SEAL);
    if (fd < 0 && errno == EINVAL) {  // Before Linux 6.3.
        fd = ::memfd_create(name, flags);
    }
    if (fd < 0) {
        return Error::from_errno("memfd_create", errno);
    }
    return UniqueFd(fd);
}

// From here to the end of map_over() nothing may write to memory that is being frozen: what is
// written after it was copied is lost. So: no allocation, no log, nothing but these calls.
bool copy_into(int file, const std::vector<FrozenRange>& ranges) noexcept {
    for (const FrozenRange& range : ranges) {
        for (std::size_t done = 0; done < range.size;) {
            ssize_t count = ::pwrite(file, std::bit_cast<const void*>(range.begin + done),
                                     range.size - done, range.offset + static_cast<off_t>(done));
            if (count <= 0) {
                return false;
            }
            done += static_cast<std::size_t>(count);
        }
    }
    return true;
}

// Makes the file one of huge pages, as far as the kernel can (from Linux 6.1 on): it then maps the
// parts of one together, where it maps single pages one by one. Guests read from many.
bool use_huge_pages(int file, std::size_t bytes) noexcept {
    std::size_t room = bytes + kHugePageBytes;
    void* reserved = ::mmap(nullptr, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (reserved == MAP_FAILED) {
        return false;
    }
    auto begin = round_up(reinterpret_cast<std::uintptr_t>(reserved), kHugePageBytes);
    void* view =
        ::mmap(std::bit_cast<void*>(begin), bytes, PROT_READ, MAP_SHARED | MAP_FIXED, file, 0);
    bool ok = view != MAP_FAILED && ::madvise(view, bytes, MADV_COLLAPSE) == 0;
    ::munmap(reserved, room);
    return ok;
}

// The last huge page is filled up with zeros. Without huge pages those would be a hole.
bool finish_file(int file, std::size_t bytes, bool& has_huge_pages) noexcept {
    constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    std::size_t whole = round_up(bytes, kHugePageBytes);
    bool ok = ::ftruncate(file, static_cast<off_t>(whole)) == 0;
    has_huge_pages = ok && use_huge_pages(file, whole);
    if (ok && !has_huge_pages) {
        ok = ::ftruncate(file, static_cast<off_t>(bytes)) == 0;
    }
    return ok && ::fcntl(file, F_ADD_SEALS, kSeals) == 0;
}

bool map_over(int file, const std::vector<FrozenRange>& ranges) noexcept {
    for (const FrozenRange& range : ranges) {
        if (::mmap(std::bit_cast<void*>(range.begin), range.size, range.protection,
                   MAP_PRIVATE | MAP_FIXED, file, range.offset) == MAP_FAILED) {
            return false;  // The ranges before it are frozen and the others are not: as good.
        }
    }
    return true;
}

}  // namespace

Result<bool> freeze_ranges(const char* name, const std::vector<FrozenRange>& ranges,
                           std::size_t bytes, WithoutHugePages without) {
    UniqueFd file = TRY(make_file(name));
    if (!copy_into(file.get(), ranges)) {
        return Error::from_errno("copy memory to freeze it", errno, name);
    }
    bool has_huge_pages = false;
    if (!finish_file(file.get(), bytes, has_huge_pages)) {
        return Error::from_errno("seal frozen memory", errno, name);
    }
    if (!has_huge_pages && without == WithoutHugePages::kLeave) {
        return false;
    }
    if (!map_over(file.get(), ranges)) {
        return Error::from_errno("map frozen memory", errno, name);
    }
    return true;
}

}  // namespace snapjail::zygote
