#include "jail/cgroup/slots.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <utility>

#include "base/syscall.h"

namespace snapjail::jail::cgroup {
namespace {

// A zygote inherits them under their own numbers: above those that it is given others under.
constexpr int kDescriptorMin = 16;

Result<UniqueFd> open_high(const std::string& path, int flags) {
    UniqueFd low = TRY(open_file(path, flags | O_CLOEXEC));
    return UniqueFd(TRY(
        retry_eintr("fcntl", [&] { return ::fcntl(low.get(), F_DUPFD_CLOEXEC, kDescriptorMin); })));
}

// Version 1 kills one process, and tells whoever has asked. (Version 2 ends them all.)
Result<UniqueFd> ask_for_notice(const std::string& folder, const UniqueFd& oom_control) {
    UniqueFd notice(TRY(retry_eintr("eventfd", [] { return ::eventfd(0, EFD_CLOEXEC); })));
    TRY(Files().write(folder + "/cgroup.event_control",
                      std::to_string(notice.get()) + " " + std::to_string(oom_control.get())));
    return notice;
}

}  // namespace

Slots::Slots(Files& files, const std::vector<OwnCgroup>& own, const SlotsSettings& settings) {
    std::vector<Controller> wanted{Controller::kMemory, Controller::kPids};
    if (settings.limits.cpu_ms_per_second > 0) {
        wanted.push_back(Controller::kCpu);
    }
    slots_.resize(settings.slots);
    for (const OwnCgroup& one : own) {
        // A controller is in one hierarchy only, so that three do.
        std::erase_if(wanted, [this](Controller controller) { return bounds(controller); });
        bool is_wanted = one.version == Version::kV2 ||
                         std::find_first_of(one.controllers.begin(), one.controllers.end(),
                                            wanted.begin(), wanted.end()) != one.controllers.end();
        if (wanted.empty() || !is_wanted) {
            continue;
        }
        auto subtree = Subtree::make(
            files, one,
            {.limits = settings.limits, .controllers = wanted, .guest_id = settings.guest_id});
        auto added = subtree ? add_hierarchy(std::move(*subtree), settings.slots)
                             : Result<void>(subtree.error());
        if (!added) {
            note_obstacle(added.error());
        }
    }
    if (own.empty()) {
        obstacles_ = "no hierarchy of cgroups is mounted";
    }
    if (subtrees_.empty()) {
        slots_.clear();
    }
    fill_table();
}

Result<void> Slots::add_hierarchy(std::unique_ptr<Subtree> subtree, std::uint32_t slots) {
    std::size_t hierarchy = subtrees_.size();
    CHECK(hierarchy < kHierarchiesMax);
    for (std::uint32_t i = 0; i < slots; ++i) {
        auto folder = subtree->make_slot(i);
        auto opened = folder ? open_slot(slots_[i], hierarchy, *folder, *subtree)
                             : Result<void>(folder.error());
        if (!opened) {
            // All slots or none: which one a job gets must not decide what bounds it.
            for (Slot& slot : slots_) {
                slot.procs[hierarchy].reset();
                if (subtree->bounds(Controller::kMemory)) {
                    slot.memory_events.reset();
                    slot.out_of_memory.reset();
                }
            }
            return opened;
        }
    }
    subtrees_.push_back(std::move(subtree));
    return {};
}

Result<void> Slots::open_slot(Slot& slot, std::size_t hierarchy, const std::string& folder,
                              const Subtree& subtree) {
    slot.procs[hierarchy] = TRY(open_high(folder + "/cgroup.procs", O_WRONLY));
    if (!subtree.bounds(Controller::kMemory)) {
        return {};
    }
    if (subtree.version() == Version::kV2) {
        slot.memory_events = TRY(open_high(folder + "/memory.events", O_RDONLY));
        return {};
    }
    slot.memory_events = TRY(open_high(folder + "/memory.oom_control", O_RDONLY));
    // A kernel without it still kills, and counts.
    if (auto notice = ask_for_notice(folder, slot.memory_events)) {
        slot.out_of_memory = std::move(*notice);
    }
    return {};
}

void Slots::note_obstacle(const Error& error) {
    obstacles_ += (obstacles_.empty() ? "" : "; ") + error.to_string();
}

void Slots::fill_table() {
    for (const Slot& slot : slots_) {
        SlotCgroup& entry = table_.emplace_back();
        std::transform(slot.procs.begin(), slot.procs.end(), entry.procs.begin(),
                       [](const UniqueFd& fd) { return fd.get(); });
        entry.memory_events = slot.memory_events.get();
    }
}

bool Slots::bounds(Controller controller) const {
    return std::any_of(subtrees_.begin(), subtrees_.end(),
                       [=](const auto& subtree) { return subtree->bounds(controller); });
}

bool Slots::joins_slowly() const {
    return std::any_of(subtrees_.begin(), subtrees_.end(),
                       [](const auto& subtree) { return subtree->version() == Version::kV1; });
}

std::string Slots::summary() const {
    std::string text;
    for (Version version : {Version::kV1, Version::kV2}) {
        std::string names;
        for (Controller controller : kControllers) {
            for (const auto& subtree : subtrees_) {
                if (subtree->version() == version && subtree->bounds(controller)) {
                    names += " " + std::string(name_of(controller));
                }
            }
        }
        if (!names.empty()) {
            text += (text.empty() ? "" : "; ") +
                    std::string(version == Version::kV1 ? "v1:" : "v2:") + names;
        }
    }
    return text;
}

Result<UniqueFd> Slots::make_watch() const {
    bool has_notices = std::any_of(slots_.begin(), slots_.end(),
                                   [](const Slot& slot) { return slot.out_of_memory.is_open(); });
    if (!has_notices) {
        return UniqueFd();
    }
    UniqueFd low(TRY(retry_eintr("epoll_create", [] { return ::epoll_create1(EPOLL_CLOEXEC); })));
    for (std::uint32_t i = 0; i < slots_.size(); ++i) {
        epoll_event event{};
        event.events = EPOLLIN | EPOLLET;
        event.data.u32 = i;
        if (slots_[i].out_of_memory.is_open()) {
            TRY(retry_eintr("epoll_ctl", [&] {
                return ::epoll_ctl(low.get(), EPOLL_CTL_ADD, slots_[i].out_of_memory.get(), &event);
            }));
        }
    }
    return UniqueFd(TRY(
        retry_eintr("fcntl", [&] { return ::fcntl(low.get(), F_DUPFD_CLOEXEC, kDescriptorMin); })));
}

Slots make_slots(const SlotsSettings& settings) {
    static Files files;  // It has no state.
    auto own = read_own_cgroups();
    return own ? Slots(files, *own, settings) : Slots();
}

}  // namespace snapjail::jail::cgroup
