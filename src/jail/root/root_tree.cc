#include "jail/root/root_tree.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <filesystem>
#include <map>
#include <set>
#include <string_view>

#include "base/syscall.h"

namespace snapjail::jail {
namespace {

constexpr int kLinksFollowedMax = 40;                        // As the kernel does: ELOOP past that.
constexpr std::size_t kToolBytesMax = std::size_t{4} << 20;  // bash is 1.3 MB.

// What subprocess and os.system usually call. Copies: the host's /bin holds far more than that.
constexpr auto kTools = std::to_array<std::string_view>(
    {"sh",    "bash", "echo", "cat",  "ls",   "cp",   "mv",    "rm",   "mkdir", "rmdir", "touch",
     "head",  "tail", "wc",   "sort", "uniq", "grep", "sed",   "env",  "pwd",   "sleep", "true",
     "false", "date", "seq",  "tr",   "cut",  "find", "xargs", "test", "uname", "id",    "stat"});

constexpr std::string_view kPasswd =
    "root:x:0:0:root:/:/usr/sbin/nologin\n"
    "guest:x:1000:1000:guest:/tmp:/bin/sh\n"
    "nobody:x:65534:65534:nobody:/tmp:/usr/sbin/nologin\n";
constexpr std::string_view kGroup = "root:x:0:\nguest:x:1000:\nnogroup:x:65534:\n";

// Lays host paths into the tree, copying each symbolic link that lies on the way as a link.
class Planner {
  public:
    Result<void> add_host_path(const std::string& path) {
        std::string pending = path;
        for (int links = 0; links <= kLinksFollowedMax; ++links) {
            auto next = TRY(walk(pending));
            if (next.empty()) {
                return {};
            }
            pending = next;
        }
        return Error::from_errno("follow links", ELOOP, path);
    }

    // What is there stays, except that a mere parent becomes what is asked for.
    void add(Entry entry) {
        add_parents(entry.path);
        auto [at, is_new] = entries_.try_emplace(entry.path, entry);
        if (!is_new && at->second.kind == EntryKind::kDirectory && !at->second.is_fixed) {
            at->second = std::move(entry);
        }
    }
    void add_directory(const std::string& path) {
        Entry entry;
        entry.path = path;
        add(std::move(entry));
    }

    Result<RootTree> finish() && {
        RootTree tree;
        for (const auto& [path, entry] : entries_) {
            if (TRY(is_placed(entry))) {
                tree.entries.push_back(entry);
            }
        }
        return tree;
    }

  private:
    // False for what a bound folder holds already. An error where it could not be placed, and where
    // the operator's own would be hidden or would hide what is needed: nothing of it goes silently.
    Result<bool> is_placed(const Entry& entry) const {
        std::string name = "/" + entry.path;
        for (std::size_t slash = entry.path.find('/'); slash != std::string::npos;
             slash = entry.path.find('/', slash + 1)) {
            const Entry& above = entries_.at(entry.path.substr(0, slash));
            std::string place = name + " lies below /" + above.path;
            if (above.kind == EntryKind::kSymlink) {
                return conflict(place + ", which is a link to " + above.content);
            }
            bool is_folder = above.kind == EntryKind::kDirectory ||
                             (above.kind == EntryKind::kBind && above.is_directory);
            if (!is_folder) {
                return conflict(place + ", which is a file");
            }
            if (above.kind == EntryKind::kBind && entry.is_fixed) {
                return conflict(place + ", which is bound as a whole: choose another place");
            }
            if (above.kind == EntryKind::kBind) {
                return false;
            }
            if (above.is_fixed) {
                return conflict("a tmpfs at /" + above.path + " would hide " + name +
                                ", which guests need");
            }
        }
        return true;
    }
    static Error conflict(std::string detail) {
        return {ErrorKind::kInvalid, "plan the jail's root", 0, std::move(detail)};
    }

    // A map of plain strings would order '/' below every letter but above '-' and '.': "a-b" would
    // come between "a" and "a/b".
    struct ByComponent {
        bool operator()(const std::string& a, const std::string& b) const {
            return std::lexicographical_compare(
                a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
                    auto rank = [](char c) { return c == '/' ? 0 : static_cast<unsigned char>(c); };
                    return rank(x) < rank(y);
                });
        }
    };

