#include "core/http.h"

#include "core/text.h"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <optional>
#include <random>
#include <stdexcept>

#include <curl/curl.h>

#if LIBCURL_VERSION_NUM < 0x074200
#error "libcurl 7.66 or newer is needed"
#endif

namespace cbr {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds longest_wait{50};   // between two questions to should_stop
constexpr milliseconds first_backoff{500}; // doubled with each further try
constexpr milliseconds longest_backoff{8000};
constexpr unsigned quick_exit_since = 0x075700; // 7.87: a transfer may end before its resolver thread does

// Signals belong to the server's main thread. libcurl may start a thread for the resolver, which would take them;
// it inherits the mask that is in force here.
class SignalsBlocked {
public:
    SignalsBlocked()
    {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    SignalsBlocked(const SignalsBlocked &) = delete;
    SignalsBlocked &operator=(const SignalsBlocked &) = delete;

private:
    sigset_t before_;
};

struct UrlDeleter {
    void operator()(CURLU *url) const { curl_url_cleanup(url); }
};

std::string url_part(CURLU *url, CURLUPart part)
{
    char *text = nullptr;
    if (curl_url_get(url, part, &text, 0) != CURLUE_OK)
        return {};
    const std::string value(text);
    curl_free(text);
    return value;
}

std::unique_ptr<CURLU, UrlDeleter> parsed_url(const std::string &text)
{
    std::unique_ptr<CURLU, UrlDeleter> url(curl_url());
    if (!url)
        throw std::bad_alloc();
    if (curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK)
        return nullptr;
    return url;
}

std::string host_and_port(const std::string &text)
{
    const std::unique_ptr<CURLU, UrlDeleter> url = parsed_url(text);
    if (!url)
        return text;
    const std::string port = url_part(url.get(), CURLUPART_PORT);
    return url_part(url.get(), CURLUPART_HOST) + (port.empty() ? "" : ":" + port);
}

template <class Value> Value info(CURL *easy, CURLINFO what)
{
    Value value{};
    curl_easy_getinfo(easy, what, &value);
    return value;
}

// One request on its way: where the body goes, and why it was not taken.
struct Transfer {
    std::string body;
    std::size_t max_size = 0;
    bool too_large = false;
    bool out_of_memory = false;
    char error_text[CURL_ERROR_SIZE] = "";
};

std::size_t write_body(char *bytes, std::size_t, std::size_t count, void *transfer_pointer) noexcept
{
    Transfer &transfer = *static_cast<Transfer *>(transfer_pointer);
    if (count > transfer.max_size - transfer.body.size()) {
        transfer.too_large = true;
        return 0;
    }
    try {
        transfer.body.append(bytes, count);
    } catch (...) {
        transfer.out_of_memory = true;
        return 0;
    }
    return count;
}

struct Failure {
    Error error;
    bool worth_a_retry;
    milliseconds retry_after{0};
};

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

// The phase that a request is in, found from the last one backwards: libcurl notes the time at which each ended.
const char *phase_of(CURL *easy, bool https)
{
    if (info<curl_off_t>(easy, CURLINFO_STARTTRANSFER_TIME_T) > 0)
        return "while reading the answer";
    if (info<curl_off_t>(easy, CURLINFO_PRETRANSFER_TIME_T) > 0)
        return "while waiting for the answer";
    if (https && info<curl_off_t>(easy, CURLINFO_CONNECT_TIME_T) > 0)
        return "during the TLS handshake";
    if (info<curl_off_t>(easy, CURLINFO_NAMELOOKUP_TIME_T) > 0)
        return "while connecting";
    return "while resolving the host name";
}

std::string received(const Transfer &transfer) { return std::to_string(transfer.body.size()) + " bytes were received."; }

constexpr const char *network_hint =
    "Check the server's network; a superuser can set cbr.base_url to a mirror or cbr.proxy to a proxy.";

Error connection_error(CURL *easy, CURLcode code, const HttpAnswer &answer, const Transfer &transfer)
{
    if (code == CURLE_COULDNT_RESOLVE_HOST)
        return {ErrorKind::connection, "could not resolve the host name " + answer.host, "GET " + answer.url + ".",
                network_hint};
    if (code == CURLE_COULDNT_RESOLVE_PROXY)
        return {ErrorKind::connection, "could not resolve the host name of the proxy for " + answer.host,
                "GET " + answer.url + ".", "Check cbr.proxy."};
    if (is_tls_failure(code))
        return {ErrorKind::connection, "TLS with " + answer.host + " failed",
                "GET " + answer.url + ": " + transfer.error_text + ".",
                "If the certificate was issued by an authority that this system does not know, a superuser can name "
                "the authority's certificate in cbr.ca_file. Verification cannot be turned off."};
    const int os_error = static_cast<int>(info<long>(easy, CURLINFO_OS_ERRNO));
    return {ErrorKind::connection, "could not connect to " + answer.host,
            "GET " + answer.url + ": " + (os_error ? std::strerror(os_error) : transfer.error_text) + ".", network_hint};
}

Error timeout_error(CURL *easy, const HttpAnswer &answer, const Transfer &transfer)
{
    const std::string phase = phase_of(easy, starts_with(answer.url, "https:"));
    const bool connected = info<curl_off_t>(easy, CURLINFO_PRETRANSFER_TIME_T) > 0;
    return {ErrorKind::connection, "request to " + answer.host + " timed out " + phase,
            "GET " + answer.url + "; " + received(transfer),
            connected ? "cbr.timeout limits the whole request." : "cbr.connect_timeout limits the time until the connection stands."};
}

Failure transport_failure(CURL *easy, CURLcode code, const HttpAnswer &answer, const Transfer &transfer)
{
    if (transfer.out_of_memory || code == CURLE_OUT_OF_MEMORY)
        throw std::bad_alloc();
    if (transfer.too_large)
        return {{ErrorKind::too_large,
                 "answer from " + answer.host + " is larger than " + std::to_string(transfer.max_size) + " bytes",
                 "GET " + answer.url + ".", "cbr.max_response_size limits the size of an answer."},
                false};
    if (code == CURLE_OPERATION_TIMEDOUT)
        return {timeout_error(easy, answer, transfer), true};
    if (is_cut_off(code))
        return {{ErrorKind::transfer, "transfer from " + answer.host + " was cut off",
                 "GET " + answer.url + "; " + received(transfer),
                 "Try again later, or raise cbr.retries."},
                true};
    if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_COULDNT_CONNECT ||
        is_tls_failure(code))
        return {connection_error(easy, code, answer, transfer), !is_tls_failure(code)};
    return {{ErrorKind::protocol, "request to " + answer.host + " failed",
             "GET " + answer.url + ": " + (transfer.error_text[0] ? transfer.error_text : curl_easy_strerror(code)) + "."},
            false};
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
                "GET " + answer.url + " is redirected to " + target + ".",
                "Redirects are not followed. If the service has moved, a superuser can set cbr.base_url."};
    return {ErrorKind::protocol, "HTTP status " + status + " from " + answer.host,
            "GET " + answer.url + "; content type " + quoted_excerpt(answer.content_type) + "; the body begins with " +
                quoted_excerpt(answer.body) + ".",
            status_hint(answer.status)};
}

