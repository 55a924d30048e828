#include "app/seccomp_table_command.h"

#include <seccomp.h>
#include <string.h>

#include <boost/json.hpp>
#include <cstdio>
#include <string>

#include "jail/seccomp/syscall_table.h"
#include "jail/seccomp/table_document.h"

namespace snapjail::app {
namespace {

namespace json = boost::json;

json::object describe(const jail::SyscallEntry& entry) {
    int number = ::seccomp_syscall_resolve_name(std::string(entry.name).c_str());
    bool is_allowed = entry.rule == jail::SyscallRule::kAllow;
    // Below zero: this architecture does not have it, or this libseccomp does not know it.
    return {{"name", entry.name},
            {"number", number < 0 ? json::value(nullptr) : json::value(number)},
            {"errno", is_allowed ? json::value(nullptr) : json::value("EPERM")}};
}

std::string_view name_of(jail::ArgumentMatch match) {
    return match == jail::ArgumentMatch::kOneOf    ? "one_of"
           : match == jail::ArgumentMatch::kNoneOf ? "none_of"
                                                   : "no_bit_of";
}

json::object describe(const jail::ArgumentRule& rule) {
    json::array values;
    for (const jail::ArgumentValue& one : rule.values) {
        values.push_back(one.value);
    }
    return {{"call", rule.call},           {"argument", rule.argument},
            {"mask", rule.mask},           {"match", name_of(rule.match)},
            {"values", std::move(values)}, {"errno", ::strerrorname_np(rule.refusal_errno)}};
}

}  // namespace

int print_seccomp_table(bool wants_json) {
    if (!wants_json) {
        std::fputs(jail::syscall_table_markdown().c_str(), stdout);
        return 0;
    }
    json::array calls;
    for (const jail::SyscallEntry& entry : jail::guest_syscalls()) {
        calls.push_back(describe(entry));
    }
    json::array rules;
    for (const jail::ArgumentRule& rule : jail::argument_rules()) {
        rules.push_back(describe(rule));
    }
    json::object table{
        {"calls", std::move(calls)}, {"arguments", std::move(rules)}, {"others_errno", "ENOSYS"}};
    std::printf("%s\n", json::serialize(table).c_str());
    return 0;
}

}  // namespace snapjail::app
