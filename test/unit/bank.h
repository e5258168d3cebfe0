// What the HTTP tests share: the stand-in for the Bank that they run below, what it has been asked, ways to tell a
// session to stop, and a server for the answers that the stand-in does not give.
#pragma once
#include "core/http.h"

#include <string>
#include <thread>
#include <vector>

namespace cbr {

std::string bank_url();      // of the stand-in
std::string bank_hung_url(); // a connect to it never ends

// A path prefix (and key of a fault) that no other test has: "/t12-4711".
std::string new_prefix();

// The URL of the daily document of 2002-03-02 below a prefix of the stand-in's.
std::string document_url(const std::string &prefix_and_faults);

// Requests that only the behaviour under test can end: no retries, no pause, and time limits of many minutes.
HttpOptions patient();

bool never_stop() noexcept;

// The serial numbers of the connections on which targets that contain `part` were asked for, one for each request.
std::vector<int> connections_that_asked(const std::string &part);

// The targets that contain `part`, in the order in which they were asked for.
std::vector<std::string> targets_that_were_asked(const std::string &part);

// While it lives, should_stop() says no until `asks` have passed since the stand-in has received a request whose target
// contains `part`, then yes. An empty part is received from the beginning.
class StopAfterRequest {
public:
    StopAfterRequest(const std::string &part, int asks);
    ~StopAfterRequest();
    static bool should_stop() noexcept;

private:
    std::string part_;
    int asks_left_;
    static StopAfterRequest *current_;
};

// Listens on the loopback, answers the first request with the bytes given and closes the connection.
class OneAnswer {
public:
    explicit OneAnswer(std::string answer);
    ~OneAnswer();
    std::string url() const;

private:
    void serve();

    std::string answer_;
    int port_ = 0;
    int listener_; // after port_, which it tells
    std::thread thread_;
};

// A port of the loopback on which nobody listens (any more).
std::string closed_url();

// Sets an environment variable for as long as it lives.
class Environment {
public:
    Environment(const char *name, const std::string &value);
    ~Environment();

private:
    const char *name_;
    std::string before_;
    bool was_set_;
};

} // namespace cbr
