#pragma once
// fill_gaps: takes for good what is free between the blocks that the allocators have given out: the
// C library's, and the interpreter's for small objects. Each gap that a guest would fill is a page
// of the frozen heap that it has to copy; without gaps what it allocates lies together, on pages
// that nobody has touched.
//
// For a process with one thread, after its last import and before its heap is frozen.

#include <cstddef>

namespace snapjail::zygote {

// `allocate_object` is CPython's PyObject_Malloc.
void fill_gaps(void* (*allocate_object)(std::size_t size)) noexcept;

}  // namespace snapjail::zygote
