// core/http against the stand-in for the Bank: what a session returns, what it throws, when it tries again, and that it
// stops when told to. Time limits are long wherever something else is to end the call.
#include "core/http.h"

#include "bank.h"
#include "core/text.h"
#include "expectations.h"

namespace cbr {
namespace {

using namespace std::chrono_literals;

const std::string service_path = "/scripts/XML_daily.asp";

std::string host_of(const std::string &url) { return url.substr(url.find("://") + 3); }

HttpAnswer get(const std::string &url, const HttpOptions &options = patient())
{
    HttpSession session;
    return session.get(url, options, never_stop);
}

Error get_error(const std::string &url, const HttpOptions &options = patient())
{
    return error_of([&] { get(url, options); });
}

HttpOptions with_retries(int retries)
{
    HttpOptions options = patient();
    options.retries = retries;
    return options;
}

HttpOptions with_timeout(std::chrono::milliseconds timeout)
{
    HttpOptions options = patient();
    options.timeout = timeout;
    return options;
}

HttpOptions with_limit(std::size_t bytes)
{
    HttpOptions options = patient();
    options.max_response_size = bytes;
    return options;
}

HttpOptions with_proxy(const std::string &proxy)
{
    HttpOptions options = patient();
    options.proxy = proxy;
    return options;
}

// --- answers

TEST(HttpGet, ReturnsTheAnswer)
{
    const std::string url = document_url(new_prefix());
    const HttpAnswer answer = get(url);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.url, url);
    EXPECT_EQ(answer.host, host_of(bank_url()));
    EXPECT_EQ(answer.content_type, "application/xml; charset=windows-1251");
    EXPECT_TRUE(
        starts_with(answer.body, "<?xml version=\"1.0\" encoding=\"windows-1251\"?><ValCurs Date=\"02.03.2002\""));
    EXPECT_EQ(answer.body.substr(answer.body.size() - 10), "</ValCurs>");
}

TEST(HttpGet, SendsTheUserAgent)
{
    HttpOptions options = patient();
    options.user_agent = "cbr" + new_prefix();
    HttpSession session;
    session.get(document_url(new_prefix()), options, never_stop);
    EXPECT_TRUE(contains(get(bank_url() + "/requests").body, "\"User-Agent\": \"" + options.user_agent + "\""));
}

TEST(HttpGet, KeepsTheConnectionForTheNextRequest)
{
    const std::string prefix = new_prefix();
    HttpSession session;
    for (int i = 0; i < 3; ++i)
        session.get(document_url(prefix), patient(), never_stop);
    const std::vector<int> connections = connections_that_asked(prefix);
    ASSERT_EQ(connections.size(), 3u);
    EXPECT_EQ(connections[0], connections[1]);
    EXPECT_EQ(connections[1], connections[2]);
}

TEST(HttpGet, UsesAConnectionForEachSession)
{
    const std::string prefix = new_prefix();
    HttpSession one, two;
    one.get(document_url(prefix), patient(), never_stop);
    two.get(document_url(prefix), patient(), never_stop);
    const std::vector<int> connections = connections_that_asked(prefix);
    ASSERT_EQ(connections.size(), 2u);
    EXPECT_NE(connections[0], connections[1]);
}

TEST(HttpGet, TakesAnEmptyBody) { EXPECT_EQ(get(document_url(new_prefix() + "/fault/empty")).body, ""); }

TEST(HttpGet, DecompressesGzip)
{
    const std::string prefix = new_prefix();
    EXPECT_EQ(get(document_url(prefix + "/fault/gzip")).body, get(document_url(prefix)).body);
}

TEST(HttpGet, GivesEachRequestItsOwnOptions)
{
    HttpSession session;
    const std::string url = document_url(new_prefix());
    EXPECT_EQ(error_of([&] { session.get(url, with_limit(10), never_stop); }).kind, ErrorKind::too_large);
    EXPECT_EQ(error_of([&] { session.get(url, with_proxy(closed_url()), never_stop); }).kind, ErrorKind::connection);
    EXPECT_EQ(session.get(url, patient(), never_stop).status, 200);
}

TEST(HttpGet, WorksInASessionAfterEveryKindOfFailure)
{
    HttpSession session;
    for (const char *fault : {"closed", "cut", "cut-chunked", "status-500", "status-404", "redirect", "html-403"}) {
        const std::string prefix = new_prefix();
        EXPECT_THROW(session.get(document_url(prefix + "/fault/" + fault), patient(), never_stop), Error) << fault;
        EXPECT_EQ(session.get(document_url(prefix), patient(), never_stop).status, 200) << fault;
    }
}

// --- transport failures

TEST(HttpFailure, RefusedConnectionTellsTheHostAndTheReason)
{
    const std::string url = closed_url();
    const Error error = get_error(url + service_path);
    EXPECT_EQ(error.kind, ErrorKind::connection);
    EXPECT_EQ(error.message, "could not connect to " + host_of(url));
    EXPECT_EQ(error.detail, "GET " + url + service_path + ": Connection refused.");
    EXPECT_FALSE(error.hint.empty());
}

TEST(HttpFailure, UnknownHostIsTold)
{
    const std::string host(64, 'a'); // too long for a label: no name server is asked
    const Error error = get_error("http://" + host + ".invalid" + service_path);
    EXPECT_EQ(error.kind, ErrorKind::connection);
    EXPECT_EQ(error.message, "could not resolve the host name " + host + ".invalid");
}

TEST(HttpFailure, UnknownProxyIsTold)
{
    const Error error =
        get_error("http://bank.example" + service_path, with_proxy("http://" + std::string(64, 'a') + ".invalid:1"));
    EXPECT_EQ(error.kind, ErrorKind::connection);
    EXPECT_EQ(error.message, "could not resolve the host name of the proxy for bank.example");
    EXPECT_EQ(error.hint, "Check cbr.proxy.");
}

TEST(HttpFailure, TimeoutOfTheConnectTellsThePhase)
{
    HttpOptions options = patient();
    options.connect_timeout = 200ms;
    const Error error = get_error(bank_hung_url() + service_path, options);
    EXPECT_EQ(error.kind, ErrorKind::connection);
    EXPECT_EQ(error.message, "request to " + host_of(bank_hung_url()) + " timed out while connecting");
    EXPECT_TRUE(contains(error.detail, "0 bytes were received."));
    EXPECT_TRUE(contains(error.hint, "cbr.connect_timeout"));
}

TEST(HttpFailure, TimeoutOfTheRequestWhileConnectingTellsThePhase)
{
    const Error error = get_error(bank_hung_url() + service_path, with_timeout(200ms));
    EXPECT_EQ(error.kind, ErrorKind::connection);
    EXPECT_EQ(error.message, "request to " + host_of(bank_hung_url()) + " timed out while connecting");
}

TEST(HttpFailure, TimeoutBeforeTheAnswerTellsThePhase)
{
    const Error error = get_error(document_url(new_prefix() + "/fault/hang"), with_timeout(1s));
    EXPECT_EQ(error.kind, ErrorKind::connection);
    EXPECT_EQ(error.message, "request to " + host_of(bank_url()) + " timed out while waiting for the answer");
    EXPECT_TRUE(contains(error.hint, "cbr.timeout"));
}

TEST(HttpFailure, TimeoutOfTheBodyTellsThePhase)
{
    for (const char *fault : {"hang-headers", "hang-body", "drip"}) {
        const Error error = get_error(document_url(new_prefix() + "/fault/" + fault), with_timeout(1s));
        EXPECT_EQ(error.kind, ErrorKind::connection) << fault;
        EXPECT_EQ(error.message, "request to " + host_of(bank_url()) + " timed out while reading the answer") << fault;
    }
}

TEST(HttpFailure, CutOffTransferIsToldWithWhatHadCome)
{
    for (const char *fault : {"cut", "cut-chunked", "closed"}) {
        const Error error = get_error(document_url(new_prefix() + "/fault/" + fault));
        EXPECT_EQ(error.kind, ErrorKind::transfer) << fault;
        EXPECT_EQ(error.message, "transfer from " + host_of(bank_url()) + " was cut off") << fault;
        EXPECT_TRUE(contains(error.detail, " bytes were received.")) << fault;
        EXPECT_EQ(contains(error.detail, "; 0 bytes"), fault == std::string("closed")) << error.detail;
    }
    const std::string prefix = new_prefix();
    EXPECT_EQ(get_error(document_url(prefix + "/fault/reset-once" + prefix)).kind, ErrorKind::transfer);
}

TEST(HttpFailure, AnswerThatIsNoHttpIsAnErrorOfTheProtocol)
{
    for (const char *bytes :
         {"220 mail.example ESMTP\r\n", "\x16\x03\x01\x02", "<html></html>", "HTTP/1.1 abc\r\n\r\n"}) {
        const OneAnswer server(bytes);
        const Error error = get_error(server.url());
        EXPECT_EQ(error.kind, ErrorKind::protocol) << quoted_excerpt(bytes);
        EXPECT_EQ(error.message, "request to " + host_of(server.url()) + " failed");
        EXPECT_FALSE(contains(error.detail, ": .")) << error.detail;
        EXPECT_TRUE(is_utf8(whole_text(error)));
    }
}

TEST(HttpFailure, BodyThatIsNotWhatItsEncodingSaysIsAnError)
{
    const OneAnswer server("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello");
    EXPECT_EQ(get_error(server.url()).kind, ErrorKind::protocol);
}

TEST(HttpFailure, OtherSchemesAreNotSpoken)
{
    for (const char *url : {"file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/x", "dict://127.0.0.1/x"}) {
        const Error error = get_error(url);
        EXPECT_EQ(error.kind, ErrorKind::protocol) << url;
        EXPECT_FALSE(contains(whole_text(error), "root:")) << url;
    }
}

// --- statuses

TEST(HttpStatus, OtherThan200IsAnErrorThatShowsTheAnswer)
{
    const Error error = get_error(document_url(new_prefix() + "/fault/status-404"));
    EXPECT_EQ(error.kind, ErrorKind::protocol);
    EXPECT_EQ(error.message, "HTTP status 404 from " + host_of(bank_url()));
    EXPECT_TRUE(contains(error.detail, "content type \"text/html\"; the body begins with \"<html><body>status 404"))
        << error.detail;
    EXPECT_EQ(error.hint, "Check cbr.base_url.");
    for (const char *fault :
         {"status-204", "status-206", "status-400", "status-500", "status-503", "html-403", "retry-after-long"})
        EXPECT_EQ(get_error(document_url(new_prefix() + "/fault/" + fault)).kind, ErrorKind::protocol) << fault;
}

TEST(HttpStatus, RedirectIsNotFollowedAndItsTargetIsTold)
{
    const Error error = get_error(document_url(new_prefix() + "/fault/redirect"));
    EXPECT_EQ(error.kind, ErrorKind::protocol);
    EXPECT_EQ(error.message, "redirect from " + host_of(bank_url()) + " (HTTP status 302)");
    EXPECT_TRUE(contains(error.detail, "is redirected to https://elsewhere.example/scripts/XML_daily.asp."))
        << error.detail;
}

TEST(HttpStatus, RedirectWithinTheHostIsNotFollowedEither)
{
    const std::string prefix = new_prefix();
    const OneAnswer server("HTTP/1.1 301 Moved\r\nLocation: " + document_url(prefix) + "\r\nContent-Length: 0\r\n\r\n");
    EXPECT_TRUE(contains(get_error(server.url()).detail, document_url(prefix)));
    EXPECT_TRUE(connections_that_asked(prefix).empty());
}

TEST(HttpStatus, TextsAreUtf8WhateverTheServerSends)
{
    for (const std::string header : {"Location: http://elsewhere.example/\xFF\xC4", "Content-Type: text/\xFF\xC4"}) {
        const OneAnswer server("HTTP/1.1 302 \xFF\r\n" + header + "\r\nContent-Length: 2\r\n\r\n\xFF\xC4");
        const Error error = get_error(server.url());
        EXPECT_EQ(error.kind, ErrorKind::protocol);
        EXPECT_TRUE(is_utf8(whole_text(error))) << quoted_excerpt(whole_text(error), 1000);
    }
}

// --- the limit of the size

TEST(HttpLimit, IsExact)
{
    const std::string url = document_url(new_prefix());
    const std::size_t size = get(url).body.size();
    EXPECT_EQ(get(url, with_limit(size)).body.size(), size);
    const Error error = get_error(url, with_limit(size - 1));
    EXPECT_EQ(error.kind, ErrorKind::too_large);
    EXPECT_EQ(error.message,
              "answer from " + host_of(bank_url()) + " is larger than " + std::to_string(size - 1) + " bytes");
    EXPECT_TRUE(contains(error.hint, "cbr.max_response_size"));
}

TEST(HttpLimit, CountsAfterDecompression)
{
    const std::string prefix = new_prefix();
    const std::size_t size = get(document_url(prefix)).body.size();
    EXPECT_EQ(get(document_url(prefix + "/fault/gzip"), with_limit(size)).body.size(), size);
    EXPECT_EQ(get_error(document_url(prefix + "/fault/gzip"), with_limit(size - 1)).kind, ErrorKind::too_large);
}

TEST(HttpLimit, EndsBombsAndEndlessBodies)
{
    for (const char *fault : {"gzip-bomb", "endless"})
        EXPECT_EQ(get_error(document_url(new_prefix() + "/fault/" + fault), with_limit(1 << 20)).kind,
                  ErrorKind::too_large)
            << fault;
}

TEST(HttpLimit, IsNotTriedAgain)
{
    const std::string prefix = new_prefix();
    HttpOptions options = with_retries(3);
    options.max_response_size = 10;
    EXPECT_EQ(get_error(document_url(prefix), options).kind, ErrorKind::too_large);
    EXPECT_EQ(connections_that_asked(prefix).size(), 1u);
}

// --- further tries

TEST(HttpRetry, FollowsWhatMayPass)
{
    for (const char *fault : {"unavailable-once", "busy-once", "reset-once"}) {
        const std::string prefix = new_prefix();
        EXPECT_EQ(get(document_url(prefix + "/fault/" + fault + prefix), with_retries(1)).status, 200) << fault;
        EXPECT_EQ(connections_that_asked(prefix).size(), 2u) << fault;
    }
}

TEST(HttpRetry, IsNotMadeWhereNoneIsAllowed)
{
    for (const char *fault : {"unavailable-once", "busy-once", "reset-once"}) {
        const std::string prefix = new_prefix();
        const Error error = get_error(document_url(prefix + "/fault/" + fault + prefix), with_retries(0));
        EXPECT_FALSE(contains(error.detail, "attempt")) << fault;
        EXPECT_EQ(connections_that_asked(prefix).size(), 1u) << fault;
    }
}

TEST(HttpRetry, EndsAndTellsTheNumberOfAttempts)
{
    const std::string prefix = new_prefix();
    const Error error = get_error(document_url(prefix + "/fault/status-503"), with_retries(2));
    EXPECT_EQ(error.kind, ErrorKind::protocol);
    EXPECT_EQ(error.message, "HTTP status 503 from " + host_of(bank_url()));
    EXPECT_TRUE(contains(error.detail, " This was attempt 3.")) << error.detail;
    EXPECT_EQ(connections_that_asked(prefix).size(), 3u);
}

TEST(HttpRetry, IsNotMadeOfWhatWillNotPass)
{
    for (const char *fault : {"status-404", "status-400", "html-403", "redirect", "status-204"}) {
        const std::string prefix = new_prefix();
        EXPECT_EQ(get_error(document_url(prefix + "/fault/" + fault), with_retries(3)).kind, ErrorKind::protocol)
            << fault;
        EXPECT_EQ(connections_that_asked(prefix).size(), 1u) << fault;
    }
}

TEST(HttpRetry, DoesNotWaitForALongRetryAfter)
{
    const std::string prefix = new_prefix();
    const Error error = get_error(document_url(prefix + "/fault/retry-after-long"), with_retries(3));
    EXPECT_EQ(error.message, "HTTP status 429 from " + host_of(bank_url()));
    EXPECT_EQ(connections_that_asked(prefix).size(), 1u);
}

// --- stopping

TEST(HttpStop, EndsAConnect)
{
    HttpSession session;
    {
        const StopAfterRequest stop("", 3);
        const Error error = error_of([&] { session.get(bank_hung_url(), patient(), StopAfterRequest::should_stop); });
        EXPECT_EQ(error.kind, ErrorKind::interrupted);
    }
    EXPECT_EQ(session.get(document_url(new_prefix()), patient(), never_stop).status, 200);
}

TEST(HttpStop, EndsTheWaitForAnAnswerAndForABody)
{
    for (const char *fault : {"hang", "hang-headers", "hang-body", "drip", "latency-600000"}) {
        const std::string prefix = new_prefix();
        HttpSession session;
        {
            const StopAfterRequest stop(prefix, 2);
            const Error error = error_of([&] {
                session.get(document_url(prefix + "/fault/" + fault), with_retries(3), StopAfterRequest::should_stop);
            });
            EXPECT_EQ(error.kind, ErrorKind::interrupted) << fault;
        }
        EXPECT_EQ(connections_that_asked(prefix).size(), 1u) << fault;
        EXPECT_EQ(session.get(document_url(prefix), patient(), never_stop).status, 200) << fault;
    }
}

TEST(HttpStop, EndsTheWaitBetweenTwoTries)
{
    const std::string prefix = new_prefix();
    HttpSession session;
    {
        const StopAfterRequest stop(prefix, 5); // Retry-After is a second, and each ask comes 50 ms after the last
        const Error error = error_of([&] {
            session.get(document_url(prefix + "/fault/status-429"), with_retries(3), StopAfterRequest::should_stop);
        });
        EXPECT_EQ(error.kind, ErrorKind::interrupted);
    }
    EXPECT_EQ(connections_that_asked(prefix).size(), 1u);
    EXPECT_EQ(session.get(document_url(prefix), patient(), never_stop).status, 200);
}

TEST(HttpStop, EndsTheWaitForTheIntervalBetweenRequests)
{
    const std::string first = new_prefix(), second = new_prefix();
    HttpOptions options = patient();
    options.request_interval = 2s;
    HttpSession session;
    session.get(document_url(first), options, never_stop);
    {
        const StopAfterRequest stop("", 1);
        const Error error =
            error_of([&] { session.get(document_url(second), options, StopAfterRequest::should_stop); });
        EXPECT_EQ(error.kind, ErrorKind::interrupted);
    }
    EXPECT_TRUE(connections_that_asked(second).empty());
    EXPECT_EQ(session.get(document_url(second), options, never_stop).status, 200);
}

// Giving up while a name is looked up costs the session its handles where libcurl is older than 7.87.
TEST(HttpInterval, IsKeptAfterARequestThatWasGivenUpDuringNameResolution)
{
    HttpSession session;
    HttpOptions options = patient();
    options.request_interval = 1h;
    {
        const StopAfterRequest stop("", 0);
        const std::string unknown = "http://bank.invalid/"; // libcurl looks up localhost by itself
        error_of([&] { session.get(unknown, options, StopAfterRequest::should_stop); });
    }
    const std::string prefix = new_prefix();
    const StopAfterRequest stop("", 3);
    EXPECT_EQ(error_of([&] { session.get(document_url(prefix), options, StopAfterRequest::should_stop); }).kind,
              ErrorKind::interrupted);
    EXPECT_TRUE(connections_that_asked(prefix).empty());
}

TEST(HttpInterval, IsThatOfTheRequestAndNotOfTheOneBefore)
{
    HttpSession session;
    HttpOptions options = patient();
    options.request_interval = 1h;
    session.get(document_url(new_prefix()), options, never_stop);
    const StopAfterRequest stop("", 40); // so that a wait for the hour ends
    EXPECT_NO_THROW(session.get(document_url(new_prefix()), patient(), StopAfterRequest::should_stop));
}

// --- proxies

TEST(HttpProxy, IsAskedForTheWholeUrl)
{
    const std::string prefix = new_prefix();
    const std::string url = "http://bank.example" + prefix + service_path;
    const HttpAnswer answer = get(url, with_proxy(bank_url()));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.host, "bank.example");
    EXPECT_EQ(connections_that_asked(url).size(), 1u);
}

