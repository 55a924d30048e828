#include "sched/profile_choice.h"

#include <algorithm>

#include "base/check.h"
#include "sched/import_scan.h"

namespace snapjail::sched {
namespace {

constexpr std::uint32_t kUsualWeight = 1;
// Of a module that only interpreters of their own have: more than all others together.
constexpr std::uint32_t kOnlyThereWeight = kImportsMax;

}  // namespace

void Candidates::add(ProfileIndex index) {
    CHECK(count_ < indexes_.size());
    indexes_[count_++] = index;
}

bool Candidates::has(ProfileIndex index) const {
    return std::find(begin(), end(), index) != end();
}

ProfileChoice::ProfileChoice(const std::vector<zygote::Profile>& profiles) {
    CHECK(!profiles.empty() && profiles.size() <= zygote::kProfilesMax);
    for (std::size_t index = 0; index < profiles.size(); ++index) {
        const zygote::Profile& profile = profiles[index];
        interpreters_.push_back(profile.python_bin);
        for (const std::string& name : profile.modules) {
            // Of a.b it is a that a script is found to import.
            Module& module = modules_[name.substr(0, name.find('.'))];
            module.profiles |= 1u << index;
            module.weight |= profile.python_bin.empty() ? kUsualWeight : 0;
        }
    }
    for (auto& [name, module] : modules_) {
        module.weight = module.weight == kUsualWeight ? kUsualWeight : kOnlyThereWeight;
    }
    for (const std::string& name : zygote::split_words(zygote::kBaseModules, ',')) {
        modules_.erase(name);
    }
}

Candidates ProfileChoice::candidates_for(std::string_view script) const {
    std::vector<std::uint32_t> scores(interpreters_.size());
    for (std::string_view name : find_imports(script)) {
        auto found = modules_.find(std::string(name));
        for (std::size_t index = 0; found != modules_.end() && index < scores.size(); ++index) {
            bool has_it = ((found->second.profiles >> index) & 1) != 0;
            scores[index] += has_it ? found->second.weight : 0;
        }
    }
    std::uint32_t most = *std::max_element(scores.begin(), scores.end());
    auto at = std::find(scores.begin(), scores.end(), most) - scores.begin();
    auto best = static_cast<ProfileIndex>(at);
    Candidates candidates(best);
    for (ProfileIndex index = best + 1; index < scores.size(); ++index) {
        if (scores[index] == most && interpreters_[index] == interpreters_[best]) {
            candidates.add(index);
        }
    }
    return candidates;
}

}  // namespace snapjail::sched
