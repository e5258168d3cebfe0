// cbr_version(): what runs here, for bug reports.

#include "pg/guard.h"

namespace cbr::pg {

extern "C" {

PG_FUNCTION_INFO_V1(cbr_version);
Datum cbr_version(PG_FUNCTION_ARGS)
{
    (void)fcinfo;
    auto *text = make_owned<std::string>();
    run_core([&] { *text = "cbr " CBR_VERSION ", libcurl " + libcurl_version() + ", libxml2 " + libxml2_version(); });
    PG_RETURN_TEXT_P(cstring_to_text(text->c_str()));
}

} // extern "C"

} // namespace cbr::pg
