#include "app/command/make_roots_command.h"

#include <cstdio>
#include <string>

#include "app/complaint.h"
#include "app/library_folder.h"
#include "base/log.h"
#include "jail/root/link_roots.h"
#include "zygote/launcher.h"

namespace snapjail::app {
namespace {

Result<jail::LinkedRoots> make(const Options& options) {
    std::string library_folder = TRY(find_library_folder());
    auto interpreter = TRY(jail::probe_interpreter(options.python_bin, library_folder));
    zygote::ZygoteSettings settings;
    settings.python_bin = options.python_bin;
    settings.library_folder = library_folder;
    jail::RootTree tree = TRY(zygote::plan_tree(settings, interpreter));
    return jail::link_roots(
        tree, jail::roots_stamp(interpreter), options.roots_folder, options.roots,
        [&](std::uint32_t done) { std::fprintf(stderr, "root %u of %u\n", done, options.roots); });
}

}  // namespace

int make_roots(const Options& options) {
    log::start("make-roots", log::Level::kWarning);
    auto made = make(options);
    if (!made) {
        complain(made.error());
        return 1;
    }
    std::printf("%u roots in %s, for %s: %llu entries each, their files shared\n", made->count,
                options.roots_folder.c_str(), options.python_bin.c_str(),
                static_cast<unsigned long long>(made->entries_each));
    return 0;
}

}  // namespace snapjail::app
