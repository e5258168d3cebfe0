#include "core/http.h"

#include "core/http_failure.h"
#include "core/url.h"

#include <algorithm>
#include <csignal>
#include <optional>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

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

// Older libcurls, of 7.74 for one, have no limit, and read a proxy's headers for as long as they come, deaf to all
// else.
std::size_t count_header(char *, std::size_t, std::size_t count, void *transfer_pointer) noexcept
{
    Transfer &transfer = *static_cast<Transfer *>(transfer_pointer);
    transfer.header_size += count;
    return transfer.header_size > Transfer::max_header_size ? 0 : count;
}

CURLcode note_tls(CURL *, void *, void *transfer_pointer) noexcept
{
    static_cast<Transfer *>(transfer_pointer)->in_tls = true;
    return CURLE_OK;
}

#if LIBCURL_VERSION_NUM >= 0x075000
int note_connection(void *transfer_pointer, char *, char *, int, int) noexcept
{
    static_cast<Transfer *>(transfer_pointer)->connected = true;
    return CURL_PREREQFUNC_OK;
}
#endif

// Half to the whole of an exponentially growing time, so that sessions that failed together do not return together.
milliseconds backoff(int attempt)
{
    static std::mt19937 random{std::random_device{}()};
    const milliseconds whole = std::min(longest_backoff, first_backoff * (1 << std::min(attempt - 1, 10)));
    return milliseconds(std::uniform_int_distribution<long long>(whole.count() / 2, whole.count())(random));
}

void ensure(CURLMcode code)
{
    if (code != CURLM_OK)
        throw std::runtime_error(std::string("libcurl failed: ") + curl_multi_strerror(code));
}

void initialize_libcurl_once()
{
    static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (code != CURLE_OK)
        throw std::runtime_error(std::string("could not initialize libcurl: ") + curl_easy_strerror(code));
}

} // namespace

// The handles that libcurl keeps connections in. Easy handles are used again: one each for the requests under way.
struct HttpSession::State {
    CURLM *multi = nullptr;
    std::vector<CURL *> idle;

    State();
    ~State();
    CURL *take_easy();
};

HttpSession::State::State()
{
    initialize_libcurl_once();
    multi = curl_multi_init();
    if (!multi)
        throw std::bad_alloc();
}

HttpSession::State::~State()
{
    const SignalsBlocked blocked;
    for (CURL *easy : idle)
        curl_easy_cleanup(easy);
    curl_multi_cleanup(multi);
}

CURL *HttpSession::State::take_easy()
{
    if (idle.empty()) {
        CURL *easy = curl_easy_init();
        if (!easy)
            throw std::bad_alloc();
        return easy;
    }
    CURL *easy = idle.back();
    idle.pop_back();
    return easy;
}

// One request from its adding to its answer, over all its attempts.
struct HttpQueue::Exchange {
    Exchange(HttpSession::State &session_state, const HttpOptions &http_options, HttpRequest http_request)
        : state(session_state), options(http_options), request(std::move(http_request))
    {
    }
    ~Exchange() { release(true); }
    Exchange(const Exchange &) = delete;
    Exchange &operator=(const Exchange &) = delete;

    bool running() const { return easy != nullptr; }
    bool finished() const { return answer || failure; }

    void start();
    void configure();
    void finish(CURLcode code);
    void release(bool unfinished) noexcept;

    HttpSession::State &state;
    const HttpOptions &options;
    HttpRequest request;
    Clock::time_point not_before{};
    int attempts = 0;
    CURL *easy = nullptr;
    curl_slist *headers = nullptr;
    Transfer transfer;
    std::optional<HttpAnswer> answer;
    std::optional<HttpFailure> failure;
};

void HttpQueue::Exchange::start()
{
    ++attempts;
    transfer = Transfer{};
    transfer.max_size = options.max_response_size;
    easy = state.take_easy();
    configure();
    ensure(curl_multi_add_handle(state.multi, easy));
}

void HttpQueue::Exchange::configure()
{
    curl_easy_reset(easy);
    const auto set = [this](CURLoption option, auto value) {
        const CURLcode code = curl_easy_setopt(easy, option, value);
        if (code != CURLE_OK)
            throw std::runtime_error("libcurl refuses option " + std::to_string(option) + ": " +
                                     curl_easy_strerror(code));
    };
    set(CURLOPT_PRIVATE, static_cast<void *>(this));
    set(CURLOPT_URL, request.url.c_str());
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
    set(CURLOPT_HEADERFUNCTION, count_header);
    set(CURLOPT_HEADERDATA, static_cast<void *>(&transfer));
    set(CURLOPT_ERRORBUFFER, transfer.error_text);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, note_tls); // some TLS libraries cannot; the phase is then vaguer
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, static_cast<void *>(&transfer));
#if LIBCURL_VERSION_NUM >= 0x075000
    set(CURLOPT_PREREQFUNCTION, note_connection);
    set(CURLOPT_PREREQDATA, static_cast<void *>(&transfer));
#endif
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
    if (!request.soap_body.empty()) {
        if (!headers) {
            const std::string action = "SOAPAction: \"" + request.soap_action + "\"";
            for (const char *header : {"Content-Type: text/xml; charset=utf-8", "Expect:", action.c_str()}) {
                curl_slist *longer = curl_slist_append(headers, header);
                if (!longer)
                    throw std::bad_alloc();
                headers = longer;
            }
        }
        set(CURLOPT_HTTPHEADER, headers);
        set(CURLOPT_POSTFIELDSIZE, static_cast<long>(request.soap_body.size()));
        set(CURLOPT_POSTFIELDS, request.soap_body.c_str());
    }
}

