#include "pg/text.h"

namespace cbr::pg {
char *to_server_encoding(const std::string &utf8)
{
    char *converted = pg_any_to_server(utf8.c_str(), static_cast<int>(utf8.size()), PG_UTF8);
    return converted == utf8.c_str() ? pstrdup(converted) : converted;
}

// An error follows in any case, so one that the conversion raises can be dropped without a subtransaction.
const char *shown_in_server_encoding(const char *utf8)
{
    if (GetDatabaseEncoding() == PG_UTF8 || is_ascii(utf8))
        return utf8;
    MemoryContext context = CurrentMemoryContext;
    const char *volatile shown = nullptr;
    PG_TRY();
    {
        shown = pg_any_to_server(utf8, static_cast<int>(strlen(utf8)), PG_UTF8);
    }
    PG_CATCH();
    {
        MemoryContextSwitchTo(context);
        FlushErrorState();
    }
    PG_END_TRY();
    if (shown)
        return shown;
    char *ascii = pstrdup(utf8);
    for (char *c = ascii; *c; ++c)
        if (IS_HIGHBIT_SET(*c))
            *c = '?';
    return ascii;
}

char *to_utf8(const char *server_text)
{
    char *converted = pg_server_to_any(server_text, static_cast<int>(strlen(server_text)), PG_UTF8);
    return converted == server_text ? pstrdup(converted) : converted;
}

} // namespace cbr::pg
