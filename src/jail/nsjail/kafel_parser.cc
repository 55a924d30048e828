// Kafel's grammar, by recursive descent: see kafel_policy.h. The first mistake of form ends the
// reading; a name that is not known does not.
#include <linux/seccomp.h>
#include <strings.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <numeric>

#include "jail/nsjail/kafel_lexer.h"
#include "jail/nsjail/kafel_policy.h"
#include "jail/nsjail/kafel_syscalls.h"

namespace snapjail::jail::nsjail {
namespace {

constexpr int kDepthMax = 200;              // Kafel's own.
constexpr std::size_t kFiltersMax = 4'096;  // More fits no program anyway.
// USE in USE doubles, rules without filters too; and each of many policies may paste a large one.
constexpr std::size_t kPastedMax = 65'536;
constexpr std::uint64_t kActionDataMax = 65'535;

struct Action {
    std::string_view name;
    std::uint32_t value;
    bool takes_number;
};
// DENY is Kafel's word for killing the thread.
constexpr auto kActions = std::to_array<Action>({
    {"ALLOW", SECCOMP_RET_ALLOW, false},
    {"LOG", SECCOMP_RET_LOG, false},
    {"DENY", SECCOMP_RET_KILL_THREAD, false},
    {"KILL", SECCOMP_RET_KILL_THREAD, false},
    {"KILL_THREAD", SECCOMP_RET_KILL_THREAD, false},
    {"KILL_PROCESS", SECCOMP_RET_KILL_PROCESS, false},
    // Nobody listens and nobody traces: the kernel itself would answer ENOSYS.
    {"USER_NOTIF", SECCOMP_RET_ERRNO | ENOSYS, false},
    {"TRACE", SECCOMP_RET_ERRNO | ENOSYS, true},
    {"ERRNO", SECCOMP_RET_ERRNO, true},
    {"TRAP", SECCOMP_RET_TRAP, true},
});

// As Kafel names them, in upper or lower case.
struct Architecture {
    const char* name;
    bool is_ours;
};
#if defined(__x86_64__)
constexpr bool kIsAmd64 = true;
constexpr bool kIsArm64 = false;
#elif defined(__aarch64__)
constexpr bool kIsAmd64 = false;
constexpr bool kIsArm64 = true;
#else
#error "this architecture needs a row in kArchitectures"
#endif
constexpr auto kArchitectures = std::to_array<Architecture>({{"amd64", kIsAmd64},
                                                             {"x86_64", kIsAmd64},
                                                             {"aarch64", kIsArm64},
                                                             {"arm64", kIsArm64},
                                                             {"arm", false},
                                                             {"i386", false},
                                                             {"x86", false},
                                                             {"mips", false},
                                                             {"mipso32", false},
                                                             {"mips64", false},
                                                             {"riscv64", false},
                                                             {"rv64", false},
                                                             {"m68k", false}});

struct Stop {};  // Thrown at the first mistake of form, and caught in this file.

class Parser {
  public:
    Parser(std::vector<Token> tokens, Diagnostics& diagnostics)
        : tokens_(std::move(tokens)), diagnostics_(diagnostics) {}

    KafelPolicy run() && {
        KafelPolicy policy{.rules = {}, .default_action = SECCOMP_RET_KILL_THREAD};
        if (peek().kind == TokenKind::kEnd) {
            stop("the policy is empty");
        }
        while (peek().kind != TokenKind::kEnd) {
            read_statement(policy);
        }
        return policy;
    }

  private:
    using Rules = std::vector<KafelRule>;

    const Token& peek(std::size_t ahead = 0) const {
        return tokens_[std::min(next_ + ahead, tokens_.size() - 1)];
    }
    const Token& take() {
        const Token& token = peek();
        next_ = std::min(next_ + 1, tokens_.size() - 1);
        return token;
    }
    bool is(std::string_view text, std::size_t ahead = 0) const {
        const Token& token = peek(ahead);
        return token.kind != TokenKind::kEnd && token.text == text;
    }
    bool skip(std::string_view text) {
        bool found = is(text);
        if (found) {
            take();
        }
        return found;
    }
    void expect(std::string_view text) {
        if (!skip(text)) {
            stop("\"" + std::string(text) + "\" is expected before \"" + peek().text + "\"");
        }
    }
    std::string expect_name(const char* what) {
        if (peek().kind != TokenKind::kIdentifier) {
            stop(std::string(what) + " is expected before \"" + peek().text + "\"");
        }
        return take().text;
    }
    std::uint64_t expect_number() {
        if (peek().kind != TokenKind::kNumber) {
            stop("a number is expected before \"" + peek().text + "\"");
        }
        return take().number;
    }
    void error(const Place& at, const std::string& text) {
        diagnostics_.error(at.position, at.within + text);
    }
    void warning(const Place& at, const std::string& text) {
        diagnostics_.warning(at.position, at.within + text);
    }
    [[noreturn]] void stop(const std::string& text) {
        error(peek().at, text);
        throw Stop{};
    }

