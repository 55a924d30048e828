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

bool is_word(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

class Text {
  public:
    explicit Text(std::string text) : text_(std::move(text)) {}

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
    // Columns in characters, as editors show them.
    Position position_of(std::size_t offset) const {
        Position at{1, 1};
        for (std::size_t i = 0; i < offset && i < text_.size(); ++i) {
            at = text_[i] == '\n' ? Position{at.line + 1, 1} : Position{at.line, at.column + 1};
        }
        return at;
    }
    // The word or sign that ends before `offset`, comments left out.
    std::size_t token_before(std::size_t offset) const {
        std::size_t at = offset;
        while (at > 0) {
            std::size_t line = text_.rfind('\n', at - 1);
            std::size_t begin = line == std::string::npos ? 0 : line + 1;
            std::size_t hash = text_.find('#', begin);
            std::size_t end = std::min(at, hash == std::string::npos ? at : hash);
            while (end > begin && std::isspace(static_cast<unsigned char>(text_[end - 1])) != 0) {
                --end;
            }
            if (end > begin) {
                while (end > begin && is_word(text_[end - 1])) {
                    --end;
                }
                return end;
            }
            at = begin == 0 ? 0 : begin - 1;
        }
        return 0;
    }
    std::size_t end_of_token(std::size_t offset) const {
        std::size_t end = offset;
        if (end < text_.size() && (text_[end] == '"' || text_[end] == '\'')) {
            char quote = text_[end++];
            while (end < text_.size() && text_[end] != quote && text_[end] != '\n') {
                end += text_[end] == '\\' ? 2u : 1u;
            }
            return std::min(end + 1, text_.size());
        }
        end += end < text_.size() && text_[end] == '-' ? 1u : 0u;
        while (end < text_.size() && (is_word(text_[end]) || text_[end] == '.')) {
            ++end;
        }
        return end;
    }
    void blank(std::size_t from, std::size_t end) {
        text_.replace(from, end - from, end - from, ' ');
    }
    // YAML's lists and documents are what people take this format for.
    std::optional<std::size_t> find_yaml() const {
        for (std::size_t begin = 0; begin < text_.size();) {
            std::size_t end = std::min(text_.find('\n', begin), text_.size());
            std::size_t first = text_.find_first_not_of(" \t", begin);
            bool is_item = first < end && text_.compare(first, 2, "- ") == 0;
            if (is_item || text_.compare(begin, 3, "---") == 0) {
                return first;
            }
            begin = end + 1;
        }
        return std::nullopt;
    }

  private:
    std::string text_;
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
                report_unknown(collector.warnings, result.diagnostics);
                break;
            }
        }
        return result;
    }

  private:
    void report_unknown(const std::vector<Complaint>& warnings, Diagnostics& diagnostics) const {
        for (const Complaint& warning : warnings) {
            const auto* type =
                google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
                    quoted(warning.text, 0));
            if (type == nullptr || type->field_count() == 0) {
                continue;  // What stands in a message that is refused as a whole.
            }
            std::size_t name = original_->token_before(original_->offset_of(warning.position));
            diagnostics.error(original_->position_of(name),
                              describe_unknown_field(quoted(warning.text, 1), *type));
        }
    }

    // Says what is wrong, and blanks it in the copy: false where the rest cannot be read.
    bool mend(const Complaint& error, Diagnostics& diagnostics) {
        if (auto yaml = original_->find_yaml()) {
            diagnostics.error(original_->position_of(*yaml),
                              "this is YAML; nsjail reads protobuf text, where a list is "
                              "`mount { src: \"/a\" dst: \"/b\" }` once for each entry");
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
            diagnostics.error(copy_.position_of(at), text.starts_with("Invalid")
                                                         ? "true or false is expected here"
                                                         : describe_enumeration(text));
            return blank_statement(at);
        }
        if (text.starts_with("Expected integer") || text.starts_with("Integer out of range")) {
            diagnostics.error(copy_.position_of(at), describe_number(at));
            return blank_statement(at);
        }
        if (text.starts_with("Non-repeated field")) {
            std::size_t name = copy_.token_before(at);
            diagnostics.error(copy_.position_of(name),
                              "\"" + quoted(text, 0) + "\" is given a second time");
            std::size_t value = copy_.all().find_first_not_of(": \t", at);
            return value != std::string::npos && blank_statement(value);
        }
        bool is_end = at >= copy_.all().size() && !text.starts_with("Unexpected");
        diagnostics.error(copy_.position_of(at),
                          is_end ? "the file ends here, and a { or a value is not finished" : text);
        return false;
    }

    static std::string describe_enumeration(const std::string& text) {
        const auto* field = ::nsjail::NsJailConfig::descriptor()->FindFieldByName(quoted(text, 1));
        std::string known;
        for (int i = 0; field != nullptr && i < field->enum_type()->value_count(); ++i) {
            known += (known.empty() ? "" : ", ") + field->enum_type()->value(i)->name();
        }
        return "\"" + quoted(text, 0) + "\" is none of: " + known;
    }
    std::string describe_number(std::size_t at) const {
        std::string value = copy_.all().substr(at, copy_.end_of_token(at) - at);
        if (value.starts_with('"') || value.starts_with('\'')) {
            return "a number is expected here, without quotes";
        }
        if (value.starts_with('-')) {
            return "a number that is not negative is expected here";
        }
        return "a whole number that fits is expected here, not " + value;
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
