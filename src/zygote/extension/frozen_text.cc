#include "zygote/extension/frozen_text.h"

#include <sys/mman.h>

#include <cstdint>
#include <iterator>
#include <vector>

#include "zygote/extension/frozen_file.h"
#include "zygote/extension/own_mappings.h"

namespace snapjail::zygote {
namespace {

// Fewer are a fault or two, and not worth memory of this zygote's own.
constexpr std::size_t kUsedPagesMin = 4;
// The interpreter and the C library are 7 MB; what a small script uses of NumPy and Pandas, 20 MB
// more. What has no room stays with its file.
constexpr std::size_t kTextBytesMax = std::size_t{64} << 20;

bool may_be_frozen(const Mapping& mapping) {
    return mapping.is_file && !mapping.is_memory_file && mapping.is_private &&
           (mapping.protection & PROT_READ) != 0 && (mapping.protection & PROT_WRITE) == 0 &&
           !mapping.has_writes;
}

std::size_t whole_huge_pages(std::uintptr_t begin, std::uintptr_t end) {
    std::uintptr_t first = round_up(begin, kHugePageBytes);
    return end > first ? (end - first) / kHugePageBytes : 0;
}

bool is_next_part(const Mapping& whole, const Mapping& next) {
    return may_be_frozen(next) && next.begin == whole.end && next.inode == whole.inode &&
           next.device == whole.device;
}

// A program's text lies between its headers and its constants, and so holds fewer whole huge pages
// than the three together. Where that is so they become one mapping: executable, as the text is.
std::vector<Mapping> join_neighbours(const std::vector<Mapping>& mappings) {
    std::vector<Mapping> joined;
    for (auto at = mappings.begin(); at != mappings.end();) {
        Mapping whole = *at;
        std::size_t apart = whole_huge_pages(at->begin, at->end);
        auto next = std::next(at);
        for (; next != mappings.end() && may_be_frozen(*at) && is_next_part(whole, *next); ++next) {
            apart += whole_huge_pages(next->begin, next->end);
            whole.end = next->end;
            whole.protection |= next->protection;
            whole.referenced_bytes += next->referenced_bytes;
        }
        bool is_gain =
            (whole.protection & PROT_EXEC) != 0 && whole_huge_pages(whole.begin, whole.end) > apart;
        if (is_gain) {
            joined.push_back(whole);
        } else {
            joined.insert(joined.end(), at, next);
        }
        at = next;
    }
    return joined;
}

bool is_worth_it(const Mapping& mapping) {
    return may_be_frozen(mapping) && mapping.referenced_bytes >= kUsedPagesMin * page_bytes();
}

// A huge page of the file can be mapped as one where address and place in the file differ by
// whole huge pages.
std::size_t place_for(const FrozenRange& range, std::size_t end) {
    std::uintptr_t first_whole = round_up(range.begin, kHugePageBytes);
    if (first_whole + kHugePageBytes > range.begin + range.size) {
        return end;
    }
    std::size_t past = range.begin % kHugePageBytes;
    std::size_t place = end / kHugePageBytes * kHugePageBytes + past;
    return place < end ? place + kHugePageBytes : place;
}

}  // namespace

Result<FrozenText> freeze_text(int proc_self, const std::function<bool()>& rehearse) {
    if (!forget_uses(proc_self)) {
        return FrozenText{};  // gVisor does not tell, and has no page tables of ours to fill.
    }
    if (!rehearse()) {
        return Error{ErrorKind::kInvalid, "rehearse", 0, "the dry run has failed"};
    }
    std::vector<FrozenRange> ranges;
    std::size_t bytes = 0;
    for (const Mapping& mapping : join_neighbours(TRY(read_own_mappings(proc_self)))) {
        FrozenRange range{mapping.begin, mapping.end - mapping.begin, mapping.protection};
        std::size_t place = place_for(range, bytes);
        if (is_worth_it(mapping) && place + range.size <= kTextBytesMax) {
            range.offset = static_cast<off_t>(place);
            ranges.push_back(range);
            bytes = place + range.size;
        }
    }
    if (bytes == 0 ||
        !TRY(freeze_ranges("snapjail-text", ranges, bytes, WithoutHugePages::kLeave))) {
        return FrozenText{};
    }
    return FrozenText{bytes, ranges.size()};
}

}  // namespace snapjail::zygote
