// snapjail_echo: the floor of an answer over HTTP. Our own server with a handler that does nothing
// but send the bytes of the file that the path names: what it costs to receive a request and to
// send such an answer, with no job between them.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "base/unique_fd.h"
#include "http/server.h"

namespace {

using Answers = std::map<std::string, std::string>;

Answers read_answers(const std::string& folder) {
    Answers answers;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        std::ifstream file(entry.path(), std::ios::binary);
        answers["/" + entry.path().filename().string()].assign(std::istreambuf_iterator<char>(file),
                                                               {});
    }
    return answers;
}

boost::asio::awaitable<snapjail::http::Response> answer(const Answers& answers, std::string path) {
    auto found = answers.find(path);
    bool is_known = found != answers.end();
    snapjail::http::Response response{.status = is_known ? 200 : 404, .headers = {}, .body = "{}"};
    if (is_known) {
        response.body = found->second;
    }
    co_return response;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Answers each path with the bytes of the file of that name.");
    std::string folder;
    app.add_option("--answers", folder, "folder of the files")
        ->required()
        ->check(CLI::ExistingDirectory);
    CLI11_PARSE(app, argc, argv);

    Answers answers = read_answers(folder);
    snapjail::UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* plain = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener.get(), plain, size) != 0 || ::listen(listener.get(), SOMAXCONN) != 0 ||
        ::getsockname(listener.get(), plain, &size) != 0) {
        std::perror("snapjail_echo: listen");
        return 1;
    }
    boost::asio::io_context io{1};
    snapjail::http::HttpServer server(
        io, std::move(listener), {},
        [&answers](snapjail::http::Request request) {
            return answer(answers, std::move(request.path));
        },
        [](const std::string&, const std::string&) { return std::string("{}"); });
    server.start();
    std::printf("%d\n", static_cast<int>(ntohs(address.sin_port)));
    std::fflush(stdout);
    io.run();
    return 0;
}