    void read_statement(KafelPolicy& policy) {
        if (peek().kind == TokenKind::kDefine) {
            read_definition();
        } else if (is("POLICY")) {
            read_policy();
        } else if (is("DEFAULT")) {
            read_default(policy);
        } else {
            read_rule(policy.rules);
            skip(",");
        }
    }

    void read_definition() {
        take();
        Place at = peek().at;
        std::string name = expect_name("a name");
        std::uint64_t number = expect_number();
        auto [old, is_new] = constants_.try_emplace(name, number);
        if (!is_new && old->second != number) {
            error(at, name + " is defined a second time, with another value");
        }
    }

    void read_policy() {
        take();
        Place at = peek().at;
        std::string name = expect_name("a name");
        expect("{");
        Rules rules;
        while (!is("}")) {
            read_rule(rules);
            if (!is("}")) {
                skip(",");
            }
        }
        take();
        if (!policies_.emplace(name, std::move(rules)).second) {
            error(at, "policy " + name + " is defined a second time");
        }
    }

    void read_default(KafelPolicy& policy) {
        Place at = take().at;
        if (has_default_) {
            error(at, "DEFAULT is given a second time");
        }
        has_default_ = true;
        policy.default_action = read_action();
        skip(",");
    }

    std::uint32_t read_action() {
        const Token name = peek();
        for (const Action& action : kActions) {
            if (name.kind != TokenKind::kIdentifier || action.name != name.text) {
                continue;
            }
            take();
            if (name.text == "USER_NOTIF" || name.text == "TRACE") {
                warning(name.at, name.text + " finds nobody to ask: it answers ENOSYS");
            }
            std::uint64_t number = 0;
            if (action.takes_number) {
                expect("(");
                number = is_constant() ? constants_.at(take().text) : expect_number();
                expect(")");
            }
            if (number > kActionDataMax) {
                error(name.at, name.text + " takes a number from 0 to 65535");
            }
            bool keeps_number = name.text != "TRACE";
            return action.value | static_cast<std::uint32_t>(keeps_number ? number : 0);
        }
        stop("an action, USE, POLICY or DEFAULT is expected before \"" + name.text + "\"" +
             describe_upper_case(name.text));
    }

    // Keywords are upper-case words, and a usual mistake is to write them as C does.
    static std::string describe_upper_case(const std::string& given) {
        std::string word = given;
        for (char& letter : word) {
            letter =
                letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 'a' + 'A') : letter;
        }
        bool is_keyword = word == "USE" || word == "POLICY" || word == "DEFAULT";
        bool is_action = std::any_of(kActions.begin(), kActions.end(),
                                     [&](const Action& action) { return action.name == word; });
        return word != given && (is_keyword || is_action) ? "; did you mean " + word + "?" : "";
    }

    static std::size_t filters_of(const Rules& rules) {
        return std::accumulate(
            rules.begin(), rules.end(), std::size_t{0},
            [](std::size_t sum, const KafelRule& rule) { return sum + rule.filters.size(); });
    }

    void read_rule(Rules& rules) {
        if (skip("USE")) {
            Place at = peek().at;
            std::string name = expect_name("the name of a policy");
            auto used = policies_.find(name);
            if (used == policies_.end()) {
                error(at, "there is no policy " + name + " above");
                return;
            }
            pasted_ += used->second.size() + filters_of(used->second);
            if (pasted_ > kPastedMax) {
                stop("USE pastes more than 65536 rules and filters");
            }
            rules.insert(rules.end(), used->second.begin(), used->second.end());
            return;
        }
        KafelRule rule{.action = read_action(), .filters = {}};
        expect("{");
        while (!is("}")) {
            read_filter(rule);
            if (!is("}")) {
                expect(",");
            }
        }
        take();
        rules.push_back(std::move(rule));
    }

    bool is_constant() const {
        return peek().kind == TokenKind::kIdentifier && constants_.contains(peek().text);
    }

    void read_filter(KafelRule& rule) {
        const Token call = peek();
        std::optional<std::uint32_t> number = read_syscall();
        arguments_ = number ? syscall_arguments(*number) : std::vector<SyscallArgument>();
        has_names_ = !arguments_.empty();
        if (skip("(")) {
            read_argument_names();
        }
        bool is_ours = !skip("ON") || read_architectures();
        if (!number && is_ours) {
            error(call.at, describe_unknown_call(call.text));
        }
        std::shared_ptr<BoolExpression> condition;
        if (skip("{") && !skip("}")) {
            is_known_call_ = number.has_value() && is_ours;
            condition = read_alternatives(0);
            expect("}");
        }
        if (number && is_ours) {
            rule.filters.push_back({*number, std::move(condition)});
        }
        if (rule.filters.size() > kFiltersMax) {
            stop("more than 4096 filters");
        }
    }

