// Reads the protobuf text format: see config_reader.h. protobuf's parser stops at the first mistake
// in a value, so such a value is blanked in a copy and the copy is read again, for the next
// mistake.
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <cctype>
#include <optional>

#include "jail/nsjail/config_reader.h"

namespace snapjail::jail::nsjail {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::TextFormat;

constexpr int kMistakesMax = 100;  // A file that is wrong in more ways is not of this format.
// The schema has messages in messages, and a list in them. protobuf's parser calls itself for each
// of them, without a bound where the name is not known: 13,000 were the end of the program.
constexpr int kDepthMax = 32;

constexpr const char* kYaml =
    "this is YAML; nsjail reads protobuf text, where a list is "
    "`mount { src: \"/a\" dst: \"/b\" }` once for each entry";

bool is_word(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

// The text with every comment as spaces and every character within quotes as kQuoted: what is left
// is structure.
constexpr char kQuoted = '\x01';
std::string structure_of(const std::string& text) {
    std::string structure = text;
    for (std::size_t at = 0; at < text.size(); ++at) {
        char sign = text[at];
        if (sign == '#') {
            for (; at < text.size() && text[at] != '\n'; ++at) {
                structure[at] = ' ';
            }
        } else if (sign == '"' || sign == '\'') {
            for (++at; at < text.size() && text[at] != sign && text[at] != '\n'; ++at) {
                structure[at] = kQuoted;
                if (text[at] == '\\' && at + 1 < text.size() && text[at + 1] != '\n') {
                    structure[++at] = kQuoted;
                }
            }
        }
    }
    return structure;
}

class Text {
  public:
    explicit Text(std::string text) : text_(std::move(text)), structure_(structure_of(text_)) {}

    const std::string& all() const { return text_; }
    std::size_t offset_of(Position at) const {
        std::size_t offset = 0;
        for (int line = 1; line < at.line && offset < text_.size(); ++line) {
            std::size_t end = text_.find('\n', offset);
            offset = end == std::string::npos ? text_.size() : end + 1;
        }
        // The tokenizer counts a tab as up to the next eighth column.
        int column = 1;
        while (column < at.column && offset < text_.size() && text_[offset] != '\n') {
            column += text_[offset] == '\t' ? 8 - (column - 1) % 8 : 1;
            ++offset;
        }
        return offset;
    }
    Position position_of(std::size_t offset) const { return position_in(text_, offset); }
    // The word or sign that ends before `offset`, comments left out.
    std::size_t token_before(std::size_t offset) const {
        std::size_t end = std::min(offset, structure_.size());
        while (end > 0 && std::isspace(static_cast<unsigned char>(structure_[end - 1])) != 0) {
            --end;
        }
        return begin_of_word(end);
    }
    std::size_t begin_of_word(std::size_t end) const {
        while (end > 0 && is_word(structure_[end - 1])) {
            --end;
        }
        return end;
    }
    // Of a string in quotes, or of what was probably meant to be one value.
    std::size_t end_of_token(std::size_t offset) const {
        bool is_string = offset < text_.size() && (text_[offset] == '"' || text_[offset] == '\'');
        if (is_string) {
            std::size_t end = offset + 1;
            while (end < text_.size() && structure_[end] == kQuoted) {
                ++end;
            }
            bool is_closed = end < text_.size() && text_[end] == text_[offset];
            return end + (is_closed ? 1 : 0);
        }
        return std::min(structure_.find_first_of(" \t\r\n,;{}[]<>#\"'", offset), text_.size());
    }
    // Where the byte `offset` stands of the value whose first quotes come next after `from`. Pieces
    // in quotes that follow each other are one value.
    std::size_t offset_in_value(std::size_t from, std::size_t offset) const {
        std::size_t at = structure_.find_first_of("\"'", from);
        while (at != std::string::npos) {
            std::size_t end = end_of_token(at) - 1;
            for (++at; at < end;) {
                Escape one = text_[at] == '\\' ? measure_escape(std::string_view(text_).substr(at))
                                               : Escape{1, 1};
                if (offset < one.bytes) {
                    return at;
                }
                offset -= one.bytes;
                at += one.size;
            }
            at = structure_.find_first_not_of(" \t\r\n", end + 1);
            bool is_piece =
                at != std::string::npos && (structure_[at] == '"' || structure_[at] == '\'');
            if (!is_piece) {
                return end;
            }
        }
        return from;
    }
    // Where brackets are nested too deep, if they are.
    std::optional<std::size_t> find_too_deep() const {
        int depth = 0;
        for (std::size_t at = 0; at < structure_.size(); ++at) {
            char sign = structure_[at];
            depth += sign == '{' || sign == '<' || sign == '[' ? 1 : 0;
            depth -= (sign == '}' || sign == '>' || sign == ']') && depth > 0 ? 1 : 0;
            if (depth > kDepthMax) {
                return at;
            }
        }
        return std::nullopt;
    }
    void blank(std::size_t from, std::size_t end) {
        text_.replace(from, end - from, end - from, ' ');
        structure_.replace(from, end - from, end - from, ' ');
    }
    // YAML's lists and documents are what people take this format for.
    std::optional<std::size_t> find_yaml() const {
        for (std::size_t begin = 0; begin < text_.size();) {
            std::size_t end = std::min(text_.find('\n', begin), text_.size());
            std::size_t first = text_.find_first_not_of(" \t", begin);
            bool is_item = first < end && structure_[first] == '-' &&
                           (first + 1 == end || structure_[first + 1] == ' ');
            if (is_item || structure_.compare(begin, 3, "---") == 0) {
                return first;
            }
            begin = end + 1;
        }
        return std::nullopt;
    }

  private:
    std::string text_;
    std::string structure_;
};

struct Complaint {
    Position position;
    std::string text;
};

class Collector : public google::protobuf::io::ErrorCollector {
  public:
    void AddError(int line, google::protobuf::io::ColumnNumber column,
                  const std::string& message) override {
        errors.push_back({{line + 1, column + 1}, message});
    }
    void AddWarning(int line, google::protobuf::io::ColumnNumber column,
                    const std::string& message) override {
        warnings.push_back({{line + 1, column + 1}, message});
    }
    std::vector<Complaint> errors;
    std::vector<Complaint> warnings;  // Names that are not known: they are skipped.
};

class ParsedPlaces : public FieldPlaces {
  public:
    explicit ParsedPlaces(std::shared_ptr<Text> text) : text_(std::move(text)) {}

    Position of(std::string_view field, int index) const override {
        return find(tree, *::nsjail::NsJailConfig::descriptor(), field, index);
    }
    Position within(std::string_view message, int index, std::string_view field) const override {
        const auto* outer =
            ::nsjail::NsJailConfig::descriptor()->FindFieldByName(std::string(message));
        const auto* inner = tree.GetTreeForNested(outer, index);
        Position found =
            inner != nullptr ? find(*inner, *outer->message_type(), field, -1) : Position{};
        return found.line > 0 ? found : of(message, index);
    }
    Position inside(std::string_view field, int index, std::size_t offset) const override {
        const auto* descriptor =
            ::nsjail::NsJailConfig::descriptor()->FindFieldByName(std::string(field));
        auto at = tree.GetLocation(descriptor, descriptor->is_repeated() ? std::max(index, 0) : -1);
        if (at.line < 0) {
            return {};
        }
        std::size_t from = text_->offset_of({at.line + 1, at.column + 1});
        return text_->position_of(text_->offset_in_value(from, offset));
    }

    TextFormat::ParseInfoTree tree;

  private:
    Position find(const TextFormat::ParseInfoTree& in, const google::protobuf::Descriptor& type,
                  std::string_view field, int index) const {
        const auto* descriptor = type.FindFieldByName(std::string(field));
        auto at = in.GetLocation(descriptor, descriptor->is_repeated() ? std::max(index, 0) : -1);
        return at.line < 0 ? Position{}
                           : text_->position_of(text_->offset_of({at.line + 1, at.column + 1}));
    }

    std::shared_ptr<Text> text_;
};

// The text between the nth and the next pair of quotes in one of protobuf's sentences.
std::string quoted(const std::string& sentence, int which) {
    std::size_t at = 0;
    for (int i = 0; i < which; ++i) {
        at = sentence.find('"', sentence.find('"', at) + 1) + 1;
    }
    std::size_t begin = sentence.find('"', at) + 1;
    return sentence.substr(begin, sentence.find('"', begin) - begin);
}

class Reading {
  public:
    explicit Reading(const std::string& text)
        : original_(std::make_shared<Text>(text)), copy_(text) {}

    ConfigText run() && {
        ConfigText result;
        if (auto too_deep = original_->find_too_deep()) {
            result.diagnostics.error(original_->position_of(*too_deep),
                                     "this is nested more than 32 deep; nothing here needs 4");
            result.places = std::make_unique<ParsedPlaces>(original_);
            return result;
        }
        for (int tries = 0; tries < kMistakesMax; ++tries) {
            Collector collector;
            auto places = std::make_unique<ParsedPlaces>(original_);
            TextFormat::Parser parser;
            parser.RecordErrorsTo(&collector);
            parser.WriteLocationsTo(&places->tree);
            parser.AllowUnknownField(true);
            parser.AllowPartialMessage(true);
            bool is_whole = parser.ParseFromString(copy_.all(), &result.config);
            result.places = std::move(places);
            bool goes_on = !is_whole && !collector.errors.empty() &&
                           mend(collector.errors.front(), result.diagnostics);
            if (!goes_on) {
                result.is_whole = is_whole;
                report_unknown(collector, result.diagnostics);
                break;
            }
        }
        return result;
    }

  private:
    // What comes after the mistake that ended the reading is a guess.
    void report_unknown(const Collector& collector, Diagnostics& diagnostics) const {
        for (const Complaint& warning : collector.warnings) {
            bool is_past_end =
                !collector.errors.empty() && collector.errors.front().position < warning.position;
            bool is_extension = warning.text.starts_with("Ignoring extension");
            const auto* type =
                google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
                    quoted(warning.text, is_extension ? 1 : 0));
            if (type == nullptr || type->field_count() == 0 || is_past_end) {
                continue;  // What stands in a message that is refused as a whole.
            }
            std::size_t at = original_->offset_of(warning.position);
            std::size_t name =
                is_extension ? original_->all().rfind('[', at) : original_->token_before(at);
            diagnostics.error(original_->position_of(name),
                              is_extension
                                  ? "there is no extension [" + quoted(warning.text, 0) + "]"
                                  : describe_unknown_field(quoted(warning.text, 1), *type));
        }
    }

    // Says what is wrong, and blanks it in the copy: false where the rest cannot be read.
    bool mend(const Complaint& error, Diagnostics& diagnostics) {
        if (auto yaml = original_->find_yaml()) {
            diagnostics.error(original_->position_of(*yaml), kYaml);
            return false;
        }
        std::size_t at = copy_.offset_of(error.position);
        const std::string& text = error.text;
        if (text.starts_with("Expected string, got: ")) {
            std::string value = copy_.all().substr(at, copy_.end_of_token(at) - at);
            diagnostics.error(copy_.position_of(at),
                              "a string is expected here, in quotes: \"" + value + "\"");
            return blank_statement(at);
        }
        if (text.starts_with("Invalid value for boolean field") ||
            text.starts_with("Unknown enumeration value")) {
            // Told after the value has been read.
            at = copy_.token_before(at);
            return refuse_value(at, diagnostics);
        }
        // What the tokenizer says stands within the number or at its end: 512M, 0x, 09.
        bool is_broken_number = text.starts_with("Need space between number") ||
                                text.find("must be followed by hex") != std::string::npos ||
                                text.starts_with("Numbers starting with leading zero");
        if (is_broken_number) {
            at = copy_.begin_of_word(at);
        }
        bool is_string =
            at < copy_.all().size() && (copy_.all()[at] == '"' || copy_.all()[at] == '\'');
        if (is_broken_number || text.starts_with("Expected integer") ||
            text.starts_with("Integer out of range") ||
            (is_string && text.starts_with("Expected identifier"))) {
            return refuse_value(at, diagnostics);
        }
        if (text.starts_with("Non-repeated field")) {
            std::size_t name = copy_.token_before(at);
            diagnostics.error(copy_.position_of(name),
                              "\"" + quoted(text, 0) + "\" is given a second time");
            std::size_t value = copy_.all().find_first_not_of(": \t", at);
            return value != std::string::npos && blank_statement(value);
        }
        std::size_t before = copy_.token_before(at);
        bool follows_colon = before > 0 && copy_.all()[before - 1] == ':';
        if (text.starts_with("Expected \"{\"") && follows_colon &&
            original_->position_of(before).line < original_->position_of(at).line) {
            diagnostics.error(copy_.position_of(at), kYaml);
            return false;
        }
        bool is_end = at >= copy_.all().size() && !text.starts_with("Unexpected");
        diagnostics.error(copy_.position_of(at),
                          is_end ? "the file ends here, and a { or a value is not finished" : text);
        return false;
    }

    bool refuse_value(std::size_t at, Diagnostics& diagnostics) {
        diagnostics.error(copy_.position_of(at), describe_expected(at));
        return blank_statement(at);
    }

    // What the field takes whose value stands there.
    std::string describe_expected(std::size_t at) const {
        std::string value = copy_.all().substr(at, copy_.end_of_token(at) - at);
        bool is_string = value.starts_with('"') || value.starts_with('\'');
        const char* unquoted = is_string ? ", without quotes" : "";
        const FieldDescriptor* field = field_of(at);
        if (field != nullptr && field->type() == FieldDescriptor::TYPE_BOOL) {
            return std::string("true or false is expected here") + unquoted;
        }
        if (field != nullptr && field->enum_type() != nullptr) {
            return is_string ? "a name is expected here, without quotes"
                             : describe_unknown_value("\"" + value + "\"", *field->enum_type());
        }
        if (is_string) {
            return "a number is expected here, without quotes";
        }
        if (value.starts_with('-')) {
            return "a number that is not negative is expected here";
        }
        return "a whole number that fits is expected here, not " + value;
    }

    // By its name alone: no two of the schema's messages have one of the same name.
    const FieldDescriptor* field_of(std::size_t value) const {
        std::size_t colon = copy_.token_before(value);
        std::size_t begin = colon == 0 ? 0 : copy_.token_before(colon - 1);
        std::string name = copy_.all().substr(begin, copy_.end_of_token(begin) - begin);
        name = name.substr(0, name.find(':'));
        for (const auto* type :
             {::nsjail::NsJailConfig::descriptor(), ::nsjail::MountPt::descriptor(),
              ::nsjail::IdMap::descriptor(), ::nsjail::Exe::descriptor()}) {
            if (const auto* field = type->FindFieldByName(name)) {
                return field;
            }
        }
        return nullptr;
    }

    // The whole of "name: value", so that nothing is said of a value that was never given.
    bool blank_statement(std::size_t value) {
        std::size_t after_colon = copy_.token_before(value);
        std::size_t end = copy_.end_of_token(value);
        if (end == value || after_colon == 0 || copy_.all()[after_colon - 1] != ':') {
            return false;  // One of a list: what to do with the rest of it is a guess.
        }
        copy_.blank(copy_.token_before(after_colon - 1), end);
        return true;
    }

    std::shared_ptr<Text> original_;
    Text copy_;
};

}  // namespace

ConfigText read_protobuf_text(const std::string& text) {
    return Reading(text).run();
}

}  // namespace snapjail::jail::nsjail
