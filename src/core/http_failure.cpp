#include "core/http_failure.h"

#include "core/text.h"

#include <cstring>
#include <new>

namespace cbr {
namespace {

bool is_tls_failure(CURLcode code)
{
    switch (code) {
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_SSL_ENGINE_INITFAILED:
    case CURLE_SSL_INVALIDCERTSTATUS:
        return true;
    default:
        return false;
    }
}

bool is_cut_off(CURLcode code)
{
    switch (code) {
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return true;
    default:
        return false;
    }
}

// The phase that a request is in, found from the last one backwards: libcurl notes the time at which each ended; but
// newer versions note some of them for a request that was never sent, too.
const char *phase_of(CURL *easy, const Transfer &transfer)
{
    if (transfer.connected)
        return info<curl_off_t>(easy, CURLINFO_STARTTRANSFER_TIME_T) > 0 ? "while reading the answer"
                                                                         : "while waiting for the answer";
    if (transfer.in_tls)
        return "during the TLS handshake";
    if (info<curl_off_t>(easy, CURLINFO_NAMELOOKUP_TIME_T) > 0)
        return "while connecting";
    return "while resolving the host name";
}

// libcurl's own words, unless they may quote the proxy's URL with its password.
std::string reason(CURLcode code, const Transfer &transfer, bool by_proxy)
{
    return printable(by_proxy || !transfer.error_text[0] ? curl_easy_strerror(code) : transfer.error_text);
}

std::string received(const Transfer &transfer)
{
    return std::to_string(transfer.body.size()) + " bytes were received.";
}

constexpr const char *network_hint =
    "Check the server's network; a superuser can set cbr.base_url to a mirror or cbr.proxy to a proxy.";

Error connection_error(CURL *easy, CURLcode code, const HttpAnswer &answer, const Transfer &transfer, bool by_proxy)
{
    if (code == CURLE_COULDNT_RESOLVE_HOST)
        return {ErrorKind::connection, "could not resolve the host name " + answer.host, answer.asked + ".",
                network_hint};
    if (code == CURLE_COULDNT_RESOLVE_PROXY)
        return {ErrorKind::connection, "could not resolve the host name of the proxy for " + answer.host,
                answer.asked + ".", "Check cbr.proxy."};
    if (is_tls_failure(code))
        return {ErrorKind::connection, "TLS with " + answer.host + " failed",
                answer.asked + ": " + reason(code, transfer, by_proxy) + ".",
                "If the certificate was issued by an authority that this system does not know, a superuser can name "
                "the authority's certificate in cbr.ca_file. Verification cannot be turned off."};
    const int os_error = static_cast<int>(info<long>(easy, CURLINFO_OS_ERRNO));
    return {ErrorKind::connection,
            by_proxy ? "could not connect to the proxy for " + answer.host : "could not connect to " + answer.host,
            answer.asked + ": " + (os_error ? std::strerror(os_error) : reason(code, transfer, by_proxy)) + ".",
            by_proxy ? "Check cbr.proxy." : network_hint};
}

Error timeout_error(CURL *easy, const HttpAnswer &answer, const Transfer &transfer)
{
    const std::string phase = phase_of(easy, transfer);
    return {ErrorKind::connection, "request to " + answer.host + " timed out " + phase,
            answer.asked + "; " + received(transfer),
            transfer.connected ? "cbr.timeout limits the whole request."
                               : "cbr.connect_timeout limits the time until the connection stands."};
}

const char *status_hint(long status)
{
    switch (status) {
    case 403:
        return "The service, or something before it, refuses this client. Ask less often, or set cbr.base_url to a mirror.";
    case 404:
        return "Check cbr.base_url.";
    case 429:
        return "The service is asked too often. Try again later, or raise cbr.request_interval.";
    default:
        return status >= 500 ? "The service is out of order. Try again later, or raise cbr.retries." : "";
    }
}

Error status_error(CURL *easy, const HttpAnswer &answer)
{
    const std::string status = std::to_string(answer.status);
    const char *target = info<char *>(easy, CURLINFO_REDIRECT_URL);
    if (target)
        return {ErrorKind::protocol, "redirect from " + answer.host + " (HTTP status " + status + ")",
                answer.asked + " is redirected to " + printable(target) + ".",
                "Redirects are not followed. If the service has moved, a superuser can set cbr.base_url."};
    return {ErrorKind::protocol, "HTTP status " + status + " from " + answer.host,
            answer.asked + "; content type " + quoted_excerpt(answer.content_type) + "; the body begins with " +
                quoted_excerpt(answer.body) + ".",
            status_hint(answer.status)};
}

} // namespace

HttpFailure transport_failure(CURL *easy, CURLcode code, const HttpAnswer &answer, const Transfer &transfer,
                              bool by_proxy)
{
    if (transfer.out_of_memory || code == CURLE_OUT_OF_MEMORY)
        throw std::bad_alloc();
    if (transfer.too_large)
        return {{ErrorKind::too_large,
                 "answer from " + answer.host + " is larger than " + std::to_string(transfer.max_size) + " bytes",
                 answer.asked + ".", "cbr.max_response_size limits the size of an answer."},
                false};
    if (transfer.header_size > Transfer::max_header_size)
        return {{ErrorKind::too_large,
                 "headers of the answer from " + answer.host + " are larger than " +
                     std::to_string(Transfer::max_header_size) + " bytes",
                 answer.asked + ".", by_proxy ? "Check cbr.proxy." : ""},
                false};
    if (code == CURLE_OPERATION_TIMEDOUT)
        return {timeout_error(easy, answer, transfer), true};
    const long proxy_status = info<long>(easy, CURLINFO_HTTP_CONNECTCODE);
    if (proxy_status >= 300)
        return {{ErrorKind::connection, "the proxy refuses to connect to " + answer.host,
                 answer.asked + "; HTTP status " + std::to_string(proxy_status) + " from the proxy.",
                 "Check cbr.proxy."},
                proxy_status == 429 || proxy_status >= 500};
    if (is_cut_off(code))
        return {{ErrorKind::transfer, "transfer from " + answer.host + " was cut off",
                 answer.asked + "; " + received(transfer), "Try again later, or raise cbr.retries."},
                true};
    if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_COULDNT_CONNECT ||
        is_tls_failure(code))
        return {connection_error(easy, code, answer, transfer, by_proxy), !is_tls_failure(code)};
    return {{ErrorKind::protocol, "request to " + answer.host + " failed",
             answer.asked + ": " + reason(code, transfer, by_proxy) + "."},
            false};
}

std::optional<HttpFailure> status_failure(CURL *easy, const HttpAnswer &answer)
{
    if (answer.status == 200)
        return std::nullopt;
    HttpFailure failure{status_error(easy, answer), answer.status == 429 || answer.status >= 500};
    failure.retry_after = std::chrono::seconds(info<curl_off_t>(easy, CURLINFO_RETRY_AFTER));
    return failure;
}

} // namespace cbr
