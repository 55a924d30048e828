#include "zygote/profile.h"

#include <algorithm>
#include <utility>

namespace snapjail::zygote {
namespace {

Error wrong(std::string why) {
    return {ErrorKind::kInvalid, "read the profiles", 0, std::move(why)};
}

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

std::string_view without_blanks(std::string_view text) {
    auto first = text.find_first_not_of(" \t\n");
    auto last = text.find_last_not_of(" \t\n");
    return first == text.npos ? std::string_view() : text.substr(first, last - first + 1);
}

bool is_profile_name(std::string_view name) {
    return !name.empty() && name.size() <= kProfileNameBytesMax &&
           std::all_of(name.begin(), name.end(),
                       [](char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '-'; });
}

Result<std::vector<std::string>> read_modules(std::string_view text) {
    std::vector<std::string> modules;
    for (std::string& word : split_words(text, ',')) {
        if (word == kStandardWord) {
            auto standard = split_words(kStandardModules, ',');
            modules.insert(modules.end(), standard.begin(), standard.end());
        } else if (is_module_name(word)) {
            modules.push_back(std::move(word));
        } else {
            return wrong("holds '" + word + "', which is not the name of a module");
        }
    }
    return modules;
}

Result<Profile> read_profile(std::string_view text) {
    auto equals = text.find('=');
    std::string_view name = without_blanks(text.substr(0, equals));
    if (equals == text.npos || !is_profile_name(name)) {
        return wrong("has '" + std::string(text) +
                     "', where NAME=MODULE,MODULE is expected, the name of at most " +
                     std::to_string(kProfileNameBytesMax) + " letters, digits, - and _");
    }
    std::string_view rest = text.substr(equals + 1);
    auto at = rest.find('@');
    Profile profile{.name = std::string(name),
                    .modules = TRY(read_modules(rest.substr(0, at))),
                    .python_bin = {}};
    if (at != rest.npos) {
        profile.python_bin = without_blanks(rest.substr(at + 1));
        if (profile.python_bin.empty()) {
            return wrong("names no interpreter behind the @ of '" + profile.name + "'");
        }
    }
    return profile;
}

}  // namespace

std::vector<std::string> split_words(std::string_view text, char separator) {
    std::vector<std::string> words;
    while (!text.empty()) {
        auto end = std::min(text.find(separator), text.size());
        std::string_view word = without_blanks(text.substr(0, end));
        if (!word.empty()) {
            words.emplace_back(word);
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return words;
}

bool is_module_name(std::string_view word) {
    return !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
        return is_letter(c) || is_digit(c) || c == '_' || c == '.';
    });
}

Result<std::vector<Profile>> parse_profiles(std::string_view text) {
    std::vector<Profile> profiles;
    for (const std::string& one : split_words(text, ';')) {
        Profile profile = TRY(read_profile(one));
        auto has_its_name = [&](const Profile& other) { return other.name == profile.name; };
        if (std::any_of(profiles.begin(), profiles.end(), has_its_name)) {
            return wrong("has two profiles named '" + profile.name + "'");
        }
        profiles.push_back(std::move(profile));
    }
    if (profiles.empty() || profiles.size() > kProfilesMax) {
        return wrong("has " + std::to_string(profiles.size()) + " profiles; from 1 to " +
                     std::to_string(kProfilesMax) + " are possible");
    }
    return profiles;
}

std::string join_words(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) {
        text += text.empty() ? word : "," + word;
    }
    return text;
}

std::string to_text(const std::vector<Profile>& profiles) {
    std::string text;
    for (const Profile& profile : profiles) {
        text += profile.name + "=" + join_words(profile.modules);
        text += profile.python_bin.empty() ? ";" : "@" + profile.python_bin + ";";
    }
    return text;
}

}  // namespace snapjail::zygote
