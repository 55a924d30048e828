#include "jail/seccomp/table_document.h"

#include <seccomp.h>
#include <string.h>

#include <algorithm>
#include <boost/json.hpp>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "jail/seccomp/syscall_table.h"

namespace snapjail::jail {
namespace {

namespace json = boost::json;

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

std::string describe_match(unsigned argument, ArgumentMatch match,
                           std::span<const ArgumentValue> values, int refusal_errno) {
    std::string text = "argument " + std::to_string(argument + 1);
    switch (match) {
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
    for (const ArgumentValue& one : values) {
        append_code(text, one.name);
    }
    return text + "; else " + ::strerrorname_np(refusal_errno);
}

std::string_view describe(Shared shared) {
    switch (shared) {
        case Shared::kProcesses:
            return "tier process";
        case Shared::kIds:
            return "without an id for each slot; gVisor";
        case Shared::kSignals:
            return "without an id, before Linux 6.12";
        case Shared::kTruncation:
            return "without an id, before Linux 6.2; gVisor";
    }
    CHECK(false);
    return {};
}

void append_shared_rules(std::string& document) {
    document +=
        "\nThere is more to judge where guests share something that else a namespace, an id of "
        "their own or a read-only mount keeps from them:\n\n"
        "| where | call | allowed with | why |\n|---|---|---|---|\n";
    for (const SharedRule& rule : shared_rules()) {
        std::string calls;
        for (std::string_view call : split_names(rule.calls)) {
            append_code(calls, call);
        }
        std::string verdict =
            rule.refusal_errno == 0 ? "nothing; it answers 0, and nothing is done"
            : rule.values.empty()
                ? std::string("nothing; ") + ::strerrorname_np(rule.refusal_errno)
                : describe_match(rule.argument, rule.match, rule.values, rule.refusal_errno);
        document += "| ";
        document += describe(rule.shared);
        document += ' ';
        append_row(document, calls, verdict, rule.reason);
    }
}

// Neighbours in the table that may share a row.
bool belong_together(const SyscallEntry& one, const SyscallEntry& other) {
    return one.rule == other.rule && one.reason == other.reason;
}

bool belong_together(const ArgumentRule& one, const ArgumentRule& other) {
    return one.argument == other.argument && one.values.data() == other.values.data() &&
           one.reason == other.reason;
}

json::object describe(const SyscallEntry& entry) {
    int number = ::seccomp_syscall_resolve_name(std::string(entry.name).c_str());
    bool is_allowed = entry.rule == SyscallRule::kAllow;
    // Below zero: this architecture does not have it, or this libseccomp does not know it.
    return {{"name", entry.name},
            {"number", number < 0 ? json::value(nullptr) : json::value(number)},
            {"errno", is_allowed ? json::value(nullptr) : json::value("EPERM")}};
}

std::string_view name_of(ArgumentMatch match) {
    return match == ArgumentMatch::kOneOf    ? "one_of"
           : match == ArgumentMatch::kNoneOf ? "none_of"
                                             : "no_bit_of";
}

json::object describe(const ArgumentRule& rule) {
    json::array values;
    for (const ArgumentValue& one : rule.values) {
        values.push_back(one.value);
    }
    return {{"call", rule.call},           {"argument", rule.argument},
            {"mask", rule.mask},           {"match", name_of(rule.match)},
            {"values", std::move(values)}, {"errno", ::strerrorname_np(rule.refusal_errno)}};
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
    for (auto rules = argument_rules(); !rules.empty();) {
        const ArgumentRule& first = rules.front();
        std::string calls;
        while (!rules.empty() && belong_together(first, rules.front())) {
            append_code(calls, rules.front().call);
            rules = rules.subspan(1);
        }
        append_row(document, calls,
                   describe_match(first.argument, first.match, first.values, first.refusal_errno),
                   first.reason);
    }
    append_shared_rules(document);
    return document;
}

std::string syscall_table_json() {
    json::array calls;
    for (const SyscallEntry& entry : guest_syscalls()) {
        calls.push_back(describe(entry));
    }
    json::array rules;
    for (const ArgumentRule& rule : argument_rules()) {
        rules.push_back(describe(rule));
    }
    return json::serialize(json::object{
        {"calls", std::move(calls)}, {"arguments", std::move(rules)}, {"others_errno", "ENOSYS"}});
}

}  // namespace snapjail::jail
