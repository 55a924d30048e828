#include "zygote/extension/frozen_heap.h"

#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <vector>

#include "base/syscall.h"
#include "zygote/extension/own_mappings.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

namespace snapjail::zygote {
namespace {

// Each range is a mapping that fork() has to copy, at about the price of so many pages.
constexpr std::size_t kRangePagesMin = 16;
// Two ranges with fewer untouched pages between them are one: the gap is copied as zeros.
constexpr std::size_t kGapPagesMax = 8;
// More than any set of imports takes. What is larger is left as it is.
constexpr std::size_t kMappingBytesMax = std::size_t{4} << 30;
constexpr std::size_t kHugePageBytes = std::size_t{2} << 20;

struct Range {
    std::uintptr_t begin = 0;
    std::size_t size = 0;
    int protection = 0;
    off_t offset = 0;  // In the file.
};

std::size_t round_up(std::size_t size, std::size_t unit) {
    return (size + unit - 1) / unit * unit;
}

std::size_t page_bytes() {
    return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

// Where the data of each library lies, what it does not initialize (.bss) included.
std::vector<AddressRange> find_library_data() {
    std::vector<AddressRange> found;
    auto add_segments = [](dl_phdr_info* library, std::size_t, void* data) {
        auto& all = *static_cast<std::vector<AddressRange>*>(data);
        std::size_t page = page_bytes();
        for (std::size_t i = 0; i < library->dlpi_phnum; ++i) {
            const auto& segment = library->dlpi_phdr[i];
            if (segment.p_type == PT_LOAD && (segment.p_flags & PF_W) != 0) {
                std::uintptr_t begin = library->dlpi_addr + segment.p_vaddr;
                all.push_back({begin / page * page, round_up(begin + segment.p_memsz, page)});
            }
        }
        return 0;
    };
    ::dl_iterate_phdr(add_segments, &found);
    return found;
}

// What the kernel or this very thread writes to behind our back stays where it is: the stack, and
// the thread's own block (errno, and the words that the kernel keeps there for rseq).
bool is_in_use(const Mapping& mapping) {
    auto holds = [&](const void* address) {
        auto at = reinterpret_cast<std::uintptr_t>(address);
        return at >= mapping.begin && at < mapping.end;
    };
    return holds(&errno) || holds(__builtin_frame_address(0)) || holds(__builtin_thread_pointer());
}

bool is_worth_it(const Mapping& mapping) {
    bool is_data = (mapping.protection & PROT_READ) != 0 && (mapping.protection & PROT_EXEC) == 0;
    return mapping.is_private && is_data && mapping.has_writes && !is_in_use(mapping) &&
           mapping.end - mapping.begin <= kMappingBytesMax;
}

// Appends the runs of touched pages of anonymous memory.
void add_touched(const Mapping& mapping, std::vector<Range>& ranges) {
    std::size_t page = page_bytes();
    std::size_t pages = (mapping.end - mapping.begin) / page;
    std::vector<unsigned char> present(pages);
    if (::mincore(std::bit_cast<void*>(mapping.begin), pages * page, present.data()) != 0) {
        return;
    }
    for (std::size_t at = 0; at < pages;) {
        if ((present[at] & 1) == 0) {
            ++at;
            continue;
        }
        std::size_t begin = at;
        std::size_t end = at + 1;
        for (at = end; at < pages && at - end <= kGapPagesMax; ++at) {
            end = (present[at] & 1) != 0 ? at + 1 : end;
        }
        at = end;
        if (end - begin >= kRangePagesMin) {
            ranges.push_back(
                {mapping.begin + begin * page, (end - begin) * page, mapping.protection});
        }
    }
}

std::vector<Range> choose_ranges(const std::vector<Mapping>& mappings, AddressRange arenas) {
    std::vector<AddressRange> safe = find_library_data();
    safe.push_back(arenas);
    std::vector<Range> ranges;
    for (const Mapping& mapping : mappings) {
        if (!is_worth_it(mapping)) {
            continue;
        }
        if (mapping.is_heap) {
            add_touched(mapping, ranges);
            continue;
        }
        // The kernel may have made one mapping of neighbours that are not of one kind.
        for (const AddressRange& range : safe) {
            Mapping part = mapping;
            part.begin = std::max(mapping.begin, range.begin);
            part.end = std::min(mapping.end, range.end);
            if (part.begin >= part.end) {
                continue;
            }
            if (part.is_file) {  // Few pages, most of them written to: whole.
                ranges.push_back({part.begin, part.end - part.begin, part.protection});
            } else {
                add_touched(part, ranges);
            }
        }
    }
    return ranges;
}

// Gives each range its place in the file; the size of all.
std::size_t lay_out(std::vector<Range>& ranges) {
    std::size_t bytes = 0;
    for (Range& range : ranges) {
        range.offset = static_cast<off_t>(bytes);
        bytes += range.size;
    }
    return bytes;
}

Result<UniqueFd> make_file() {
    unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    int fd = ::memfd_create("snapjail-heap", flags | MFD_NOEXEC_SEAL);
    if (fd < 0 && errno == EINVAL) {  // Before Linux 6.3.
        fd = ::memfd_create("snapjail-heap", flags);
    }
    if (fd < 0) {
        return Error::from_errno("memfd_create", errno);
    }
    return UniqueFd(fd);
}

// From here to the end of map_over() nothing may write to memory that is being frozen: what is
// written after it was copied is lost. So: no allocation, no log, nothing but these calls.
bool copy_into(int file, const std::vector<Range>& ranges) noexcept {
    for (const Range& range : ranges) {
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
bool finish_file(int file, std::size_t bytes) noexcept {
    constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    std::size_t whole = round_up(bytes, kHugePageBytes);
    bool ok = ::ftruncate(file, static_cast<off_t>(whole)) == 0;
    if (ok && !use_huge_pages(file, whole)) {
        ok = ::ftruncate(file, static_cast<off_t>(bytes)) == 0;
    }
    return ok && ::fcntl(file, F_ADD_SEALS, kSeals) == 0;
}

bool map_over(int file, const std::vector<Range>& ranges) noexcept {
    for (const Range& range : ranges) {
        if (::mmap(std::bit_cast<void*>(range.begin), range.size, range.protection,
                   MAP_PRIVATE | MAP_FIXED, file, range.offset) == MAP_FAILED) {
            return false;  // The ranges before it are frozen and the others are not: as good.
        }
    }
    return true;
}

}  // namespace

Result<FrozenHeap> freeze_heap(int proc_self, AddressRange arenas) {
    ::malloc_trim(0);  // What was freed and is still held would be copied too.
    std::vector<Range> ranges = choose_ranges(TRY(read_own_mappings(proc_self)), arenas);
    std::size_t bytes = lay_out(ranges);
    if (bytes == 0) {
        return FrozenHeap{};
    }
    UniqueFd file = TRY(make_file());
    if (!copy_into(file.get(), ranges)) {
        return Error::from_errno("copy the heap", errno);
    }
    if (!finish_file(file.get(), bytes)) {
        return Error::from_errno("seal the frozen heap", errno);
    }
    if (!map_over(file.get(), ranges)) {
        return Error::from_errno("map the frozen heap", errno);
    }
    return FrozenHeap{bytes, ranges.size()};
}

}  // namespace snapjail::zygote