std::optional<Failure> status_failure(CURL *easy, const HttpAnswer &answer)
{
    if (answer.status == 200)
        return std::nullopt;
    Failure failure{status_error(easy, answer), answer.status == 429 || answer.status >= 500};
    failure.retry_after = std::chrono::seconds(info<curl_off_t>(easy, CURLINFO_RETRY_AFTER));
    return failure;
}

// Half to the whole of an exponentially growing time, so that sessions that failed together do not return together.
milliseconds backoff(int attempt)
{
    static std::mt19937 random{std::random_device{}()};
    const milliseconds whole = std::min(longest_backoff, first_backoff * (1 << std::min(attempt - 1, 10)));
    return milliseconds(std::uniform_int_distribution<long long>(whole.count() / 2, whole.count())(random));
}

void stop_if_asked(ShouldStop should_stop)
{
    if (should_stop())
        throw Error(ErrorKind::interrupted, "interrupted");
}

void initialize_libcurl_once()
{
    static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (code != CURLE_OK)
        throw std::runtime_error(std::string("could not initialize libcurl: ") + curl_easy_strerror(code));
}

} // namespace

struct HttpSession::State {
    CURLM *multi = nullptr;
    CURL *easy = nullptr;
    Clock::time_point next_start{}; // before it no request may start

