#include "jail/seccomp/table_document.h"

#include <string.h>

#include <algorithm>
#include <string_view>

#include "base/check.h"
#include "jail/seccomp/syscall_table.h"

namespace snapjail::jail {
namespace {

bool has_argument_rules(std::string_view call) {
    return std::ranges::any_of(argument_rules(),
                               [&](const ArgumentRule& rule) { return rule.call == call; });
}

std::string_view verdict_of(SyscallRule rule) {
    switch (rule) {
        case SyscallRule::kAllow:
            return "allowed";
        case SyscallRule::kSetupOnly:
            return "EPERM; the zygote may";
        case SyscallRule::kDeny:
            return "EPERM";
    }
    CHECK(false);
    return {};  // gcc's thread sanitizer hides from it that the line above does not return.
}

void append_code(std::string& text, std::string_view name) {
    text += text.empty() || text.ends_with(' ') ? "`" : " `";
    text += name;
    text += '`';
}

void append_row(std::string& document, std::string_view calls, std::string_view verdict,
                std::string_view reason) {
    document += "| ";
    document += calls;
    document += " | ";
    document += verdict;
    document += " | ";
    document += reason;
    document += " |\n";
}

std::string describe_match(const ArgumentRule& rule) {
    std::string text = "argument " + std::to_string(rule.argument + 1);
    switch (rule.match) {
        case ArgumentMatch::kOneOf:
            text += " one of ";
            break;
        case ArgumentMatch::kNoneOf:
            text += " none of ";
            break;
        case ArgumentMatch::kNoBitOf:
            text += " with no bit of ";
            break;
    }
    for (const ArgumentValue& one : rule.values) {
        append_code(text, one.name);
    }
    return text + "; else " + ::strerrorname_np(rule.refusal_errno);
}

// Neighbours in the table that may share a row.
bool belong_together(const SyscallEntry& one, const SyscallEntry& other) {
    return one.rule == other.rule && one.reason == other.reason;
}

}  // namespace

std::string syscall_table_markdown() {
    std::string document = "| call | in a guest | why |\n|---|---|---|\n";
    auto rest = guest_syscalls();
    while (!rest.empty()) {
        const SyscallEntry& first = rest.front();
        std::string calls;
        while (!rest.empty() && belong_together(first, rest.front())) {
            append_code(calls, rest.front().name);
            calls += has_argument_rules(rest.front().name) ? "*" : "";
            rest = rest.subspan(1);
        }
        append_row(document, calls, verdict_of(first.rule), first.reason);
    }
    append_row(document, "`clone3`, and every call that is not in this table", "ENOSYS",
               "its flags lie in memory, where no filter sees them, and the C library goes on with "
               "`clone`; what is newer than the table is not there yet");
    append_row(document, "every call of another architecture, and of x32", "killed",
               "the numbers mean something else there, and nothing but an exploit calls them");
    document +=
        "\nWhere a `*` stands, arguments are judged:\n\n| call | allowed with | why |\n"
        "|---|---|---|\n";
    for (const ArgumentRule& rule : argument_rules()) {
        std::string call;
        append_code(call, rule.call);
        append_row(document, call, describe_match(rule), rule.reason);
    }
    return document;
}

}  // namespace snapjail::jail
