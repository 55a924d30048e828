#pragma once
// The names that Kafel has for system calls and their arguments.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace snapjail::jail::nsjail {

// By the usual name or by the kernel's own ("newuname"); nothing where this machine has no such.
std::optional<std::uint32_t> find_syscall(const std::string& name);
std::string nearest_syscall(const std::string& name);

// "read" of 0; empty where there is none.
std::string syscall_name(std::uint32_t number);

struct SyscallArgument {
    std::string name;
    unsigned bits = 64;  // So many of it the kernel reads: 64, 32, or 16.
};
// As Kafel names them; empty for a call that has none, or that its table does not have.
std::vector<SyscallArgument> syscall_arguments(std::uint32_t number);

}  // namespace snapjail::jail::nsjail