// The attempt has ended: an answer, a failure, or another attempt later.
void HttpQueue::Exchange::finish(CURLcode code)
{
    HttpAnswer received;
    received.asked = (request.soap_body.empty() ? "GET " : "POST ") + request.url;
    received.url = request.url;
    received.host = host_and_port(request.url);
    received.status = info<long>(easy, CURLINFO_RESPONSE_CODE);
    if (const char *content_type = info<char *>(easy, CURLINFO_CONTENT_TYPE))
        received.content_type = content_type;
    received.duration = milliseconds(info<curl_off_t>(easy, CURLINFO_TOTAL_TIME_T) / 1000);

#if LIBCURL_VERSION_NUM < 0x075000
    transfer.connected = info<curl_off_t>(easy, CURLINFO_PRETRANSFER_TIME_T) > 0;
#endif
    std::optional<HttpFailure> problem;
    if (code != CURLE_OK) {
        problem = transport_failure(easy, code, received, transfer, !options.proxy.empty());
    } else {
        received.body = std::move(transfer.body);
        problem = status_failure(easy, received);
    }
    release(false);
    if (!problem) {
        answer = std::move(received);
    } else if (problem->worth_a_retry && attempts <= options.retries && problem->retry_after <= options.timeout) {
        not_before = Clock::now() + std::max(backoff(attempts), problem->retry_after);
    } else {
        if (attempts > 1)
            problem->error.detail += " This was attempt " + std::to_string(attempts) + ".";
        failure = std::move(problem);
    }
}

// Takes the handle away from libcurl. Before 7.87 libcurl then waits for its resolver thread, which may last many
// seconds; a cancel must not. Such a transfer is left to its thread, with the multi handle and what else it holds: some
// kilobytes lost on each of these rare occasions.
void HttpQueue::Exchange::release(bool unfinished) noexcept
{
    const SignalsBlocked blocked;
    curl_slist_free_all(std::exchange(headers, nullptr));
    CURL *mine = std::exchange(easy, nullptr);
    if (!mine)
        return;
    if (unfinished && curl_version_info(CURLVERSION_NOW)->version_num < quick_exit_since &&
        info<curl_off_t>(mine, CURLINFO_NAMELOOKUP_TIME_T) == 0)
        state.multi = nullptr; // the next queue opens another
    if (!state.multi)
        return;
    curl_multi_remove_handle(state.multi, mine);
    try {
        state.idle.push_back(mine);
    } catch (...) {
        curl_easy_cleanup(mine);
    }
}

HttpSession::HttpSession() = default;
HttpSession::~HttpSession() = default;

HttpAnswer HttpSession::get(const HttpRequest &request, const HttpOptions &options, ShouldStop should_stop)
{
    HttpQueue queue(*this, options, 1);
    queue.add(request);
    return queue.next(should_stop);
}

HttpQueue::HttpQueue(HttpSession &session, HttpOptions options, int max_connections)
    : session_(session), options_(std::move(options)), max_connections_(max_connections)
{
    if (!session.state_ || !session.state_->multi)
        session.state_ = std::make_unique<HttpSession::State>();
}

HttpQueue::~HttpQueue() = default;

void HttpQueue::add(HttpRequest request)
{
    exchanges_.push_back(std::make_unique<Exchange>(*session_.state_, options_, std::move(request)));
    start_due();
}

int HttpQueue::running() const
{
    return static_cast<int>(
        std::count_if(exchanges_.begin(), exchanges_.end(), [](const auto &exchange) { return exchange->running(); }));
}

// Before it no request may start.
Clock::time_point HttpQueue::next_start() const
{
    const std::optional<Clock::time_point> &last = session_.last_start_;
    return last ? *last + options_.request_interval : Clock::time_point();
}

// Starts what may start now: in order, no more than max_connections at a time, no closer than request_interval.
void HttpQueue::start_due()
{
    int under_way = running();
    for (const auto &exchange : exchanges_) {
        const Clock::time_point now = Clock::now();
        if (under_way >= max_connections_ || now < next_start())
            return;
        if (exchange->running() || exchange->finished() || now < exchange->not_before)
            continue;
        session_.last_start_ = now;
        exchange->start();
        ++under_way;
    }
}

void HttpQueue::take_finished()
{
    int queued = 0;
    while (const CURLMsg *message = curl_multi_info_read(session_.state_->multi, &queued)) {
        const CURLcode code = message->data.result;
        static_cast<Exchange *>(info<void *>(message->easy_handle, CURLINFO_PRIVATE))->finish(code);
    }
}

// Until should_stop must be asked, or the next request may start.
milliseconds HttpQueue::longest_pause() const
{
    Clock::time_point wake = Clock::now() + longest_wait;
    if (running() < max_connections_)
        for (const auto &exchange : exchanges_)
            if (!exchange->running() && !exchange->finished())
                wake = std::min(wake, std::max(exchange->not_before, next_start()));
    return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(wake - Clock::now()));
}

void HttpQueue::progress()
{
    start_due();
    {
        const SignalsBlocked blocked;
        int running = 0;
        ensure(curl_multi_perform(session_.state_->multi, &running));
    }
    take_finished();
}

HttpAnswer HttpQueue::next(ShouldStop should_stop)
{
    for (;;) {
        progress();
        if (exchanges_.front()->finished())
            break;
        if (should_stop())
            throw Error(ErrorKind::interrupted, "interrupted");
        curl_multi_poll(session_.state_->multi, nullptr, 0, static_cast<int>(longest_pause().count()), nullptr);
    }
    const std::unique_ptr<Exchange> first = std::move(exchanges_.front());
    exchanges_.pop_front();
    if (first->failure)
        throw first->failure->error;
    return std::move(*first->answer);
}

std::string libcurl_version() { return curl_version_info(CURLVERSION_NOW)->version; }

} // namespace cbr
