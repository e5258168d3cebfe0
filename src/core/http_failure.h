// Why a request failed, and in which words a user is told.
#pragma once
#include "core/error.h"
#include "core/fence.h"
#include "core/http.h"

#include <chrono>
#include <optional>
#include <string>

#include <curl/curl.h>

namespace cbr {

// What libcurl noted of a transfer.
template <class Value> Value info(CURL *easy, CURLINFO what)
{
    Value value{};
    curl_easy_getinfo(easy, what, &value);
    return value;
}

// One request on its way: where the body goes, and why it was not taken.
struct Transfer {
    static constexpr std::size_t max_header_size = 262144;

    std::string body;
    std::size_t max_size = 0;
    std::size_t header_size = 0; // of a proxy's answer, too
    bool too_large = false;
    bool out_of_memory = false;
    bool in_tls = false;    // the TLS handshake has begun
    bool connected = false; // the request itself is about to be sent
    char error_text[CURL_ERROR_SIZE] = "";
};

struct HttpFailure {
    Error error;
    bool worth_a_retry;
    std::chrono::milliseconds retry_after{0};
};

// For a transfer that ended with `code` other than CURLE_OK. Throws std::bad_alloc where memory was the reason.
HttpFailure transport_failure(CURL *easy, CURLcode code, const HttpAnswer &answer, const Transfer &transfer,
                              bool by_proxy);

// For an answer that came whole; nothing if its status is 200.
std::optional<HttpFailure> status_failure(CURL *easy, const HttpAnswer &answer);

} // namespace cbr