    // Goes along `path` to its end, which becomes a bind, or to the first link, which becomes a
    // link; returns the path that remains to be walked, or nothing.
    Result<std::string> walk(const std::string& path) {
        std::string done;
        std::size_t at = 0;
        while (at < path.size()) {
            std::size_t end = path.find('/', at);
            std::string part = path.substr(at, end == std::string::npos ? end : end - at);
            std::string rest = end == std::string::npos ? "" : path.substr(end);
            at = end == std::string::npos ? path.size() : end + 1;
            if (part.empty() || part == ".") {
                continue;
            }
            if (part == "..") {
                done.erase(done.empty() ? 0 : done.find_last_of('/'));
                continue;
            }
            std::string here = done + "/" + part;
            if (here == "/tmp") {
                return Error{ErrorKind::kInvalid, "plan the jail's root", 0,
                             "the interpreter needs " + path +
                                 ", but /tmp is each job's own in the jail: keep it elsewhere"};
            }
            struct stat status {};
            if (::lstat(here.c_str(), &status) != 0) {
                return Error::from_errno("lstat", errno, here);
            }
            if (S_ISLNK(status.st_mode)) {
                std::string target = TRY(read_link(here));
                add({.kind = EntryKind::kSymlink, .path = here.substr(1), .content = target});
                return (target.starts_with('/') ? target : done + "/" + target) + rest;
            }
            done = here;
        }
        // Not in the loop: the path may end in a slash or in "..". The root itself is never bound.
        if (!done.empty()) {
            TRY(bind(done));
        }
        return std::string();
    }

    Result<void> bind(const std::string& path) {
        struct stat status {};
        if (::lstat(path.c_str(), &status) != 0) {
            return Error::from_errno("lstat", errno, path);
        }
        add({.kind = EntryKind::kBind,
             .path = path.substr(1),
             .content = path,
             .is_directory = S_ISDIR(status.st_mode)});
        return {};
    }

    static Result<std::string> read_link(const std::string& path) {
        std::array<char, PATH_MAX> target{};
        ssize_t size = TRY(retry_eintr(
            "readlink", [&] { return ::readlink(path.c_str(), target.data(), target.size()); }));
        return std::string(target.data(), static_cast<std::size_t>(size));
    }

    void add_parents(const std::string& path) {
        for (std::size_t slash = path.find('/'); slash != std::string::npos;
             slash = path.find('/', slash + 1)) {
            std::string parent = path.substr(0, slash);
            Entry entry;
            entry.path = parent;
            entries_.try_emplace(parent, std::move(entry));
        }
    }