    // Nothing where this machine has no such call, which the caller tells: it may be another's.
    std::optional<std::uint32_t> read_syscall() {
        Place at = peek().at;
        bool is_numbered = skip("SYSCALL");
        if (!is_numbered && !is_constant()) {
            return find_syscall(expect_name("a system call"));
        }
        if (is_numbered) {
            expect("[");
        }
        std::uint64_t number = is_constant() ? constants_.at(take().text) : expect_number();
        if (is_numbered) {
            expect("]");
        }
        if (number >= kForeignSyscalls) {
            error(at, "there is no system call of that number");
            number = 0;
        }
        return static_cast<std::uint32_t>(number);
    }

    static std::string describe_unknown_call(const std::string& name) {
        std::string nearest = nearest_syscall(name);
        return "there is no system call \"" + name + "\"" +
               (nearest.empty() ? std::string() : "; did you mean \"" + nearest + "\"?");
    }

    // What follows ON: whether this machine's architecture is among them.
    bool read_architectures() {
        if (!skip("{")) {
            return read_architecture();
        }
        bool is_ours = read_architecture();
        while (skip(",")) {
            is_ours = read_architecture() || is_ours;
        }
        expect("}");
        return is_ours;
    }
    bool read_architecture() {
        Place at = peek().at;
        std::string name = expect_name("an architecture");
        for (const Architecture& one : kArchitectures) {
            if (::strcasecmp(name.c_str(), one.name) == 0) {
                return one.is_ours;
            }
        }
        std::string known;
        for (const Architecture& one : kArchitectures) {
            known += (known.empty() ? "" : ", ") + std::string(one.name);
        }
        error(at, "there is no architecture \"" + name + "\"; known are " + known);
        return false;
    }

    // The policy's own names, in the kernel's order; the widths stay the kernel's.
    void read_argument_names() {
        std::vector<SyscallArgument> named;
        while (!is(")")) {
            unsigned bits = named.size() < arguments_.size() ? arguments_[named.size()].bits : 64;
            Place at = peek().at;
            std::string name = expect_name("the name of an argument");
            if (std::any_of(named.begin(), named.end(),
                            [&](const SyscallArgument& one) { return one.name == name; })) {
                error(at, "there are two arguments " + name);
            }
            named.push_back({std::move(name), bits});
            if (!is(")")) {
                expect(",");
            }
        }
        take();
        if (named.size() > 6) {
            stop("a system call has six arguments at most");
        }
        arguments_ = std::move(named);
        has_names_ = true;
    }

    using Bool = std::unique_ptr<BoolExpression>;
    using Bits = std::unique_ptr<BitExpression>;

    static Bool join(BoolExpression::Kind kind, Bool left, Bool right) {
        auto joined = std::make_unique<BoolExpression>();
        joined->kind = kind;
        joined->left = std::move(left);
        joined->right = std::move(right);
        return joined;
    }
    void bound_depth(int depth) {
        if (depth > kDepthMax) {
            stop("an expression is nested more than 200 deep");
        }
    }

    // A comma is an OR that binds least of all.
    Bool read_alternatives(int depth) {
        bound_depth(depth);
        Bool left = read_or(depth + 1);
        for (int more = 1; skip(","); ++more) {
            bound_depth(depth + more);
            left = join(BoolExpression::Kind::kOr, std::move(left), read_or(depth + 1));
        }
        return left;
    }
    Bool read_or(int depth) {
        Bool left = read_and(depth);
        for (int more = 1; skip("||"); ++more) {
            bound_depth(depth + more);
            left = join(BoolExpression::Kind::kOr, std::move(left), read_and(depth));
        }
        return left;
    }
    Bool read_and(int depth) {
        Bool left = read_primary(depth);
        for (int more = 1; skip("&&"); ++more) {
            bound_depth(depth + more);
            left = join(BoolExpression::Kind::kAnd, std::move(left), read_primary(depth));
        }
        return left;
    }
    Bool read_primary(int depth) {
        bound_depth(depth);
        if (skip("!")) {
            return join(BoolExpression::Kind::kNot, read_primary(depth + 1), nullptr);
        }
        if (is("(") && holds_comparison()) {
            take();
            Bool inner = read_alternatives(depth + 1);
            expect(")");
            return inner;
        }
        return read_comparison(depth);
    }

