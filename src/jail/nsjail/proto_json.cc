// Reads ProtoJSON: see config_reader.h. Boost.JSON finds where the text is no JSON at all, an
// outline of it which names and words are not known, are given twice, and where they stand;
// protobuf's own reader, which takes all of that without a word, does the rest.
#include <google/protobuf/util/json_util.h>

#include <boost/json.hpp>
#include <charconv>
#include <map>

#include "jail/nsjail/config_reader.h"

namespace snapjail::jail::nsjail {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

// A value, and where it and its key stand in the text.
struct Node {
    std::string name;     // The key of an object's member.
    std::size_t key = 0;  // Of an array's element, the element's own place.
    std::size_t begin = 0;
    std::size_t end = 0;
    std::vector<Node> children;  // Members or elements.
};

// Of a text that Boost has found to be JSON, and nested no deeper than it allows: 32.
class Outline {
  public:
    explicit Outline(std::string_view text) : text_(text) {}
    Node read() {
        skip_space();
        return read_value();
    }

  private:
    char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
    void skip_space() { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }
    // The sign that comes next, if it is this one.
    bool skip(char sign) {
        skip_space();
        bool found = peek() == sign;
        at_ += found ? 1u : 0u;
        return found;
    }

    Node read_value() {
        Node node;
        node.begin = node.key = at_;
        if (peek() == '{' || peek() == '[') {
            read_children(node);
        } else if (peek() == '"') {
            skip_string();
        } else {
            at_ = std::min(text_.find_first_of(",]} \t\r\n", at_), text_.size());
        }
        node.end = at_;
        return node;
    }
    void read_children(Node& node) {
        bool is_object = peek() == '{';
        char close = is_object ? '}' : ']';
        ++at_;
        while (!skip(close) && at_ < text_.size()) {
            std::size_t key = at_;
            std::string name = is_object ? read_key() : "";
            skip_space();
            Node child = read_value();
            child.name = std::move(name);
            child.key = key;
            node.children.push_back(std::move(child));
            skip(',');
        }
    }
    std::string read_key() {
        std::size_t begin = at_;
        skip_string();
        boost::json::error_code none;
        std::string_view token = text_.substr(begin, at_ - begin);
        auto value = boost::json::parse({token.data(), token.size()}, none);
        skip(':');
        return value.is_string() ? std::string(value.get_string()) : std::string(token);
    }
    void skip_string() {
        for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
            at_ += text_[at_] == '\\' ? 1u : 0u;
        }
        at_ = std::min(at_ + 1, text_.size());
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

// As the schema spells it or in lowerCamelCase: one field has two names.
const FieldDescriptor* find_field(const Descriptor& type, std::string_view key) {
    const FieldDescriptor* field = type.FindFieldByName(std::string(key));
    for (int i = 0; field == nullptr && i < type.field_count(); ++i) {
        field = type.field(i)->json_name() == key ? type.field(i) : nullptr;
    }
    return field;
}

class KeyPlaces : public FieldPlaces {
  public:
    KeyPlaces(const std::string& text, Node root) : text_(text), root_(std::move(root)) {}

    Position of(std::string_view field, int index) const override {
        const Node* node = find(root_, *::nsjail::NsJailConfig::descriptor(), field);
        return node == nullptr ? Position{} : position(element(*node, index).key);
    }
    Position within(std::string_view message, int index, std::string_view field) const override {
        const auto& type = *::nsjail::NsJailConfig::descriptor();
        const Node* node = find(root_, type, message);
        if (node == nullptr) {
            return {};
        }
        const Node& outer = element(*node, index);
        const auto& inner = *type.FindFieldByName(std::string(message))->message_type();
        const Node* found = find(outer, inner, field);
        return position(found != nullptr ? found->key : outer.key);
    }
    Position inside(std::string_view field, int index, std::size_t offset) const override {
        const Node* node = find(root_, *::nsjail::NsJailConfig::descriptor(), field);
        if (node == nullptr) {
            return {};
        }
        const Node& value = element(*node, index);
        std::size_t at = value.begin + 1;
        while (at + 1 < value.end) {
            Escape one = text_[at] == '\\' ? measure_escape(std::string_view(text_).substr(at))
                                           : Escape{1, 1};
            if (offset < one.bytes) {
                break;
            }
            offset -= one.bytes;
            at += one.size;
        }
        return position(at);
    }
    // "mount[0].src", as protobuf names it.
    Position of_path(std::string_view path) const {
        const auto* type = ::nsjail::NsJailConfig::descriptor();
        const Node* at = &root_;
        while (!path.empty() && type != nullptr) {
            std::size_t end = std::min(path.find_first_of(".["), path.size());
            const FieldDescriptor* field = find_field(*type, path.substr(0, end));
            const Node* next = field == nullptr ? nullptr : find(*at, *type, field->name());
            if (next == nullptr) {
                break;
            }
            path.remove_prefix(end);
            int index = -1;
            if (path.starts_with('[')) {
                std::from_chars(path.data() + 1, path.data() + path.size(), index);
                path.remove_prefix(std::min(path.find(']') + 1, path.size()));
            }
            at = &element(*next, index);
            type = field->message_type();
            path.remove_prefix(path.starts_with('.') ? 1 : 0);
        }
        return position(at->key);
    }
    Position position(std::size_t offset) const { return position_in(text_, offset); }
    std::string_view token(const Node& node) const {
        return std::string_view(text_).substr(node.begin, node.end - node.begin);
    }
    const Node& root() const { return root_; }

