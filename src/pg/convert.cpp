// cbr_rate() and cbr_convert(): what a stored rate says, in exact numeric.
#include "pg/guard.h"
#include "pg/lookup.h"
#include "pg/settings.h"
#include "pg/text.h"

namespace cbr::pg {
namespace {

constexpr int64 moscow_offset_usecs = 3 * USECS_PER_HOUR; // all year, since 2014

// The day of the call; without one, the day it was in Moscow when the transaction began.
DateADT day_argument(FunctionCallInfo fcinfo, int index)
{
    if (!PG_ARGISNULL(index))
        return PG_GETARG_DATEADT(index);
    const int64 moscow = GetCurrentTransactionStartTimestamp() + moscow_offset_usecs;
    return static_cast<DateADT>(moscow / USECS_PER_DAY);
}

Numeric product(Numeric a, Numeric b)
{
    return DatumGetNumeric(DirectFunctionCall2(numeric_mul, NumericGetDatum(a), NumericGetDatum(b)));
}

Numeric quotient(Numeric a, Numeric b)
{
    return DatumGetNumeric(DirectFunctionCall2(numeric_div, NumericGetDatum(a), NumericGetDatum(b)));
}

Numeric times(Numeric a, std::int32_t factor) { return factor == 1 ? a : product(a, numeric_of(factor)); }

void report_missing(const text *currency, DateADT day)
{
    const char *code = text_to_cstring(currency);
    const char *date = DatumGetCString(DirectFunctionCall1(date_out, DateADTGetDatum(day)));
    ereport(ERROR,
            (errcode(ERRCODE_NO_DATA_FOUND), errmsg("rate of %s on %s is not loaded", code, date),
             errdetail("t_currency has no row of that currency and day."),
             errhint("Load it by cbr_fetch, or a range of days by cbr_backfill; or set cbr.missing_rate to null.")));
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(cbr_rate);
Datum cbr_rate(PG_FUNCTION_ARGS)
{
    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    RoublePrice price;
    if (!look_up(fcinfo, PG_GETARG_TEXT_PP(0), day_argument(fcinfo, 1), price))
        PG_RETURN_NULL();
    if (price.nominal == 1)
        PG_RETURN_NUMERIC(DatumGetNumericCopy(NumericGetDatum(price.value)));
    PG_RETURN_NUMERIC(quotient(price.value, numeric_of(price.nominal)));
}

// amount * (from.value / from.nominal) / (to.value / to.nominal), multiplied out so that there is one division, last.
PG_FUNCTION_INFO_V1(cbr_convert);
Datum cbr_convert(PG_FUNCTION_ARGS)
{
    if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
        PG_RETURN_NULL();
    Numeric amount = PG_GETARG_NUMERIC(0);
    const text *from_currency = PG_GETARG_TEXT_PP(1);
    const text *to_currency = PG_GETARG_TEXT_PP(2);
    const DateADT day = day_argument(fcinfo, 3);
    RoublePrice from;
    RoublePrice to;
    const bool found = look_up(fcinfo, from_currency, day, from);
    if (!found || !look_up(fcinfo, to_currency, day, to)) {
        if (missing_rate() == missing_rate_null)
            PG_RETURN_NULL();
        report_missing(found ? to_currency : from_currency, day);
    }
    if (from.currency == to.currency)
        PG_RETURN_NUMERIC(amount);
    Numeric dividend = times(from.currency == RoublePrice::rouble ? amount : product(amount, from.value), to.nominal);
    if (to.currency != RoublePrice::rouble)
        PG_RETURN_NUMERIC(quotient(dividend, times(to.value, from.nominal)));
    PG_RETURN_NUMERIC(from.nominal == 1 ? dividend : quotient(dividend, numeric_of(from.nominal)));
}

} // extern "C"

} // namespace cbr::pg
