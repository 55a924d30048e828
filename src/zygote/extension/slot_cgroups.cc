#include "zygote/extension/slot_cgroups.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "zygote/protocol.h"

namespace snapjail::zygote {

using jail::cgroup::SlotCgroup;

Result<void> SlotCgroups::load(const jail::JailPlan& plan) {
    if (plan.cgroup_count > kSlotsMax) {
        return Error::from_errno("read the cgroups of the plan", EINVAL);
    }
    table_.resize(plan.cgroup_count);
    std::size_t size = table_.size() * sizeof(SlotCgroup);
    if (::pread(kPlanFd, table_.data(), size, sizeof(plan)) != static_cast<ssize_t>(size)) {
        return Error::from_errno("read the cgroups of the plan", EIO);
    }
    watch_ = plan.cgroup_watch;
    // What stands from before this zygote's first guest is another's.
    end_those_out_of_memory();
    return {};
}

Result<void> SlotCgroups::prepare(std::uint32_t slot) {
    if (!table_.empty() && slot >= table_.size()) {
        return Error::from_errno("find the slot's cgroup", EINVAL);
    }
    oom_kills_before_ = jail::cgroup::count_oom_kills(of(slot));
    return {};
}

SlotCgroup SlotCgroups::of(std::uint32_t slot) const noexcept {
    return slot < table_.size() ? table_[slot] : SlotCgroup{};
}

void SlotCgroups::on_forked(std::uint32_t slot, pid_t pid) {
    guests_[pid] = {.slot = slot, .oom_kills_before = oom_kills_before_};
}

bool SlotCgroups::on_reaped(pid_t pid) {
    auto found = guests_.find(pid);
    if (found == guests_.end()) {
        return false;
    }
    Guest guest = found->second;
    guests_.erase(found);
    return guest.is_out_of_memory ||
           jail::cgroup::count_oom_kills(of(guest.slot)) > guest.oom_kills_before;
}

void SlotCgroups::end_those_out_of_memory() {
    std::array<epoll_event, 16> events{};
    int count = 0;
    // Edge-triggered: each is told once, and there are at most as many as slots.
    while (watch_ >= 0 &&
           (count = ::epoll_wait(watch_, events.data(), static_cast<int>(events.size()), 0)) > 0) {
        for (int i = 0; i < count; ++i) {
            for (auto& [pid, guest] : guests_) {
                if (guest.slot == events[static_cast<std::size_t>(i)].data.u32) {
                    // The notice comes before the kernel's own kill, which ours may make needless.
                    guest.is_out_of_memory = true;
                    ::kill(pid, SIGKILL);  // Not reaped yet, or it would not be in here.
                }
            }
        }
    }
}

}  // namespace snapjail::zygote
