#pragma once
// Reads nsjail's configuration format, protobuf text or ProtoJSON, on protobuf's own parsers. Says
// every mistake that it finds, with its place; what the fields mean is settings_reader's subject.

#include <memory>
#include <string>
#include <string_view>

#include "jail/nsjail/diagnostic.h"
#include "nsjail_config.pb.h"

namespace snapjail::jail::nsjail {

// Where a field stands in the text. Fields are named as in the schema.
class FieldPlaces {
  public:
    virtual ~FieldPlaces() = default;
    // `index` counts a repeated field's values; -1 for others.
    virtual Position of(std::string_view field, int index = -1) const = 0;
    // A field of a message: "dst" of the third "mount".
    virtual Position within(std::string_view message, int index, std::string_view field) const = 0;
    // Of a byte of a text field's value: past escapes, and past quotes between its pieces.
    virtual Position inside(std::string_view field, int index, std::size_t offset) const = 0;
};

struct ConfigText {
    ::nsjail::NsJailConfig config;  // What could be read of it.
    std::unique_ptr<FieldPlaces> places;
    Diagnostics diagnostics;
    bool is_whole = false;  // Read to its end: what it lacks was not given.
};

// Never fails: a text that is neither format has an error in `diagnostics`.
ConfigText read_config_text(const std::string& text);

// For read_config_text: each of the two formats, and what they say of a name that is not known, or
// of a word that is none of an enumeration's.
ConfigText read_protobuf_text(const std::string& text);
ConfigText read_proto_json(const std::string& text);
std::string describe_unknown_field(std::string_view name, const google::protobuf::Descriptor& type);
// How many bytes of `text` the escape that begins at its backslash has, and how many it stands for.
struct Escape {
    std::size_t size = 2;
    std::size_t bytes = 1;
};
Escape measure_escape(std::string_view text);
std::string describe_unknown_value(std::string_view shown,
                                   const google::protobuf::EnumDescriptor& type);

}  // namespace snapjail::jail::nsjail