    // A field that is a list may be given as its one value.
    bool is_list(const Node& node) const { return text_[node.begin] == '['; }

  private:
    static const Node* find(const Node& in, const Descriptor& type, std::string_view field) {
        for (const Node& child : in.children) {
            const FieldDescriptor* found = find_field(type, child.name);
            if (found != nullptr && found->name() == field) {
                return &child;
            }
        }
        return nullptr;
    }
    const Node& element(const Node& node, int index) const {
        bool is_inside =
            is_list(node) && index >= 0 && static_cast<std::size_t>(index) < node.children.size();
        return is_inside ? node.children[static_cast<std::size_t>(index)] : node;
    }

    std::string text_;
    Node root_;
};

// What protobuf would take without a word.
class Checker {
  public:
    Checker(const KeyPlaces& places, Diagnostics& diagnostics)
        : places_(places), diagnostics_(diagnostics) {}

    void check(const Node& object, const Descriptor& type) {
        std::map<const FieldDescriptor*, int> seen;
        for (const Node& member : object.children) {
            const FieldDescriptor* field = find_field(type, member.name);
            if (field == nullptr) {
                error(member.key, describe_unknown_field(member.name, type));
            } else if (++seen[field] > 1) {
                error(member.key, "\"" + field->name() + "\" is given a second time");
            } else if (!field->is_repeated() || !places_.is_list(member)) {
                check_value(member, *field);
            } else {
                for (const Node& element : member.children) {
                    check_value(element, *field);
                }
            }
        }
    }

  private:
    void error(std::size_t at, std::string text) {
        diagnostics_.error(places_.position(at), std::move(text));
    }
    void check_value(const Node& value, const FieldDescriptor& field) {
        std::string_view token = places_.token(value);
        bool is_message =
            field.message_type() != nullptr && field.message_type()->field_count() > 0;
        if (is_message && token.starts_with('{')) {
            check(value, *field.message_type());
        } else if (field.enum_type() != nullptr && token != "null" &&
                   !is_known(token, *field.enum_type())) {
            error(value.begin, describe_unknown_value(token, *field.enum_type()));
        }
    }
    // A name in quotes, or its number.
    static bool is_known(std::string_view token, const google::protobuf::EnumDescriptor& type) {
        if (token.starts_with('"')) {
            return type.FindValueByName(std::string(token.substr(1, token.size() - 2))) != nullptr;
        }
        int number = 0;
        auto [end, failed] = std::from_chars(token.data(), token.data() + token.size(), number);
        return failed == std::errc() && end == token.data() + token.size() &&
               type.FindValueByNumber(number) != nullptr;
    }

    const KeyPlaces& places_;
    Diagnostics& diagnostics_;
};

}  // namespace

ConfigText read_proto_json(const std::string& text) {
    ConfigText result;
    boost::json::stream_parser parser;
    boost::json::error_code error;
    std::size_t read = parser.write_some(text.data(), text.size(), error);
    if (!error) {
        parser.finish(error);
    }
    if (error || text.find_first_not_of(" \t\r\n", read) != std::string::npos) {
        result.diagnostics.error(
            position_in(text, read),
            "this is not JSON from here on" + (error ? ": " + error.message() : std::string()));
        result.places = std::make_unique<KeyPlaces>(text, Node{});
        return result;
    }
    auto places = std::make_unique<KeyPlaces>(text, Outline(text).read());
    Checker(*places, result.diagnostics)
        .check(places->root(), *::nsjail::NsJailConfig::descriptor());
    google::protobuf::util::JsonParseOptions options;
    options.ignore_unknown_fields = true;  // Told above, all of them.
    auto status = google::protobuf::util::JsonStringToMessage(text, &result.config, options);
    if (!status.ok()) {
        std::string words = status.ToString();
        words = words.substr(words.find(':') + 1);
        words = words.substr(std::min(words.find_first_not_of(' '), words.size()));
        std::size_t end = words.find(')');
        bool has_path = words.starts_with('(') && end != std::string::npos;
        result.diagnostics.error(
            has_path ? places->of_path(words.substr(1, end - 1)) : Position{1, 1}, words);
    }
    result.is_whole = status.ok();
    result.places = std::move(places);
    return result;
}

}  // namespace snapjail::jail::nsjail
