#include "jail/root/slot_places.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "base/syscall.h"
#include "jail/landlock.h"
#include "jail/privileges.h"
#include "jail/root/job_folder.h"
#include "jail/root/link_roots.h"

namespace snapjail::jail {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSmallFileMax = 4096;
// Ids are taken 4096 at a time, and from a place that chance has chosen: containers without a user
// namespace of their own share the kernel's counts of processes for each id.
constexpr std::uint32_t kIdsEach = 4096;
constexpr std::uint32_t kFirstHigh = 0x40000000;  // Far above what systems give to people.
constexpr std::uint32_t kHighPlaces = 65'536;
constexpr std::uint32_t kFirstLow = 20'000;  // In a namespace of 65,536 ids.
constexpr std::uint32_t kLowPlaces = 8;

// What every interpreter's program and libraries are read from, and what a C library asks for.
constexpr const char* kCommonPaths[] = {
    "/usr",        "/bin",           "/sbin",
    "/lib",        "/lib64",         "/etc/ld.so.cache",
    "/etc/passwd", "/etc/group",     "/etc/nsswitch.conf",
    "/etc/hosts",  "/etc/localtime", "/etc/ssl/openssl.cnf",
};

template <std::size_t kSize>
bool put_text(std::array<char, kSize>& target, const std::string& text) {
    if (text.size() >= kSize) {
        return false;
    }
    std::memcpy(target.data(), text.c_str(), text.size() + 1);
    return true;
}

// Is id `first` to `first + kIdsEach - 1` one of this user namespace, in both maps?
bool are_mapped(std::uint32_t first) {
    for (const char* path : {"/proc/self/uid_map", "/proc/self/gid_map"}) {
        auto text = read_file(path, kSmallFileMax);
        bool is_in = false;
        const char* at = text ? text->c_str() : "";
        unsigned long inside = 0;
        unsigned long outside = 0;
        unsigned long length = 0;
        int used = 0;
        while (std::sscanf(at, "%lu %lu %lu\n%n", &inside, &outside, &length, &used) == 3) {
            is_in = is_in || (first >= inside && first + kIdsEach <= inside + length);
            at += used;
        }
        if (!is_in) {
            return false;
        }
    }
    return true;
}

std::uint32_t choose_first_uid() {
    std::uint32_t random = 0;
    if (::getentropy(&random, sizeof(random)) != 0) {
        random = static_cast<std::uint32_t>(::getpid());
    }
    std::uint32_t high = kFirstHigh + (random % kHighPlaces) * kIdsEach;
    std::uint32_t low = kFirstLow + (random % kLowPlaces) * kIdsEach;
    return are_mapped(high) ? high : low;
}

// For as long as it lives we are the folder's owner where files are concerned. The kernel lets do
// so who may change his id; for another, what follows fails.
class FolderOwner {
  public:
    explicit FolderOwner(const std::string& folder)
        : uid_(static_cast<uid_t>(::setfsuid(kNobody))),
          gid_(static_cast<gid_t>(::setfsgid(kNobody))) {
        struct stat status {};
        if (::lstat(folder.c_str(), &status) == 0) {
            ::setfsgid(status.st_gid);
            ::setfsuid(status.st_uid);
        }
    }
    FolderOwner(const FolderOwner&) = delete;
    FolderOwner& operator=(const FolderOwner&) = delete;
    ~FolderOwner() {
        ::setfsuid(uid_);
        ::setfsgid(gid_);
        // Lost by the change: from a root's file system id to another, what is in effect of CHOWN
        // and the like; and our files in /proc.
        (void)take_up_capabilities();
        ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    }

