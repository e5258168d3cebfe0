// cbr_dynamic(), cbr_currencies(), cbr_metals() and cbr_key_rate(): the service's other documents as rows.
#include "pg/arguments.h"
#include "pg/guard.h"
#include "pg/network.h"
#include "pg/rows.h"
#include "pg/text.h"

namespace cbr::pg {
namespace {

void put_text_or_null(Datum *values, bool *nulls, int column, const std::string &utf8)
{
    values[column] = text_datum(utf8);
    nulls[column] = utf8.empty();
}

// The Bank's ID of one currency; an ISO code is looked up at the service. An ISO code that several currencies had, one
// after the other, means the one that the newest publication has, or the first in the catalogue.
std::string one_bank_id(const Service &service, const char *code)
{
    const CurrencySelection selection = parse_currencies({code});
    if (selection.all)
        throw Error(ErrorKind::parameter, "one currency must be named, not all");
    if (is_bank_id(selection.codes[0]))
        return selection.codes[0];
    CurrencyDirectory directory(fetch_daily(service, std::nullopt).publication);
    if (directory.lacks_any(selection))
        directory.add(fetch_catalogue(service));
    return directory.select(selection)[0].cbr_id;
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(cbr_dynamic);
Datum cbr_dynamic(PG_FUNCTION_ARGS)
{
    const char *currency = to_utf8(text_to_cstring(PG_GETARG_TEXT_PP(0)));
    const DateRange range = range_arguments(fcinfo, 1);
    RowSink sink(fcinfo);
    auto *records = make_owned<std::vector<SeriesRecord>>();
    run_network([&] {
        ensure_range(range);
        const Service service = bank();
        *records = fetch_dynamic(service, one_bank_id(service, currency), range);
    });
    for (const SeriesRecord &record : *records)
        sink.put([&](Datum *values, bool *) {
            values[0] = text_datum(record.cbr_id);
            values[1] = date_datum(record.effective_date);
            values[2] = Int32GetDatum(record.nominal);
            values[3] = numeric_datum(record.value);
        });
    return static_cast<Datum>(0);
}

PG_FUNCTION_INFO_V1(cbr_currencies);
Datum cbr_currencies(PG_FUNCTION_ARGS)
{
    RowSink sink(fcinfo);
    auto *entries = make_owned<std::vector<CatalogueEntry>>();
    run_network([&] { *entries = fetch_catalogue(bank()); });
    for (const CatalogueEntry &entry : *entries)
        sink.put([&](Datum *values, bool *nulls) {
            values[0] = text_datum(entry.cbr_id);
            put_text_or_null(values, nulls, 1, entry.parent_id);
            put_text_or_null(values, nulls, 2, entry.num_code);
            put_text_or_null(values, nulls, 3, entry.char_code);
            values[4] = text_datum(entry.name);
            put_text_or_null(values, nulls, 5, entry.eng_name);
            values[6] = Int32GetDatum(entry.nominal);
        });
    return static_cast<Datum>(0);
}

PG_FUNCTION_INFO_V1(cbr_metals);
Datum cbr_metals(PG_FUNCTION_ARGS)
{
    const DateRange range = range_arguments(fcinfo, 0);
    RowSink sink(fcinfo);
    auto *prices = make_owned<std::vector<MetalPrice>>();
    run_network([&] {
        ensure_range(range);
        *prices = fetch_metals(bank(), range);
    });
    for (const MetalPrice &price : *prices)
        sink.put([&](Datum *values, bool *) {
            values[0] = date_datum(price.date);
            values[1] = CStringGetTextDatum(price.metal);
            values[2] = numeric_datum(price.buy);
            values[3] = numeric_datum(price.sell);
        });
    return static_cast<Datum>(0);
}

PG_FUNCTION_INFO_V1(cbr_key_rate);
Datum cbr_key_rate(PG_FUNCTION_ARGS)
{
    const DateRange range = range_arguments(fcinfo, 0);
    RowSink sink(fcinfo);
    auto *rates = make_owned<std::vector<KeyRate>>();
    run_network([&] {
        ensure_range(range);
        *rates = fetch_key_rates(bank(), range);
    });
    for (const KeyRate &rate : *rates)
        sink.put([&](Datum *values, bool *) {
            values[0] = date_datum(rate.date);
            values[1] = numeric_datum(rate.rate);
        });
    return static_cast<Datum>(0);
}

} // extern "C"

} // namespace cbr::pg
