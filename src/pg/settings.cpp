#include "core/url.h"
#include "pg/settings.h"

#include <climits>
#include <cstring>

#include "pg/guard.h"
#include "pg/text.h"

namespace cbr::pg {
namespace {

char *base_url_setting = nullptr;
char *currencies_setting = nullptr;
char *proxy_setting = nullptr;
char *ca_file_setting = nullptr;
char *user_agent_setting = nullptr;
int timeout_setting;          // milliseconds
int connect_timeout_setting;  // milliseconds
int request_interval_setting; // milliseconds
int retries_setting;
int max_connections_setting;
int max_response_size_setting; // kilobytes
int missing_rate_setting;

const config_enum_entry missing_rate_choices[] = {
    {"error", missing_rate_error, false}, {"null", missing_rate_null, false}, {nullptr, 0, false}};

// A check that fails tells why in DETAIL; the server says which setting it is.
bool reject(const char *why)
{
    GUC_check_errdetail("%s", why);
    return false;
}

template <class Body> bool accepts(const Body &body)
{
    Failure failure;
    if (try_core(body, failure))
        return true;
    return reject(psprintf("%c%s.%s%s", pg_toupper(static_cast<unsigned char>(failure.message[0])),
                           shown_in_server_encoding(failure.message + 1), *failure.hint ? " " : "",
                           shown_in_server_encoding(failure.hint)));
}

bool check_base_url(char **value, void **, GucSource)
{
    const char *url = *value;
    if (accepts([url] { ensure_base_url(url); }))
        return true;
    // The server would quote the value, to whoever loads the library; and what stands before an @ may be a password.
    if (std::strchr(url, '@'))
        GUC_check_errmsg("invalid value for parameter \"cbr.base_url\"");
    return false;
}

bool check_currencies(char **value, void **, GucSource)
{
    const char *list = *value;
    return accepts([list] { parse_currency_list(list); });
}

// It becomes a line of the HTTP header.
bool check_user_agent(char **value, void **, GucSource)
{
    for (const char *c = *value; *c; ++c)
        if (*c < ' ' || *c > '~')
            return reject("It becomes a line of the HTTP header and may hold printable ASCII characters only.");
    return true;
}

void define_transport_settings()
{
    DefineCustomStringVariable("cbr.base_url", "Root of the service's URLs, http or https; a mirror may have a path.",
                               nullptr, &base_url_setting, "https://www.cbr.ru", PGC_SUSET, 0, check_base_url, nullptr,
                               nullptr);
    DefineCustomIntVariable("cbr.timeout", "Longest time of one request, from its start to the answer's end.", nullptr,
                            &timeout_setting, 30000, 1, INT_MAX, PGC_USERSET, GUC_UNIT_MS, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("cbr.connect_timeout", "Longest time until a connection stands.", nullptr,
                            &connect_timeout_setting, 10000, 1, INT_MAX, PGC_USERSET, GUC_UNIT_MS, nullptr, nullptr,
                            nullptr);
    DefineCustomIntVariable("cbr.retries",
                            "How often a request is repeated after a transport failure, status 429 or 5xx.", nullptr,
                            &retries_setting, 2, 0, 20, PGC_USERSET, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("cbr.max_connections", "How many requests of a backfill run at the same time.", nullptr,
                            &max_connections_setting, 2, 1, 16, PGC_SUSET, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("cbr.request_interval", "Least time between the starts of two requests of a session.",
                            nullptr, &request_interval_setting, 200, 0, INT_MAX, PGC_SUSET, GUC_UNIT_MS, nullptr,
                            nullptr, nullptr);
    DefineCustomIntVariable("cbr.max_response_size", "Largest document accepted.", nullptr, &max_response_size_setting,
                            16 * 1024, 1, MaxAllocSize / 1024, PGC_SUSET, GUC_UNIT_KB, nullptr, nullptr, nullptr);
    DefineCustomStringVariable("cbr.proxy", "URL of the proxy for requests; empty for none.",
                               "It may hold a password, so only superusers and members of pg_read_all_settings see it.",
                               &proxy_setting, "", PGC_SUSET, GUC_SUPERUSER_ONLY, nullptr, nullptr, nullptr);
    DefineCustomStringVariable("cbr.ca_file",
                               "PEM file of the certificate authorities to trust; empty for the system's.", nullptr,
                               &ca_file_setting, "", PGC_SUSET, 0, nullptr, nullptr, nullptr);
    DefineCustomStringVariable("cbr.user_agent", "What the extension calls itself in requests.", nullptr,
                               &user_agent_setting, "cbr/" CBR_VERSION " (PostgreSQL extension)", PGC_SUSET, 0,
                               check_user_agent, nullptr, nullptr);
}

} // namespace

void define_settings()
{
    define_transport_settings();
    DefineCustomStringVariable(
        "cbr.currencies", "Currencies stored when a call names none: ISO codes or the Bank's IDs, or *.", nullptr,
        &currencies_setting, "USD, EUR, GBP", PGC_USERSET, GUC_LIST_INPUT, check_currencies, nullptr, nullptr);
    DefineCustomEnumVariable("cbr.missing_rate", "What a conversion does when a rate is not loaded: error or null.",
                             nullptr, &missing_rate_setting, missing_rate_error, missing_rate_choices, PGC_USERSET, 0,
                             nullptr, nullptr, nullptr);
    MarkGUCPrefixReserved("cbr");
}

std::string base_url() { return base_url_setting; }

HttpOptions http_options()
{
    HttpOptions options;
    options.proxy = proxy_setting;
    options.ca_file = ca_file_setting;
    options.user_agent = user_agent_setting;
    options.timeout = std::chrono::milliseconds(timeout_setting);
    options.connect_timeout = std::chrono::milliseconds(connect_timeout_setting);
    options.request_interval = std::chrono::milliseconds(request_interval_setting);
    options.retries = retries_setting;
    options.max_response_size = max_response_size();
    return options;
}

CurrencySelection default_currencies() { return parse_currency_list(currencies_setting); }

MissingRate missing_rate() { return static_cast<MissingRate>(missing_rate_setting); }

int max_connections() { return max_connections_setting; }

std::size_t max_response_size() { return static_cast<std::size_t>(max_response_size_setting) * 1024; }

} // namespace cbr::pg
