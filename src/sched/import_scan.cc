#include "sched/import_scan.h"

#include <algorithm>

namespace snapjail::sched {
namespace {

// Names of other alphabets are names too: all their bytes have the high bit.
bool is_of_a_name(char c) {
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           static_cast<unsigned char>(c) >= 0x80;
}

// Reads one logical piece of a script from its start.
class Reader {
  public:
    explicit Reader(std::string_view text) : rest_(text) {}

    void skip_blanks() {
        auto first = rest_.find_first_not_of(" \t\f");
        rest_.remove_prefix(std::min(first, rest_.size()));
    }
    // The word itself, not the start of a longer one.
    bool take_word(std::string_view word) {
        if (!rest_.starts_with(word) ||
            (rest_.size() > word.size() && is_of_a_name(rest_[word.size()]))) {
            return false;
        }
        rest_.remove_prefix(word.size());
        skip_blanks();
        return true;
    }
    bool take(char c) {
        if (!rest_.starts_with(c)) {
            return false;
        }
        rest_.remove_prefix(1);
        skip_blanks();
        return true;
    }
    std::string_view take_name() {
        auto end = std::find_if_not(rest_.begin(), rest_.end(), is_of_a_name);
        std::string_view name = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
        rest_.remove_prefix(name.size());
        skip_blanks();
        return name;
    }
    // The first part; the others are passed over.
    std::string_view take_dotted_name() {
        std::string_view first = take_name();
        while (take('.')) {
            (void)take_name();
        }
        return first;
    }

  private:
    std::string_view rest_;
};

void note(std::vector<std::string_view>& found, std::string_view name) {
    if (!name.empty() && found.size() < kImportsMax &&
        std::find(found.begin(), found.end(), name) == found.end()) {
        found.push_back(name);
    }
}

// One statement, or what looks like one.
void read_statement(std::string_view text, std::vector<std::string_view>& found) {
    Reader reader(text);
    reader.skip_blanks();
    if (reader.take_word("from")) {
        note(found, reader.take_dotted_name());
        return;
    }
    if (!reader.take_word("import")) {
        return;
    }
    do {
        note(found, reader.take_dotted_name());
        if (reader.take_word("as")) {
            (void)reader.take_name();
        }
    } while (reader.take(','));
}

}  // namespace

std::vector<std::string_view> find_imports(std::string_view script) {
    std::vector<std::string_view> found;
    while (!script.empty() && found.size() < kImportsMax) {
        // A statement ends with its line, or before a semicolon; what follows a colon is rare.
        auto end = std::min(script.find_first_of("\n\r;"), script.size());
        read_statement(script.substr(0, end), found);
        script.remove_prefix(std::min(end + 1, script.size()));
    }
    return found;
}

}  // namespace snapjail::sched
