#include "zygote/extension/frozen_heap.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <vector>

#include "zygote/extension/frozen_file.h"
#include "zygote/extension/own_mappings.h"

namespace snapjail::zygote {
namespace {

// Each range is a mapping that fork() has to copy, at about the price of so many pages.
constexpr std::size_t kRangePagesMin = 16;
// Two ranges with fewer untouched pages between them are one: the gap is copied as zeros.
constexpr std::size_t kGapPagesMax = 8;
// More than any set of imports takes. What is larger is left as it is.
constexpr std::size_t kMappingBytesMax = std::size_t{4} << 30;

// Of a library's constants: NumPy's and Pandas' libraries have 5 MB of them in all. And of its
// zeros, which take memory that they did not take before.
constexpr std::size_t kConstantsBytesMax = std::size_t{1} << 20;
constexpr std::size_t kZerosBytesMax = std::size_t{256} << 10;

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
void add_touched(const Mapping& mapping, std::vector<FrozenRange>& ranges) {
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

// Between two mappings that are neighbours the kernel makes a difference where one is a file's and
// the other is not, and fork() pays for each. So what lies beside a library's data, and is small,
// is frozen with it: the constants before what was relocated, and the zeros (.bss) behind the rest.
void add_neighbours(const std::vector<Mapping>& mappings, std::size_t at,
                    const AddressRange& library, FrozenRange& range) {
    auto fits = [&](const Mapping& other, std::size_t bytes_max) {
        return other.is_private && other.protection == range.protection &&
               other.end - other.begin <= bytes_max;
    };
    if (at > 0 && mappings[at - 1].end == range.begin) {
        const Mapping& before = mappings[at - 1];
        if (before.is_file && range.protection == PROT_READ && fits(before, kConstantsBytesMax)) {
            range.begin = before.begin;
            range.size += before.end - before.begin;
        }
    }
    if (at + 1 < mappings.size() && mappings[at + 1].begin == range.begin + range.size) {
        const Mapping& behind = mappings[at + 1];
        if (!behind.is_file && !behind.is_heap && behind.end <= library.end &&
            fits(behind, kZerosBytesMax) && !is_in_use(behind)) {
            range.size += behind.end - behind.begin;
        }
    }
}

std::vector<FrozenRange> choose_ranges(const std::vector<Mapping>& mappings, AddressRange arenas) {
    std::vector<AddressRange> safe = find_library_data();
    safe.push_back(arenas);
    std::vector<FrozenRange> ranges;
    for (std::size_t i = 0; i < mappings.size(); ++i) {
        const Mapping& mapping = mappings[i];
        bool is_taken = !ranges.empty() && mapping.begin < ranges.back().begin + ranges.back().size;
        if (!is_worth_it(mapping) || is_taken) {
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
                add_neighbours(mappings, i, range, ranges.back());
            } else {
                add_touched(part, ranges);
            }
        }
    }
    return ranges;
}

// Gives each range its place in the file; the size of all.
std::size_t lay_out(std::vector<FrozenRange>& ranges) {
    std::size_t bytes = 0;
    for (FrozenRange& range : ranges) {
        range.offset = static_cast<off_t>(bytes);
        bytes += range.size;
    }
    return bytes;
}

}  // namespace

Result<FrozenHeap> freeze_heap(int proc_self, AddressRange arenas) {
    ::malloc_trim(0);  // What was freed and is still held would be copied too.
    std::vector<FrozenRange> ranges = choose_ranges(TRY(read_own_mappings(proc_self)), arenas);
    std::size_t bytes = lay_out(ranges);
    if (bytes == 0) {
        return FrozenHeap{};
    }
    TRY(freeze_ranges("snapjail-heap", ranges, bytes, WithoutHugePages::kFreeze));
    return FrozenHeap{bytes, ranges.size()};
}

}  // namespace snapjail::zygote
