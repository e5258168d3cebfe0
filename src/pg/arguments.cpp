#include "pg/arguments.h"

#include "pg/settings.h"
#include "pg/text.h"

namespace cbr::pg {
namespace {

constexpr int days_1970_to_2000 = POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE;

} // namespace

std::optional<Date> date_argument(FunctionCallInfo fcinfo, int index)
{
    if (PG_ARGISNULL(index))
        return std::nullopt;
    const DateADT date = PG_GETARG_DATEADT(index);
    if (DATE_NOT_FINITE(date))
        ereport(ERROR, (errcode(ERRCODE_DATETIME_FIELD_OVERFLOW), errmsg("date is infinite"),
                        errhint("Leave the date out, or pass NULL, for the latest publication.")));
    return from_date_adt(date);
}

DateRange range_arguments(FunctionCallInfo fcinfo, int first_index)
{
    const std::optional<Date> first = date_argument(fcinfo, first_index);
    const std::optional<Date> last = date_argument(fcinfo, first_index + 1);
    if (!first || !last)
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("dates of a range must not be NULL")));
    return {*first, *last};
}

Date from_date_adt(DateADT date) { return Date(static_cast<std::int64_t>(date) + days_1970_to_2000); }

DateADT to_date_adt(Date date) { return static_cast<DateADT>(date.days_since_1970() - days_1970_to_2000); }

CurrencyArgument currencies_argument(FunctionCallInfo fcinfo, int index)
{
    CurrencyArgument argument;
    if (PG_ARGISNULL(index))
        return argument;
    argument.given = true;
    Datum *elements;
    bool *nulls;
    deconstruct_array(PG_GETARG_ARRAYTYPE_P(index), TEXTOID, -1, false, 'i', &elements, &nulls, &argument.count);
    argument.codes = static_cast<char **>(palloc(sizeof(char *) * static_cast<Size>(argument.count)));
    for (int i = 0; i < argument.count; ++i) {
        if (nulls[i])
            ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a currency code must not be NULL")));
        argument.codes[i] = to_utf8(TextDatumGetCString(elements[i]));
    }
    return argument;
}

CurrencySelection selection_of(const CurrencyArgument &argument)
{
    if (!argument.given)
        return default_currencies();
    return parse_currencies(std::vector<std::string>(argument.codes, argument.codes + argument.count));
}

std::string_view document_argument(FunctionCallInfo fcinfo, int index)
{
    bytea *document = PG_GETARG_BYTEA_PP(index);
    const std::size_t size = VARSIZE_ANY_EXHDR(document);
    if (size > max_response_size())
        ereport(ERROR,
                (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                 errmsg("document is larger than %zu bytes", max_response_size()), errdetail("It has %zu bytes.", size),
                 errhint("cbr.max_response_size limits the size of a document.")));
    return {VARDATA_ANY(document), size};
}

} // namespace cbr::pg
