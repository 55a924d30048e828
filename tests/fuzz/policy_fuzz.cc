// Policies that are right by their making, each byte of the input a choice: deeper conditions than
// text by chance comes to.

#include "jail/nsjail/policy_maker_for_test.h"
#include "tests/fuzz/kafel_check.h"

namespace snapjail::fuzz {
namespace {

void check_choices(std::string_view choices) {
    std::size_t at = 0;
    jail::nsjail::PolicyMaker maker([&]() -> std::uint64_t {
        return at < choices.size() ? static_cast<unsigned char>(choices[at++]) : 0;
    });
    std::string text = maker.policy();
    jail::nsjail::Diagnostics found;
    auto policy = jail::nsjail::parse_kafel(text, found);
    CHECK(policy.has_value() && found.all().empty());
    check_policy(*policy, choices);
}

}  // namespace
}  // namespace snapjail::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    snapjail::fuzz::check_choices(snapjail::fuzz::as_text(data, size));
    return 0;
}
