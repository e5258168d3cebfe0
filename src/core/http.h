// The one way out of the server: HTTP requests over libcurl.
//
// A session keeps its connections open for the next requests. While it waits (for a name, a connection, TLS, the
// answer, the next try) it asks `should_stop` at least every 50 ms, and at once after a signal. Redirects are not
// followed, only http and https are spoken, the body is bounded, and certificates are always verified.
#pragma once
#include "core/error.h"
#include "core/fence.h"

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>

namespace cbr {

struct HttpOptions {
    std::string proxy;   // empty: none, whatever the environment says
    std::string ca_file; // PEM; empty: the certificate authorities of the system
    std::string user_agent;
    std::chrono::milliseconds timeout{30000};         // for one request, all phases
    std::chrono::milliseconds connect_timeout{10000}; // for name, connection and TLS
    std::chrono::milliseconds request_interval{200};  // least time between the starts of two requests
    int retries = 2;                                  // after a transport failure, status 429 or 5xx
    std::size_t max_response_size = 16 << 20;         // in bytes, after decompression
};

// A GET; a POST where there is a body.
struct HttpRequest {
    HttpRequest(std::string request_url) : url(std::move(request_url)) {}
    HttpRequest(std::string request_url, std::string xml, std::string action)
        : url(std::move(request_url)), soap_body(std::move(xml)), soap_action(std::move(action))
    {
    }

    std::string url;
    std::string soap_body; // of a SOAP 1.1 call, in UTF-8
    std::string soap_action;
};

struct HttpAnswer {
    std::string asked; // "GET https://...", for messages
    std::string url;
    std::string host; // with the port where the URL names one
    long status = 0;
    std::string content_type;
    std::string body;
    std::chrono::milliseconds duration{0}; // of the request that succeeded
};

// Must not throw, nor leave by longjmp.
using ShouldStop = bool (*)() noexcept;

class HttpSession {
public:
    HttpSession();
    ~HttpSession();
    HttpSession(const HttpSession &) = delete;
    HttpSession &operator=(const HttpSession &) = delete;

    // The answer with status 200. Throws Error: connection, transfer, protocol, too_large or interrupted.
    HttpAnswer get(const HttpRequest &request, const HttpOptions &options, ShouldStop should_stop);

private:
    friend class HttpQueue;
    struct State;
    std::unique_ptr<State> state_; // may be left behind and replaced, see release() in http.cpp
    std::optional<std::chrono::steady_clock::time_point> last_start_; // of a request
};

// Requests that run side by side over one session, and are answered in the order in which they were added. They move on
// within next() and progress() alone, beyond that as far as the network's buffers carry. The session must outlive the
// queue, and serves it alone meanwhile.
class HttpQueue {
public:
    HttpQueue(HttpSession &session, HttpOptions options, int max_connections);
    ~HttpQueue(); // what is under way is given up
    HttpQueue(const HttpQueue &) = delete;
    HttpQueue &operator=(const HttpQueue &) = delete;

    void add(HttpRequest request);
    bool empty() const { return exchanges_.empty(); }

    // Moves on what is under way and starts what may start, without waiting: for an owner that does something else.
    void progress();

    // Waits for the answer to the oldest request. Throws like HttpSession::get().
    HttpAnswer next(ShouldStop should_stop);

private:
    struct Exchange;
    int running() const;
    std::chrono::steady_clock::time_point next_start() const;
    void start_due();
    void take_finished();
    std::chrono::milliseconds longest_pause() const;

    HttpSession &session_;
    HttpOptions options_;
    int max_connections_;
    std::deque<std::unique_ptr<Exchange>> exchanges_;
};

// "7.88.1": the library that runs, not the one compiled against.
std::string libcurl_version();

} // namespace cbr