  private:
    static constexpr uid_t kNobody = static_cast<uid_t>(-1);  // Changes nothing, says who we are.
    uid_t uid_;
    gid_t gid_;
};

// A new folder, in place of what a service has left that did not end by itself: what is in that is
// the id's that it had, and no guest of ours could remove it.
bool renew_folder(const std::string& path) {
    {
        FolderOwner owner(path);
        (void)empty_job_folder(path.c_str());
    }
    // Not empty, or no folder: then mkdir fails.
    (void)::rmdir(path.c_str());
    return ::mkdir(path.c_str(), 0700) == 0;
}

bool give_folder(const std::string& path, std::uint32_t id) {
    return ::chmod(path.c_str(), 0700) == 0 && (id == 0 || ::chown(path.c_str(), id, id) == 0);
}

bool is_covered(const std::string& path, const ProcessPlaces& places) {
    for (std::uint32_t i = 0; i < places.readable_count; ++i) {
        std::string prefix = std::string(places.readable[i].data()) + "/";
        if (path + "/" == prefix || path.starts_with(prefix)) {
            return true;
        }
    }
    return false;
}

Result<void> add_readable(ProcessPlaces& places, const std::string& path) {
    if (::access(path.c_str(), F_OK) != 0 || is_covered(path, places)) {
        return {};
    }
    if (places.readable_count == kReadablePathsMax ||
        !put_text(places.readable[places.readable_count], path)) {
        return Error{ErrorKind::kInvalid, "plan what guests may read", 0,
                     "the interpreter needs more than " + std::to_string(kReadablePathsMax) +
                         " places outside /usr, or one with too long a name: " + path};
    }
    ++places.readable_count;
    return {};
}

Result<void> add_all_readable(ProcessPlaces& places, const SlotPlacesSettings& settings) {
    for (const char* path : kCommonPaths) {
        TRY(add_readable(places, path));
    }
    // Short ones first: they cover those below them.
    std::set<std::string> paths(settings.interpreter->paths.begin(),
                                settings.interpreter->paths.end());
    paths.insert(settings.readable.begin(), settings.readable.end());
    for (const std::string& path : paths) {
        TRY(add_readable(places, path));
        std::error_code error;
        fs::path real = fs::canonical(path, error);
        if (!error) {
            TRY(add_readable(places, real.string()));
        }
    }
    return {};
}

// What stands in a root, but for what is each job's own or a device.
Result<void> add_root_readable(ProcessPlaces& places, const std::string& root) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(root, error)) {
        std::string name = entry.path().filename().string();
        // What a link leads to is listed by itself, or is not there.
        if (name != "tmp" && name != "proc" && name != "dev" && !entry.is_symlink(error)) {
            CHECK(places.readable_count < kReadablePathsMax);
            (void)put_text(places.readable[places.readable_count++], "/" + name);
        }
    }
    return {};
}

// In place of what stands there; not into it: roots share their files.
Result<void> place_file(const std::string& path, const std::string& content) {
    (void)::unlink(path.c_str());
    if (content.empty()) {
        return {};
    }
    TRY(write_file(path, content));
    return ::chmod(path.c_str(), 0444) == 0 ? Result<void>()
                                            : Error::from_errno("chmod", errno, path);
}

// So that the guest finds itself: getpwuid(), expanduser().
Result<void> name_guest(const std::string& root, std::uint32_t id) {
    std::string number = std::to_string(id);
    TRY(place_file(root + "/etc/passwd", "root:x:0:0:root:/:/usr/sbin/nologin\nguest:x:" + number +
                                             ":" + number + ":guest:/tmp:/bin/sh\n"));
    return place_file(root + "/etc/group", "root:x:0:\nguest:x:" + number + ":\n");
}

}  // namespace

Result<SlotPlaces> SlotPlaces::prepare(const TierChoice& choice,
                                       const SlotPlacesSettings& settings) {
    SlotPlaces prepared;
    prepared.slots_ = settings.slots;
    prepared.places_.slot_uid_first = choice.may_own_uid ? choose_first_uid() : 0;
    if (!choice.may_chroot || !choice.may_own_uid) {
        prepared.why_no_roots_ = "chroot and user ids of their own are not both allowed here";
    } else if (auto used = prepared.use_roots(settings); !used) {
        prepared.why_no_roots_ = used.error().to_string();
    }
    if (!prepared.why_no_roots_.empty()) {
        if (landlock_abi() == 0) {
            return Error{ErrorKind::kUnsupported, "reach tier process", 0,
                         "nothing keeps a job to its files: this kernel has no Landlock, and "
                         "guests get no roots of their own (" +
                             prepared.why_no_roots_ + ")"};
        }
        TRY(prepared.make_folders(settings));
    }
    return prepared;
}

