#pragma once
// freeze_text: puts the program text and constants that every guest uses on huge pages. fork()
// copies no page tables for them, so each guest faults them in, and an exit takes them down again:
// of a file on disk page by page, sixteen around each fault, of a huge page all sixteen at about
// the price of one; and where a mapping holds a whole huge page, that is one fault in all.
//
// Which mappings those are a rehearsal tells: the processor marks what it has used. Others stay
// with their files, which all zygotes share. Same bytes, private and as little writable as before,
// and sealed before the first guest: nobody can write to it. Where a program's headers, text and
// constants together hold more whole huge pages than each by itself they become one mapping, all of
// it executable. Left alone where the kernel does not tell what was used, or has no huge pages for
// files.
//
// For a process with one thread, before its first guest.

#include <cstddef>
#include <functional>

#include "base/result.h"

namespace snapjail::zygote {

struct FrozenText {
    std::size_t bytes = 0;
    std::size_t ranges = 0;
};

// `proc_self` is the folder /proc/<own pid>. `rehearse` does what a guest will do; what it returns
// is whether it could.
Result<FrozenText> freeze_text(int proc_self, const std::function<bool()>& rehearse);

}  // namespace snapjail::zygote
