#pragma once
// For fuzz targets: chance that depends on nothing but the input, so that each input is one case
// and the files of a corpus are plain text, without bytes that steer the target.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string_view>

namespace snapjail::fuzz {

inline std::string_view as_text(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

class Chance {
  public:
    explicit Chance(std::string_view input) : random_(hash(input)) {}
    std::uint64_t number() { return random_(); }
    std::uint64_t below(std::uint64_t end) { return random_() % end; }

  private:
    // FNV-1a: the same on every machine, which std::hash is not.
    static std::uint64_t hash(std::string_view input) {
        std::uint64_t value = 0xcbf29ce484222325;
        for (char c : input) {
            value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3;
        }
        return value;
    }

    std::mt19937_64 random_;
};

// How bytes are cut on their way: at once, one by one, or by chance.
enum class Cutting : unsigned char { kWhole, kBytes, kChance };

class Cutter {
  public:
    Cutter(std::string_view bytes, Cutting cutting)
        : rest_(bytes), cutting_(cutting), chance_(bytes) {}

    bool is_done() const { return rest_.empty(); }
    std::string_view rest() const { return rest_; }
    std::string_view next() {
        std::size_t size = rest_.size();
        if (cutting_ != Cutting::kWhole) {
            size = cutting_ == Cutting::kBytes ? 1 : 1 + chance_.below(40);
        }
        std::string_view piece = rest_.substr(0, size);
        rest_.remove_prefix(piece.size());
        return piece;
    }

  private:
    std::string_view rest_;
    Cutting cutting_;
    Chance chance_;
};

}  // namespace snapjail::fuzz
