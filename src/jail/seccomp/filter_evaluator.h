#pragma once
// filter_evaluator: what the kernel would answer to one system call under a filter, without asking
// it. For tests, which try every number, and for tools/trace_syscalls.cc; nothing that confines
// anybody uses it.

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstdint>
#include <optional>
#include <span>

namespace snapjail::jail {

// A SECCOMP_RET_* value. Nothing: the filter uses an instruction beyond the subset of classic BPF
// that our filters are made of, reads past the call's data, or ends without an answer.
std::optional<std::uint32_t> evaluate_filter(std::span<const sock_filter> filter,
                                             const seccomp_data& call);

// The stricter of two answers, as the kernel takes it where two filters are loaded: `newer` is that
// of the filter loaded last.
std::uint32_t stricter_answer(std::uint32_t newer, std::uint32_t older);

}  // namespace snapjail::jail