TEST(HttpProxy, OfTheEnvironmentIsIgnored)
{
    const std::string closed = closed_url();
    const Environment http("http_proxy", closed), all("ALL_PROXY", closed), all_lower("all_proxy", closed);
    EXPECT_EQ(get(document_url(new_prefix())).status, 200);
}

TEST(HttpProxy, IsUsedWhateverTheEnvironmentExcepts)
{
    const Environment lower("no_proxy", "*"), upper("NO_PROXY", "*");
    EXPECT_EQ(get("http://bank.example" + new_prefix() + service_path, with_proxy(bank_url())).status, 200);
}

TEST(HttpProxy, ThatRefusesATunnelIsAnErrorAndTheRequestIsNotSentAnotherWay)
{
    const Error error = get_error("https://bank.example" + new_prefix() + service_path, with_proxy(bank_url()));
    EXPECT_TRUE(error.kind == ErrorKind::protocol || error.kind == ErrorKind::connection ||
                error.kind == ErrorKind::transfer);
    EXPECT_TRUE(contains(error.message, "bank.example")) << error.message;
    EXPECT_TRUE(contains(error.detail, "405")) << error.detail;
}

TEST(LibcurlVersion, IsANumber) { EXPECT_TRUE(is_digit(libcurl_version().at(0))); }

} // namespace
} // namespace cbr
