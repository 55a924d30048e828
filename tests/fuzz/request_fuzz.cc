// The body of POST /execute, and JSON as text. Boost.JSON, which builds a tree, is the second
// opinion: what one takes the other takes, and both see the same script.

#include <boost/json.hpp>
#include <string>

#include "api/execute_request.h"
#include "api/json_text.h"
#include "base/check.h"
#include "tests/fuzz/pieces.h"

namespace snapjail::fuzz {
namespace {

namespace json = boost::json;

constexpr std::size_t kScriptBytesMax = 48;
constexpr std::size_t kDepthMax = 20;
constexpr std::size_t kDepthWithin = 32;  // What a body may nest before it is "too deep".

struct Tree {
    json::value value;
    json::error_code error;
};
Tree read_tree(std::string_view text, std::size_t depth_max) {
    json::parse_options options;
    options.max_depth = depth_max;
    Tree tree;
    tree.value = json::parse(json::string_view(text.data(), text.size()), tree.error, {}, options);
    return tree;
}

void check_text(std::string_view text) {
    auto utf8_fault = api::find_utf8_fault(text);
    CHECK(!utf8_fault || *utf8_fault < text.size());
    CHECK(!utf8_fault || !api::find_utf8_fault(text.substr(0, *utf8_fault)));

    auto fault = api::find_json_fault(text, kDepthMax);
    CHECK(!fault || (fault->offset <= text.size() && !fault->what.empty()));
    // It converts numbers, and refuses some exponents; nothing else may differ.
    Tree tree = read_tree(text, kDepthMax);
    bool is_number_too_large = tree.error == json::error::exponent_overflow;
    CHECK(fault ? tree.error.failed() : (!tree.error.failed() || is_number_too_large));
    CHECK(fault || !utf8_fault);

    // Any bytes become a string that reads back as they are, or with U+FFFD for what is broken.
    std::string quoted;
    api::append_json_string(quoted, text);
    CHECK(!api::find_json_fault(quoted, 0));
    Tree back = read_tree(quoted, 1);
    CHECK(!back.error.failed() && back.value.is_string());
    std::string_view read(back.value.get_string().data(), back.value.get_string().size());
    CHECK(!api::find_utf8_fault(read));
    CHECK(utf8_fault ? read.find("\xef\xbf\xbd") != std::string_view::npos : read == text);
    CHECK(!utf8_fault || read.substr(0, *utf8_fault) == text.substr(0, *utf8_fault));
}

void check_accepted(std::string_view body, const api::ExecuteRequest& request) {
    CHECK(request.script.size() <= kScriptBytesMax);
    CHECK(!api::find_utf8_fault(request.script));
    CHECK(!api::find_json_fault(body, 1));
    Tree tree = read_tree(body, kDepthWithin);
    CHECK(!tree.error.failed() && tree.value.is_object() && tree.value.get_object().size() == 1);
    CHECK(tree.value.at("script").get_string() == request.script);

    std::string again = "{\"script\":";
    api::append_json_string(again, request.script);
    auto second = api::parse_execute_request(again + "}", kScriptBytesMax);
    CHECK(std::get<api::ExecuteRequest>(second).script == request.script);
}

// Refused for a reason that Boost.JSON's tree shows too.
void check_refused(std::string_view body, const api::Refusal& refusal) {
    CHECK(refusal.status == 400 || refusal.status == 413);
    CHECK(!refusal.message.empty() && refusal.message.size() < 512);
    CHECK(!api::find_utf8_fault(refusal.message));
    Tree tree = read_tree(body, kDepthWithin);
    const json::object* object = tree.error.failed() ? nullptr : tree.value.if_object();
    const json::value* script = object != nullptr ? object->if_contains("script") : nullptr;
    if (script == nullptr || !script->is_string() || object->size() != 1) {
        return;
    }
    bool is_too_large = refusal.status == 413;
    bool is_twice = refusal.message.find("twice") != std::string::npos;
    bool was_other = refusal.message.find("must be a string") != std::string::npos;
    CHECK(is_too_large || is_twice || was_other);
    // A tree keeps the last of two: only then may it be short enough and a string all the same.
    bool has_two = body.find("script") != body.rfind("script") || body.find("\\u") != body.npos;
    CHECK((is_too_large && script->get_string().size() > kScriptBytesMax) || has_two);
}

void check_media_type(std::string_view text) {
    bool is_json = api::is_json_media_type(text);
    std::string type(text);
    CHECK(!is_json || api::is_json_media_type(type + "; charset=UTF-8"));
    CHECK(!api::is_json_media_type(type + "; charset=utf-16"));
    CHECK(!api::is_json_media_type("text/" + type));
}

}  // namespace
}  // namespace snapjail::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace snapjail;
    std::string_view text = fuzz::as_text(data, size);
    fuzz::check_text(text);
    fuzz::check_media_type(text.substr(0, 64));
    auto read = api::parse_execute_request(text, fuzz::kScriptBytesMax);
    if (const auto* request = std::get_if<api::ExecuteRequest>(&read)) {
        fuzz::check_accepted(text, *request);
    } else {
        fuzz::check_refused(text, std::get<api::Refusal>(read));
    }
    return 0;
}
