#pragma once
// The steps of a guest's set-up that both tiers share: priority, processors, limits, descriptors.
//
// For the child side of a fork, in a process with one thread: no allocation, no lock, no log, only
// system calls. Each returns false with errno set.

#include <array>
#include <cstdint>
#include <string_view>

#include "jail/guest/confine_guest.h"
#include "jail/jail_plan.h"

namespace snapjail::jail {

// Text on the stack: there is no allocation here, and snprintf may take a lock.
class ShortText {
  public:
    ShortText& operator<<(std::string_view text);
    ShortText& operator<<(std::uint64_t number);
    const char* c_str() const { return text_.data(); }
    std::string_view view() const { return {text_.data(), size_}; }

  private:
    std::array<char, 128> text_{};
    std::size_t size_ = 0;
};

// Writes to a file of /proc, in one piece as they want it; `path` is relative to `folder`.
bool write_text_at(int folder, const char* path, std::string_view text) noexcept;

// Any `cpus_max` of those that we may use, by chance, so that guests spread. The guest's own filter
// then forbids to choose again.
bool choose_processors(const JailPlan& plan) noexcept;

// Never raises it: of a service that is niced more than `nice_level` guests are as niced as it is.
bool lower_priority(const JailPlan& plan) noexcept;

bool set_rlimits(const JailPlan& plan) noexcept;

// 0 and 2: /dev/null. 1: the output. kJobFd: the job. plan.result_fd: the result. Nothing else, and
// what is open in the end is looked at: by the folder /proc/self `proc_self`, where there is one.
bool arrange_descriptors(const JailPlan& plan, const GuestDescriptors& given,
                         int proc_self = -1) noexcept;

}  // namespace snapjail::jail