    std::map<std::string, Entry, ByComponent> entries_;
};

void add_tools(Planner& planner) {
    for (std::string_view tool : kTools) {
        for (std::string_view folder : {"/usr/bin/", "/bin/"}) {
            auto content = read_file(std::string(folder) + std::string(tool), kToolBytesMax);
            // What this host lacks, or keeps from us, the guest will not find either.
            if (content) {
                planner.add({.kind = EntryKind::kFile,
                             .path = "usr/bin/" + std::string(tool),
                             .content = std::move(*content),
                             .is_executable = true});
                break;
            }
        }
    }
}

// Debian chooses between packages by links in here. Those that lead to a library: without them its
// own NumPy has no libblas.so.3. The rest would tell what is installed, and lead nowhere.
void add_chosen_libraries(Planner& planner) {
    namespace fs = std::filesystem;
    std::error_code none;  // Other distributions have no such folder; a broken link is no link.
    for (auto at = fs::directory_iterator("/etc/alternatives", none);
         !none && at != fs::directory_iterator(); at.increment(none)) {
        std::error_code unread;
        std::string target = fs::read_symlink(at->path(), unread).string();
        if (!unread && target.find(".so") != std::string::npos) {
            planner.add({.kind = EntryKind::kSymlink,
                         .path = at->path().string().substr(1),
                         .content = target});
        }
    }
}

void add_etc(Planner& planner) {
    auto add_file = [&](const char* path, std::string_view content) {
        planner.add({.kind = EntryKind::kFile, .path = path, .content = std::string(content)});
    };
    add_file("etc/passwd", kPasswd);
    add_file("etc/group", kGroup);
    add_file("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n");
    add_file("etc/hosts", "127.0.0.1 localhost\n::1 localhost\n");
    add_file("etc/hostname", "snapjail\n");
    auto cache = read_file("/etc/ld.so.cache", kToolBytesMax);
    if (cache) {
        add_file("etc/ld.so.cache", *cache);
    }
    add_chosen_libraries(planner);
}

void add_devices(Planner& planner) {
    for (const char* name : {"null", "zero", "full", "random", "urandom"}) {
        planner.add({.kind = EntryKind::kDevice,
                     .path = std::string("dev/") + name,
                     .content = std::string("/dev/") + name});
    }
    // POSIX semaphores and shared memory live in the job's own /tmp, under its bound, and go with
    // it.
    planner.add({.kind = EntryKind::kSymlink, .path = "dev/shm", .content = "/tmp"});
    planner.add({.kind = EntryKind::kSymlink, .path = "dev/fd", .content = "/proc/self/fd"});
    planner.add({.kind = EntryKind::kSymlink, .path = "dev/stdin", .content = "/proc/self/fd/0"});
    planner.add({.kind = EntryKind::kSymlink, .path = "dev/stdout", .content = "/proc/self/fd/1"});
    planner.add({.kind = EntryKind::kSymlink, .path = "dev/stderr", .content = "/proc/self/fd/2"});
}

constexpr auto kLinkedFolders = std::to_array<const char*>({"bin", "lib", "lib64", "sbin"});

// Of one of the above on this host; empty where it is a folder, or is not there.
std::string link_target(const std::string& folder) {
    std::error_code no_link;
    return std::filesystem::read_symlink("/" + folder, no_link).string();
}

// The operator's own. What is named below /bin, where that is a link, stands where it leads.
Result<void> add_first(Planner& planner, std::vector<Entry> first) {
    std::set<std::string> named;
    for (const Entry& entry : first) {
        named.insert(entry.path);
    }
    for (Entry& entry : first) {
        std::size_t slash = entry.path.find('/');
        std::string top = entry.path.substr(0, slash);
        bool is_linked =
            std::find(kLinkedFolders.begin(), kLinkedFolders.end(), top) != kLinkedFolders.end();
        std::string target =
            is_linked && slash != std::string::npos && !named.contains(top) ? link_target(top) : "";
        if (!target.empty()) {
            std::string given = entry.path;
            entry.path = target.substr(target.starts_with('/') ? 1 : 0) + given.substr(slash);
            if (named.contains(entry.path)) {
                return Error{ErrorKind::kInvalid, "plan the jail's root", 0,
                             "/" + given + " and /" + entry.path + " are one place"};
            }
        }
        entry.is_fixed = true;
        planner.add(std::move(entry));
    }
    return {};
}

}  // namespace

Result<RootTree> plan_root_tree(const Interpreter& interpreter, std::vector<OwnFile> own_files,
                                std::vector<Entry> first) {
    Planner planner;
    TRY(add_first(planner, std::move(first)));
    planner.add_directory("tmp");
    planner.add_directory("proc");
    // Merged or not, /bin and /lib lead where they lead on the host: programs name both forms.
    for (const char* folder : kLinkedFolders) {
        if (std::string target = link_target(folder); !target.empty()) {
            planner.add({.kind = EntryKind::kSymlink, .path = folder, .content = target});
        }
    }
    for (const std::string& path : interpreter.paths) {
        TRY(planner.add_host_path(path));
    }
    add_tools(planner);
    add_etc(planner);
    add_devices(planner);
    for (OwnFile& file : own_files) {
        planner.add({.kind = EntryKind::kFile,
                     .path = file.path,
                     .content = std::move(file.content),
                     .is_executable = true});
    }
    RootTree tree = TRY(std::move(planner).finish());
    for (const OwnFile& file : own_files) {
        auto is_it = [&](const Entry& entry) { return entry.path == file.path; };
        if (std::none_of(tree.entries.begin(), tree.entries.end(), is_it)) {
            return Error{ErrorKind::kInvalid, "plan the jail's root", 0,
                         "the interpreter needs a folder above /" + file.path +
                             ", where our own file has to stand"};
        }
    }
    return tree;
}

}  // namespace snapjail::jail
