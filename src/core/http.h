// The one way out of the server: HTTP GET over libcurl.
//
// A session keeps its connection open for the next request. While it waits (for a name, a connection, TLS, the
// answer, the next try) it asks `should_stop` at least every 50 ms, and at once after a signal. Redirects are not
// followed, only http and https are spoken, the body is bounded, and certificates are always verified.
#pragma once
#include "core/error.h"
#include "core/fence.h"

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

namespace cbr {

struct HttpOptions {
    std::string proxy;      // empty: none, whatever the environment says
    std::string ca_file;    // PEM; empty: the certificate authorities of the system
    std::string user_agent;
    std::chrono::milliseconds timeout{30000};         // for one request, all phases
    std::chrono::milliseconds connect_timeout{10000}; // for name, connection and TLS
    std::chrono::milliseconds request_interval{200};  // least time between the starts of two requests
    int retries = 2;                                  // after a transport failure, status 429 or 5xx
    std::size_t max_response_size = 16 << 20;         // in bytes, after decompression
};

struct HttpAnswer {
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
    HttpAnswer get(const std::string &url, const HttpOptions &options, ShouldStop should_stop);

private:
    struct State;
    std::unique_ptr<State> state_;
};

// Throws Error(parameter) unless the text is an http or https URL with a host, and without user, query or fragment.
void ensure_base_url(const std::string &url);

// "7.88.1": the library that runs, not the one compiled against.
std::string libcurl_version();

} // namespace cbr
