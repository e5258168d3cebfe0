// The stand-in as the HTTP tests see it. It was started by test/bank/bank.py --run, which says where it is.
#include "bank.h"

#include <cstdlib>
#include <stdexcept>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace cbr {
namespace {

std::string from_environment(const char *name)
{
    const char *value = std::getenv(name);
    if (!value)
        throw std::runtime_error(std::string(name) + " is not set: run this below test/bank/bank.py --run");
    return value;
}

sockaddr_in any_port_of_the_loopback()
{
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

// A bound socket; its port in `port`.
int bound_socket(int &port)
{
    sockaddr_in address = any_port_of_the_loopback();
    socklen_t size = sizeof address;
    const int bound = socket(AF_INET, SOCK_STREAM, 0);
    if (bound < 0 || bind(bound, reinterpret_cast<sockaddr *>(&address), size) != 0 ||
        getsockname(bound, reinterpret_cast<sockaddr *>(&address), &size) != 0)
        throw std::runtime_error("no socket to be had");
    port = ntohs(address.sin_port);
    return bound;
}

struct Asked {
    std::string target;
    int connection;
};

// The stand-in answers with JSON as Python writes it: {"method": "GET", "target": "/a", "headers": {}, "connection":
// 1}.
std::vector<Asked> requests_for(const std::string &part)
{
    const std::string json = HttpSession().get(bank_url() + "/requests", patient(), never_stop).body;
    const std::string before_target = "\"target\": \"", before_connection = "\"connection\": ";
    std::vector<Asked> requests;
    for (std::size_t place = json.find(before_target); place != std::string::npos;
         place = json.find(before_target, place)) {
        place += before_target.size();
        const std::string target = json.substr(place, json.find('"', place) - place);
        if (target.find(part) != std::string::npos)
            requests.push_back(
                {target, std::atoi(json.c_str() + json.find(before_connection, place) + before_connection.size())});
    }
    return requests;
}

std::string loopback_url(int port) { return "http://127.0.0.1:" + std::to_string(port); }

} // namespace

std::string bank_url() { return from_environment("CBR_BANK_URL"); }

std::string bank_hung_url() { return from_environment("CBR_BANK_HUNG_URL"); }

std::string new_prefix()
{
    static int count = 0;
    return "/t" + std::to_string(++count) + "-" + std::to_string(getpid());
}

std::string document_url(const std::string &prefix_and_faults)
{
    return bank_url() + prefix_and_faults + "/scripts/XML_daily.asp?date_req=02/03/2002";
}

HttpOptions patient()
{
    HttpOptions options;
    options.user_agent = "cbr-test";
    options.timeout = options.connect_timeout = std::chrono::minutes(10);
    options.request_interval = std::chrono::milliseconds(0);
    options.retries = 0;
    return options;
}

bool never_stop() noexcept { return false; }

std::vector<int> connections_that_asked(const std::string &part)
{
    std::vector<int> connections;
    for (const Asked &asked : requests_for(part))
        connections.push_back(asked.connection);
    return connections;
}

std::vector<std::string> targets_that_were_asked(const std::string &part)
{
    std::vector<std::string> targets;
    for (const Asked &asked : requests_for(part))
        targets.push_back(asked.target);
    return targets;
}

StopAfterRequest *StopAfterRequest::current_ = nullptr;

StopAfterRequest::StopAfterRequest(const std::string &part, int asks) : part_(part), asks_left_(asks)
{
    current_ = this;
}

StopAfterRequest::~StopAfterRequest() { current_ = nullptr; }

bool StopAfterRequest::should_stop() noexcept
{
    StopAfterRequest &stop = *current_;
    if (!stop.part_.empty()) {
        if (connections_that_asked(stop.part_).empty())
            return false;
        stop.part_.clear();
    }
    return stop.asks_left_-- <= 0;
}

OneAnswer::OneAnswer(std::string answer) : answer_(std::move(answer)), listener_(bound_socket(port_))
{
    listen(listener_, 1);
    thread_ = std::thread([this] { serve(); });
}

OneAnswer::~OneAnswer()
{
    shutdown(listener_, SHUT_RDWR); // wakes an accept() that no client came to
    thread_.join();
    close(listener_);
}

std::string OneAnswer::url() const { return loopback_url(port_); }

void OneAnswer::serve()
{
    const int connection = accept(listener_, nullptr, nullptr);
    if (connection < 0)
        return;
    std::string request;
    char bytes[1024];
    while (request.find("\r\n\r\n") == std::string::npos) {
        const ssize_t count = recv(connection, bytes, sizeof bytes, 0);
        if (count <= 0)
            break;
        request.append(bytes, static_cast<std::size_t>(count));
    }
    send(connection, answer_.data(), answer_.size(), MSG_NOSIGNAL);
    close(connection);
}

std::string closed_url()
{
    int port = 0;
    close(bound_socket(port));
    return loopback_url(port);
}

Environment::Environment(const char *name, const std::string &value) : name_(name)
{
    const char *before = std::getenv(name);
    was_set_ = before != nullptr;
    before_ = before ? before : "";
    setenv(name, value.c_str(), 1);
}

Environment::~Environment()
{
    if (was_set_)
        setenv(name_, before_.c_str(), 1);
    else
        unsetenv(name_);
}

} // namespace cbr