Result<void> SlotPlaces::use_roots(const SlotPlacesSettings& settings) {
    const std::string& folder = settings.roots_folder;
    auto stamp = read_file(folder + "/" + kRootsStampName, kSmallFileMax);
    if (!stamp) {
        return Error{ErrorKind::kUnsupported, "find roots", 0,
                     folder + " holds none; `snapjail make-roots` makes them"};
    }
    if (*stamp != roots_stamp(*settings.interpreter)) {
        return Error{ErrorKind::kUnsupported, "use the roots", 0,
                     "those in " + folder + " were made for another interpreter or release"};
    }
    // Laid by root, when an image was built; who serves may be another.
    FolderOwner owner(folder);
    std::uint32_t count = 0;
    for (std::uint32_t number = 0; number < kPlacesMax && count < settings.slots; ++number) {
        std::string root = folder + "/" + std::to_string(number);
        UniqueFd held(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!held.is_open()) {
            break;
        }
        if (::flock(held.get(), LOCK_EX | LOCK_NB) != 0) {
            continue;
        }
        std::string tmp = root + "/tmp";
        if (!make_devices(root) || !renew_folder(tmp) ||
            !give_folder(tmp, places_.slot_uid_first + count)) {
            return Error::from_errno("prepare a root", errno, root);
        }
        TRY(place_file(root + kOwnWrapperPath, settings.own_wrapper));
        TRY(name_guest(root, places_.slot_uid_first + count));
        held_roots_.push_back(std::move(held));
        places_.numbers[count++] = static_cast<std::uint16_t>(number);
    }
    if (count == 0 || !put_text(places_.slots, folder)) {
        return Error{ErrorKind::kUnsupported, "use the roots", 0,
                     folder + " has none that is free"};
    }
    TRY(add_root_readable(places_, folder + "/0"));
    places_.has_roots = 1;
    slots_ = count;
    return {};
}

Result<void> SlotPlaces::make_folders(const SlotPlacesSettings& settings) {
    places_.readable_count = 0;
    held_roots_.clear();
    TRY(add_all_readable(places_, settings));
    const char* chosen = std::getenv("TMPDIR");
    for (const char* parent : {chosen != nullptr ? chosen : "/tmp", "/tmp", "/var/tmp", "/run"}) {
        std::string folder = std::string(parent) + "/snapjail-XXXXXX";
        if (::mkdtemp(folder.data()) == nullptr || !put_text(places_.slots, folder)) {
            continue;
        }
        own_folder_ = folder;
        // Guests of other ids pass through; who lists it sees numbers.
        if (::chmod(folder.c_str(), 0711) != 0) {
            return Error::from_errno("chmod", errno, folder);
        }
        for (std::uint32_t slot = 0; slot < slots_; ++slot) {
            std::string path = folder + "/" + std::to_string(slot);
            places_.numbers[slot] = static_cast<std::uint16_t>(slot);
            bool has_uids = places_.slot_uid_first != 0;
            if (::mkdir(path.c_str(), 0700) != 0 ||
                !give_folder(path, has_uids ? places_.slot_uid_first + slot : 0)) {
                return Error::from_errno("make a job's folder", errno, path);
            }
        }
        return {};
    }
    return Error{ErrorKind::kUnsupported, "reach tier process", 0,
                 "no folder for jobs can be made: mount a tmpfs at /tmp (docker run --tmpfs /tmp)"};
}

SlotPlaces::SlotPlaces(SlotPlaces&& other) noexcept
    : places_(other.places_),
      slots_(other.slots_),
      held_roots_(std::move(other.held_roots_)),
      own_folder_(std::exchange(other.own_folder_, {})),
      why_no_roots_(std::move(other.why_no_roots_)) {}

SlotPlaces::~SlotPlaces() {
    if (!own_folder_.empty()) {
        std::error_code ignored;
        fs::remove_all(own_folder_, ignored);
    }
}

}  // namespace snapjail::jail