    // What the parenthesis that comes next is about: truth, or bits.
    bool holds_comparison() const {
        int open = 0;
        for (std::size_t ahead = 0;; ++ahead) {
            const Token& token = peek(ahead);
            if (token.kind == TokenKind::kEnd) {
                return false;
            }
            open += is("(", ahead) ? 1 : is(")", ahead) ? -1 : 0;
            if (open == 0) {
                return false;
            }
            for (const char* sign : {"==", "!=", "<", ">", "<=", ">=", "!"}) {
                if (token.text == sign) {
                    return true;
                }
            }
        }
    }

    Bool read_comparison(int depth) {
        using enum BoolExpression::Kind;
        auto comparison = std::make_unique<BoolExpression>();
        comparison->left_bits = read_bits_or(depth);
        struct Operator {
            std::string_view sign, word;
            BoolExpression::Kind kind;
            bool is_negated;
        };
        static constexpr auto kOperators = std::to_array<Operator>({{"==", "EQ", kEqual, false},
                                                                    {"!=", "NE", kEqual, true},
                                                                    {"<", "LT", kLess, false},
                                                                    {">", "GT", kGreater, false},
                                                                    {"<=", "LE", kGreater, true},
                                                                    {">=", "GE", kLess, true}});
        for (const Operator& one : kOperators) {
            if (skip(one.sign)) {
                comparison->kind = one.kind;
                comparison->right_bits = read_bits_or(depth);
                return one.is_negated ? join(kNot, std::move(comparison), nullptr)
                                      : std::move(comparison);
            }
        }
        stop("a comparison (== != < > <= >=) is expected before \"" + peek().text + "\"");
    }

    static Bits join_bits(BitExpression::Kind kind, Bits left, Bits right) {
        auto joined = std::make_unique<BitExpression>();
        joined->kind = kind;
        joined->left = std::move(left);
        joined->right = std::move(right);
        return joined;
    }
    Bits read_bits_or(int depth) {
        Bits left = read_bits_and(depth);
        for (int more = 1; skip("|"); ++more) {
            bound_depth(depth + more);
            left = join_bits(BitExpression::Kind::kOr, std::move(left), read_bits_and(depth));
        }
        return left;
    }
    Bits read_bits_and(int depth) {
        Bits left = read_operand(depth);
        for (int more = 1; skip("&"); ++more) {
            bound_depth(depth + more);
            left = join_bits(BitExpression::Kind::kAnd, std::move(left), read_operand(depth));
        }
        return left;
    }
    Bits read_operand(int depth) {
        bound_depth(depth);
        if (skip("(")) {
            Bits inner = read_bits_or(depth + 1);
            expect(")");
            return inner;
        }
        auto operand = std::make_unique<BitExpression>();
        if (peek().kind == TokenKind::kNumber) {
            operand->number = take().number;
            return operand;
        }
        Place at = peek().at;
        std::string name = expect_name("a number or an argument");
        // Before the arguments: Kafel replaces what is defined wherever it stands.
        if (auto constant = constants_.find(name); constant != constants_.end()) {
            operand->number = constant->second;
            return operand;
        }
        for (std::size_t i = 0; i < arguments_.size(); ++i) {
            if (arguments_[i].name == name) {
                operand->kind = BitExpression::Kind::kArgument;
                operand->argument = static_cast<unsigned>(i);
                operand->bits = arguments_[i].bits;
                return operand;
            }
        }
        if (is_known_call_) {
            error(at, describe_unknown(name));
        }
        return operand;
    }

    std::string describe_unknown(const std::string& name) const {
        std::string text = "\"" + name + "\" is no argument and no #define";
        if (!has_names_) {
            return text + "; name the arguments: call(a, b) { a == 1 }";
        }
        std::string known;
        for (const SyscallArgument& argument : arguments_) {
            known += (known.empty() ? "" : ", ") + argument.name;
        }
        return text + "; the arguments are " + known;
    }

    std::vector<Token> tokens_;
    Diagnostics& diagnostics_;
    std::size_t next_ = 0;
    std::map<std::string, std::uint64_t> constants_;
    std::map<std::string, Rules> policies_;
    std::size_t pasted_ = 0;  // By USE, in the whole text.
    bool has_default_ = false;
    std::vector<SyscallArgument> arguments_;  // Of the filter that is being read.
    bool has_names_ = false;
    bool is_known_call_ = true;
};

}  // namespace

std::optional<KafelPolicy> parse_kafel(std::string_view text, Diagnostics& diagnostics,
                                       const ReadInclude& read_include) {
    std::vector<Token> tokens = tokenize_kafel(text, diagnostics, read_include);
    try {
        KafelPolicy policy = Parser(std::move(tokens), diagnostics).run();
        if (!diagnostics.has(Severity::kError)) {
            return policy;
        }
    } catch (const Stop&) {
    }
    return std::nullopt;
}

}  // namespace snapjail::jail::nsjail
