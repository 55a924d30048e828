#pragma once
// FakeV2: version 2 of cgroups on a plain folder. It makes the files that a kernel makes, and keeps
// the rules that decide where we may stand: no process in a cgroup that lends controllers, only
// what was lent is there, what is lent on cannot be taken back. It moves no process but us.

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "jail/cgroup/files.h"

namespace snapjail::jail::cgroup {

class FakeV2 : public Files {
  public:
    // `root` exists and is empty; we are in it, as the first process of a container is.
    FakeV2(std::string root, const std::string& controllers) : root_(std::move(root)) {
        fill(root_, controllers);
        put(root_ + "/cgroup.procs", "self\n");
    }

    // Another process, of which nobody may dispose.
    void add_stranger(const std::string& folder) {
        put(folder + "/cgroup.procs", get(folder + "/cgroup.procs") + "stranger\n");
    }
    bool are_we_in(const std::string& folder) const {
        return get(folder + "/cgroup.procs").find("self") != std::string::npos;
    }
    static std::string get(const std::string& path) {
        std::ifstream file(path);
        std::stringstream text;
        text << file.rdbuf();
        return text.str();
    }

    Result<void> make_folder(const std::string& path) override {
        TRY(Files::make_folder(path));
        fill(path, get(parent(path) + "/cgroup.subtree_control"));
        return {};
    }
    Result<void> remove_folder(const std::string& path) override {
        if (is_populated(path) || !folders_in(path).empty()) {
            return Error::from_errno("remove a cgroup", EBUSY, path);
        }
        return std::filesystem::remove_all(path) > 0
                   ? Result<void>()
                   : Error::from_errno("remove a cgroup", ENOENT, path);
    }
    Result<void> write(const std::string& path, std::string_view text) override {
        std::filesystem::path file(path);
        if (file.filename() == "cgroup.subtree_control") {
            return lend(file.parent_path().string(), std::string(text));
        }
        if (file.filename() == "cgroup.procs") {
            return move_us(file.parent_path().string());
        }
        TRY(Files::write(path, text));
        return {};
    }

  private:
    using Words = std::set<std::string>;

    static void put(const std::string& path, const std::string& text) {
        std::ofstream(path, std::ios::trunc) << text;
    }
    static Words words_in(const std::string& path) {
        std::istringstream text(get(path));
        Words words;
        for (std::string word; text >> word;) {
            words.insert(word);
        }
        return words;
    }
    static void put_words(const std::string& path, const Words& words) {
        std::string text;
        for (const std::string& word : words) {
            text += (text.empty() ? "" : " ") + word;
        }
        put(path, text + "\n");
    }
    static std::string parent(const std::string& path) {
        return std::filesystem::path(path).parent_path().string();
    }
    // A "0" is a child that has moved itself, and has ended since.
    static bool is_populated(const std::string& folder) {
        Words words = words_in(folder + "/cgroup.procs");
        words.erase("0");
        return !words.empty();
    }

    static void fill(const std::string& folder, const std::string& controllers) {
        put(folder + "/cgroup.procs", "");
        put(folder + "/cgroup.subtree_control", "\n");
        put(folder + "/cgroup.controllers", controllers);
        for (const std::string& name : words_in(folder + "/cgroup.controllers")) {
            add_files(folder, name);
        }
    }
    static void add_files(const std::string& folder, const std::string& controller) {
        static const std::map<std::string, std::map<std::string, std::string>> files{
            {"memory",
             {{"memory.max", "max\n"},
              {"memory.swap.max", "max\n"},
              {"memory.oom.group", "0\n"},
              {"memory.events", "oom 0\noom_kill 0\n"}}},
            {"pids", {{"pids.max", "max\n"}}},
            {"cpu", {{"cpu.max", "max 100000\n"}}}};
        if (auto found = files.find(controller); found != files.end()) {
            for (const auto& [name, text] : found->second) {
                put(folder + "/" + name, text);
            }
        }
    }

    Result<void> lend(const std::string& folder, const std::string& change) {
        std::string name = change.substr(1);
        Words lent = words_in(folder + "/cgroup.subtree_control");
        if (!words_in(folder + "/cgroup.controllers").contains(name)) {
            return Error::from_errno("set a cgroup", ENOENT, folder);
        }
        if (change[0] == '+' && is_populated(folder)) {
            return Error::from_errno("set a cgroup", EBUSY, folder);
        }
        for (const std::string& child : folders_in(folder)) {
            std::string below = folder + "/" + child;
            if (words_in(below + "/cgroup.subtree_control").contains(name)) {
                return Error::from_errno("set a cgroup", EBUSY, below);
            }
            Words available = words_in(below + "/cgroup.controllers");
            if (change[0] == '+') {
                available.insert(name);
                add_files(below, name);
            } else {
                available.erase(name);
            }
            put_words(below + "/cgroup.controllers", available);
        }
        change[0] == '+' ? (void)lent.insert(name) : (void)lent.erase(name);
        put_words(folder + "/cgroup.subtree_control", lent);
        return {};
    }

    Result<void> move_us(const std::string& folder) {
        if (!words_in(folder + "/cgroup.subtree_control").empty()) {
            return Error::from_errno("set a cgroup", EBUSY, folder);
        }
        for (const auto& entry : std::filesystem::recursive_directory_iterator(root_)) {
            if (entry.path().filename() == "cgroup.procs") {
                leave(entry.path().string());
            }
        }
        leave(root_ + "/cgroup.procs");
        put(folder + "/cgroup.procs", get(folder + "/cgroup.procs") + "self\n");
        return {};
    }
    static void leave(const std::string& procs) {
        Words words = words_in(procs);
        if (words.erase("self") > 0) {
            put_words(procs, words);
        }
    }

    std::string root_;
};

}  // namespace snapjail::jail::cgroup
