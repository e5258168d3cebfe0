#include "core/url.h"

#include "core/error.h"

#include <algorithm>
#include <memory>
#include <new>

#include <curl/curl.h>

namespace cbr {
namespace {

struct UrlDeleter {
    void operator()(CURLU *url) const { curl_url_cleanup(url); }
};

std::string url_part(CURLU *url, CURLUPart part)
{
    char *text = nullptr;
    if (curl_url_get(url, part, &text, 0) != CURLUE_OK)
        return {};
    std::string value(text);
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

} // namespace

std::string host_and_port(const std::string &text)
{
    const std::unique_ptr<CURLU, UrlDeleter> url = parsed_url(text);
    if (!url)
        return text;
    const std::string port = url_part(url.get(), CURLUPART_PORT);
    return url_part(url.get(), CURLUPART_HOST) + (port.empty() ? "" : ":" + port);
}

void ensure_base_url(const std::string &text)
{
    // Older versions of libcurl take a blank or a line end in a URL, and repair what has no host.
    const bool printable_ascii = std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
    const std::unique_ptr<CURLU, UrlDeleter> url = parsed_url(text);
    const std::string scheme = url ? url_part(url.get(), CURLUPART_SCHEME) : "";
    if (!printable_ascii || text.find(":///") != std::string::npos || (scheme != "http" && scheme != "https"))
        throw Error(ErrorKind::parameter, "base URL is not an http or https URL");
    if (!url_part(url.get(), CURLUPART_USER).empty() || !url_part(url.get(), CURLUPART_PASSWORD).empty() ||
        text.find_first_of("?#") != std::string::npos)
        throw Error(ErrorKind::parameter, "base URL has a user, a query or a fragment",
                    "Only scheme, host, port and path are allowed.");
}

} // namespace cbr
