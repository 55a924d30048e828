// Reads ProtoJSON: see config_reader.h. Boost.JSON finds where the text is no JSON at all, and
// which names are not known; protobuf's own reader does the rest.
#include <google/protobuf/util/json_util.h>

#include <boost/json.hpp>
#include <set>

#include "jail/nsjail/config_reader.h"

namespace snapjail::jail::nsjail {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

Position position_of(const std::string& text, std::size_t offset) {
    Position at{1, 1};
    for (std::size_t i = 0; i < offset && i < text.size(); ++i) {
        at = text[i] == '\n' ? Position{at.line + 1, 1} : Position{at.line, at.column + 1};
    }
    return at;
}

// The nth key of this name, as the schema spells it or in lowerCamelCase. Names are those of one
// message here, so that the first key found is nearly always the right one.
class KeyPlaces : public FieldPlaces {
  public:
    explicit KeyPlaces(std::string text) : text_(std::move(text)) {}

    Position of(std::string_view field, int) const override {
        const auto* descriptor =
            ::nsjail::NsJailConfig::descriptor()->FindFieldByName(std::string(field));
        return find(*descriptor);
    }
    Position within(std::string_view message, int, std::string_view) const override {
        return of(message, 0);
    }
    Position find_key(const std::string& key) const {
        std::size_t at = text_.find("\"" + key + "\"");
        return at == std::string::npos ? Position{} : position_of(text_, at);
    }

  private:
    Position find(const FieldDescriptor& field) const {
        Position at = find_key(field.name());
        return at.line > 0 ? at : find_key(field.json_name());
    }

    std::string text_;
};

void report_unknown(const boost::json::object& object, const Descriptor& type,
                    const KeyPlaces& places, Diagnostics& diagnostics) {
    for (const auto& [key, value] : object) {
        const FieldDescriptor* field = type.FindFieldByName(std::string(key));
        for (int i = 0; field == nullptr && i < type.field_count(); ++i) {
            field = type.field(i)->json_name() == std::string_view(key) ? type.field(i) : nullptr;
        }
        if (field == nullptr) {
            diagnostics.error(places.find_key(std::string(key)),
                              describe_unknown_field(std::string_view(key), type));
        } else if (field->message_type() != nullptr && field->message_type()->field_count() > 0) {
            const boost::json::array one{value};
            for (const auto& element : value.is_array() ? value.get_array() : one) {
                if (element.is_object()) {
                    report_unknown(element.get_object(), *field->message_type(), places,
                                   diagnostics);
                }
            }
        }
    }
}

}  // namespace

ConfigText read_proto_json(const std::string& text) {
    ConfigText result;
    auto places = std::make_unique<KeyPlaces>(text);
    boost::json::stream_parser parser;
    boost::json::error_code error;
    std::size_t read = parser.write_some(text.data(), text.size(), error);
    if (!error) {
        parser.finish(error);
    }
    if (error || text.find_first_not_of(" \t\r\n", read) != std::string::npos) {
        result.diagnostics.error(
            position_of(text, read),
            "this is not JSON from here on" + (error ? ": " + error.message() : std::string()));
        result.places = std::move(places);
        return result;
    }
    boost::json::value value = parser.release();
    report_unknown(value.get_object(), *::nsjail::NsJailConfig::descriptor(), *places,
                   result.diagnostics);
    google::protobuf::util::JsonParseOptions options;
    options.ignore_unknown_fields = true;  // Told above, all of them.
    auto status = google::protobuf::util::JsonStringToMessage(text, &result.config, options);
    if (!status.ok()) {
        std::string words = status.ToString();
        words = words.substr(words.find(':') + 1);
        std::string name = words.substr(0, words.find(')'));
        name = name.starts_with('(') ? name.substr(1) : "";
        const auto* field = ::nsjail::NsJailConfig::descriptor()->FindFieldByName(
            name.substr(0, name.find_first_of(".[")));
        result.diagnostics.error(field != nullptr ? places->of(field->name(), 0) : Position{1, 1},
                                 words);
    }
    result.is_whole = status.ok();
    result.places = std::move(places);
    return result;
}

}  // namespace snapjail::jail::nsjail