    State() { open(); }
    ~State() { close(); }

    void open();
    void close() noexcept;
    void abandon_if_resolving() noexcept;
    void configure(const std::string &url, const HttpOptions &options, Transfer &transfer);
    void pause_until(Clock::time_point time, ShouldStop should_stop);
    CURLcode perform(ShouldStop should_stop);
};

void HttpSession::State::open()
{
    initialize_libcurl_once();
    multi = curl_multi_init();
    easy = curl_easy_init();
    if (!multi || !easy) {
        close();
        throw std::bad_alloc();
    }
}

void HttpSession::State::close() noexcept
{
    const SignalsBlocked blocked;
    curl_easy_cleanup(easy);
    curl_multi_cleanup(multi);
    easy = nullptr;
    multi = nullptr;
}

// Before 7.87 libcurl waits for its resolver thread when a transfer is taken away, which may last many seconds. A
// cancel must not: such a transfer is left to its thread, a few kilobytes lost on each of these rare occasions.
void HttpSession::State::abandon_if_resolving() noexcept
{
    if (curl_version_info(CURLVERSION_NOW)->version_num >= quick_exit_since ||
        info<curl_off_t>(easy, CURLINFO_NAMELOOKUP_TIME_T) > 0)
        return;
    easy = nullptr;
    multi = nullptr;
}

void HttpSession::State::configure(const std::string &url, const HttpOptions &options, Transfer &transfer)
{
    curl_easy_reset(easy);
    const auto set = [this](CURLoption option, auto value) {
        const CURLcode code = curl_easy_setopt(easy, option, value);
        if (code != CURLE_OK)
            throw std::runtime_error("libcurl refuses option " + std::to_string(option) + ": " + curl_easy_strerror(code));
    };
    set(CURLOPT_URL, url.c_str());
#if LIBCURL_VERSION_NUM >= 0x075500
    set(CURLOPT_PROTOCOLS_STR, "http,https");
#else
    set(CURLOPT_PROTOCOLS, static_cast<long>(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
    set(CURLOPT_QUICK_EXIT, 1L);
#endif
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_USERAGENT, options.user_agent.c_str());
    set(CURLOPT_ACCEPT_ENCODING, ""); // whatever this libcurl can decode
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(options.timeout.count()));
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
    set(CURLOPT_WRITEFUNCTION, write_body);
    set(CURLOPT_WRITEDATA, static_cast<void *>(&transfer));
    set(CURLOPT_ERRORBUFFER, transfer.error_text);
    // An empty string turns off what the environment says (http_proxy, no_proxy): settings alone decide.
    set(CURLOPT_PROXY, options.proxy.c_str());
    set(CURLOPT_NOPROXY, "");
    const char *hashed_directory = curl_version_info(CURLVERSION_NOW)->capath;
    if (!options.ca_file.empty()) {
        set(CURLOPT_CAINFO, options.ca_file.c_str());
        set(CURLOPT_CAPATH, static_cast<const char *>(nullptr));
    } else if (hashed_directory) { // loading the whole bundle is slow, and is done anew in each session
        set(CURLOPT_CAINFO, static_cast<const char *>(nullptr));
        set(CURLOPT_CAPATH, hashed_directory);
    }
}

