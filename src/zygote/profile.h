#pragma once
// Profile: which modules a zygote has imported, and with which interpreter. A service has one
// zygote for each of its profiles; sched/profile_choice sends each job to the leanest that will do.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace snapjail::zygote {

constexpr std::size_t kProfilesMax = 8;  // Each is a process that never sleeps for long.
constexpr std::size_t kProfileNameBytesMax = 31;

// What every zygote has imported, because its own code needs it; and what costs nothing to import,
// because it is built in. A script that imports no more than this needs no other profile.
constexpr std::string_view kBaseModules =
    "__future__,abc,ast,atexit,binascii,builtins,cmath,codecs,collections,contextlib,dis,enum,"
    "errno,fcntl,functools,gc,importlib,inspect,io,itertools,keyword,linecache,marshal,math,"
    "operator,os,posix,posixpath,re,reprlib,select,stat,sys,textwrap,time,token,tokenize,"
    "traceback,types,unicodedata,warnings,zlib";

// Of the standard library what many scripts want, and is small; importing one of them later costs a
// job milliseconds. In the list of a profile's modules the word `stdlib` stands for all of these.
constexpr std::string_view kStandardWord = "stdlib";
constexpr std::string_view kStandardModules =
    "asyncio,bisect,copy,csv,dataclasses,datetime,decimal,hashlib,heapq,json,pathlib,pickle,random,"
    "shutil,statistics,string,subprocess,tempfile,threading,typing,uuid,zoneinfo";

// Leanest first: the order counts.
constexpr std::string_view kDefaultProfiles =
    "base=;stdlib=stdlib;numpy=stdlib,numpy;data=stdlib,numpy,pandas";

struct Profile {
    std::string name;
    std::vector<std::string> modules;  // Without kBaseModules; kStandardWord is replaced.
    std::string python_bin;            // Empty: the service's own.
};

// NAME=MODULE,MODULE[@PYTHON_BIN], separated by semicolons. kInvalid: `detail` says what is wrong,
// in words that follow the text itself.
Result<std::vector<Profile>> parse_profiles(std::string_view text);

// What parse_profiles makes the same profiles of.
std::string to_text(const std::vector<Profile>& profiles);

// Separated by commas.
std::string join_words(const std::vector<std::string>& words);

// The words between the separators, without blanks around them; no empty ones.
std::vector<std::string> split_words(std::string_view text, char separator);

// A name that an import statement may have, dots included.
bool is_module_name(std::string_view word);

}  // namespace snapjail::zygote
