// Text as a Kafel policy: it is a policy or it is told why not, and a policy's program decides as
// the policy says.

#include "jail/nsjail/kafel_lexer.h"
#include "tests/fuzz/kafel_check.h"

namespace snapjail::fuzz {
namespace {

using jail::nsjail::Diagnostics;
using jail::nsjail::Severity;

void check_diagnostics(std::string_view text, const Diagnostics& found) {
    auto lines = 1 + std::count(text.begin(), text.end(), '\n');
    jail::nsjail::Position last;
    for (const auto& one : found.all()) {
        CHECK(!one.text.empty());
        CHECK(one.position.line >= 1 && one.position.line <= lines && one.position.column >= 1);
        CHECK(!(one.position < last));
        last = one.position;
    }
}

// What there is to include: a policy, a file with a mistake, and one that includes itself.
Result<std::string> read_include(const std::string& path) {
    if (path == "policy") {
        return std::string("POLICY included { ERRNO(1) { read } }");
    }
    if (path == "mistake") {
        return std::string("ALLOW {\n reead ; }");
    }
    if (path == "circle") {
        return std::string("#include \"policy\" \"circle\"");
    }
    return Error{ErrorKind::kSystem, "open", 2, path};
}

void check_text(std::string_view text) {
    Diagnostics words;
    auto tokens = jail::nsjail::tokenize_kafel(text, words);
    CHECK(!tokens.empty() && tokens.back().kind == jail::nsjail::TokenKind::kEnd);
    CHECK(tokens.size() <= text.size() + 1);

    Diagnostics found;
    auto policy = jail::nsjail::parse_kafel(text, found, read_include);
    check_diagnostics(text, found);
    CHECK(policy.has_value() == !found.has(Severity::kError));
    if (policy) {
        check_policy(*policy, text);
    }
}

}  // namespace
}  // namespace snapjail::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    snapjail::fuzz::check_text(snapjail::fuzz::as_text(data, size));
    return 0;
}
