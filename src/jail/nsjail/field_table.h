#pragma once
// The table of every field of nsjail's format and what becomes of it here. docs/nsjail.md is made
// from it, and a test holds it to the schema: no field is silently ignored.

#include <span>
#include <string>
#include <string_view>

namespace snapjail::jail::nsjail {

enum class FieldClass : unsigned char {
    kHonoured,  // It does what it says, as far as `words` has it.
    kAccepted,  // Without meaning here: a note says why.
    kRefused,   // Ignoring it would weaken the jail, or change what runs: an error with a remedy.
};

struct FieldRow {
    std::string_view name;
    FieldClass field_class;
    std::string_view words;  // What it does; for others than kHonoured why not, and what to do.
};

std::span<const FieldRow> field_table();

// docs/nsjail.md's tables, as Markdown.
std::string field_table_as_markdown();

}  // namespace snapjail::jail::nsjail