void HttpSession::State::pause_until(Clock::time_point time, ShouldStop should_stop)
{
    for (Clock::time_point now = Clock::now(); now < time; now = Clock::now()) {
        stop_if_asked(should_stop);
        const auto left = std::chrono::ceil<milliseconds>(time - now);
        curl_multi_poll(multi, nullptr, 0, static_cast<int>(std::min(left, longest_wait).count()), nullptr);
    }
}

CURLcode HttpSession::State::perform(ShouldStop should_stop)
{
    struct Running { // the handle is in the multi handle for as long as this lives
        State &state;
        explicit Running(State &owner) : state(owner) { curl_multi_add_handle(state.multi, state.easy); }
        ~Running()
        {
            const SignalsBlocked blocked;
            if (state.easy)
                curl_multi_remove_handle(state.multi, state.easy);
        }
    } running(*this);

    for (;;) {
        int unfinished = 0;
        {
            const SignalsBlocked blocked;
            curl_multi_perform(multi, &unfinished);
        }
        int queued = 0;
        if (const CURLMsg *message = curl_multi_info_read(multi, &queued))
            return message->data.result;
        if (should_stop()) {
            abandon_if_resolving();
            throw Error(ErrorKind::interrupted, "interrupted");
        }
        curl_multi_poll(multi, nullptr, 0, static_cast<int>(longest_wait.count()), nullptr); // ends at a signal, too
    }
}

HttpSession::HttpSession() = default;
HttpSession::~HttpSession() = default;

HttpAnswer HttpSession::get(const std::string &url, const HttpOptions &options, ShouldStop should_stop)
{
    if (!state_ || !state_->easy)
        state_ = std::make_unique<State>();
    for (int attempt = 1;; ++attempt) {
        state_->pause_until(state_->next_start, should_stop);
        state_->next_start = Clock::now() + options.request_interval;

        Transfer transfer;
        transfer.max_size = options.max_response_size;
        state_->configure(url, options, transfer);
        const CURLcode code = state_->perform(should_stop);

        CURL *easy = state_->easy;
        HttpAnswer answer;
        answer.url = url;
        answer.host = host_and_port(url);
        answer.status = info<long>(easy, CURLINFO_RESPONSE_CODE);
        if (const char *content_type = info<char *>(easy, CURLINFO_CONTENT_TYPE))
            answer.content_type = content_type;
        answer.duration = milliseconds(info<curl_off_t>(easy, CURLINFO_TOTAL_TIME_T) / 1000);

        std::optional<Failure> failure;
        if (code != CURLE_OK) {
            failure = transport_failure(easy, code, answer, transfer);
        } else {
            answer.body = std::move(transfer.body);
            failure = status_failure(easy, answer);
        }
        if (!failure)
            return answer;
        if (!failure->worth_a_retry || attempt > options.retries || failure->retry_after > options.timeout) {
            if (attempt > 1)
                failure->error.detail += " This was attempt " + std::to_string(attempt) + ".";
            throw failure->error;
        }
        state_->next_start = std::max(state_->next_start, Clock::now() + std::max(backoff(attempt), failure->retry_after));
    }
}

void ensure_base_url(const std::string &text)
{
    const std::unique_ptr<CURLU, UrlDeleter> url = parsed_url(text);
    const std::string scheme = url ? url_part(url.get(), CURLUPART_SCHEME) : "";
    if (scheme != "http" && scheme != "https")
        throw Error(ErrorKind::parameter, "base URL is not an http or https URL");
    for (const CURLUPart part : {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_QUERY, CURLUPART_FRAGMENT})
        if (!url_part(url.get(), part).empty())
            throw Error(ErrorKind::parameter, "base URL has a user, a query or a fragment",
                        "Only scheme, host, port and path are allowed.");
}

std::string libcurl_version() { return curl_version_info(CURLVERSION_NOW)->version; }

} // namespace cbr
