// core/url: which base URLs are taken, which are refused, and how a host is told.
#include "core/url.h"

#include "expectations.h"

namespace cbr {
namespace {

TEST(BaseUrl, IsHttpOrHttpsWithAHost)
{
    for (const char *url :
         {"https://www.cbr.ru", "http://www.cbr.ru/", "https://www.cbr.ru/mirror/of/it/", "http://127.0.0.1:8080",
          "http://[::1]:8080/x", "HTTPS://WWW.CBR.RU", "http://localhost", "https://www.cbr.ru:443"})
        EXPECT_NO_THROW(ensure_base_url(url)) << url;
}

TEST(BaseUrl, IsNothingElse)
{
    for (const char *url : {"", " ", "www.cbr.ru", "//www.cbr.ru", "/scripts", "https://", "https:", "https:///",
                            "ftp://www.cbr.ru", "file:///etc/passwd", "javascript:alert(1)", "https://www.cbr.ru:99999",
                            "https://www.cbr.ru:x", "https://www .cbr.ru", "https://www.cbr.ru/a b",
                            "https://www.cbr.ru\r\nX: y", "https://[::1", "httpx://www.cbr.ru"}) {
        const Error error = error_of([&] { ensure_base_url(url); });
        EXPECT_EQ(error.kind, ErrorKind::parameter) << url;
    }
}

TEST(BaseUrl, HasNoUserQueryOrFragment)
{
    for (const char *url :
         {"https://user@www.cbr.ru", "https://user:word@www.cbr.ru", "https://:word@www.cbr.ru",
          "https://www.cbr.ru/?a=b", "https://www.cbr.ru?a", "https://www.cbr.ru/#top", "https://www.cbr.ru#x"}) {
        const Error error = error_of([&] { ensure_base_url(url); });
        EXPECT_EQ(error.kind, ErrorKind::parameter) << url;
        EXPECT_EQ(error.message, "base URL has a user, a query or a fragment") << url;
    }
}

// "https://host?" + "/scripts/..." would ask for another path than meant.
TEST(BaseUrl, HasNoEmptyQueryOrFragmentEither)
{
    for (const char *url :
         {"https://www.cbr.ru?", "https://www.cbr.ru/?", "https://www.cbr.ru#", "https://www.cbr.ru/x#"})
        EXPECT_EQ(error_of([&] { ensure_base_url(url); }).kind, ErrorKind::parameter) << url;
}

TEST(HostAndPort, AreToldAsWritten)
{
    EXPECT_EQ(host_and_port("https://www.cbr.ru/scripts/XML_daily.asp?date_req=03/03/2002"), "www.cbr.ru");
    EXPECT_EQ(host_and_port("http://127.0.0.1:8080/x"), "127.0.0.1:8080");
    EXPECT_EQ(host_and_port("http://[::1]:8080"), "[::1]:8080");
    EXPECT_EQ(host_and_port("no URL"), "no URL");
}

} // namespace
} // namespace cbr
