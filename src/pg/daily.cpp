// cbr_daily() and cbr_parse_daily(): a publication as rows, storing nothing.
#include "pg/arguments.h"
#include "pg/guard.h"
#include "pg/network.h"
#include "pg/rows.h"

namespace cbr::pg {
namespace {

void put_publication(RowSink &sink, const Publication &publication)
{
    for (const Rate &rate : publication.rates)
        sink.put([&](Datum *values, bool *nulls) {
            values[0] = text_datum(rate.cbr_id);
            values[1] = text_datum(rate.num_code);
            nulls[1] = rate.num_code.empty();
            values[2] = text_datum(rate.char_code);
            values[3] = Int32GetDatum(rate.nominal);
            values[4] = text_datum(rate.name);
            values[5] = numeric_datum(rate.value);
            values[6] = date_datum(publication.effective_date);
        });
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(cbr_daily);
Datum cbr_daily(PG_FUNCTION_ARGS)
{
    const std::optional<Date> on_date = date_argument(fcinfo, 0);
    RowSink sink(fcinfo);
    auto *publication = make_owned<Publication>();
    run_network([&] { *publication = fetch_daily(bank(), on_date).publication; });
    put_publication(sink, *publication);
    return static_cast<Datum>(0);
}

PG_FUNCTION_INFO_V1(cbr_parse_daily);
Datum cbr_parse_daily(PG_FUNCTION_ARGS)
{
    const std::string_view document = document_argument(fcinfo, 0);
    RowSink sink(fcinfo);
    auto *publication = make_owned<Publication>();
    run_core([&] { *publication = read_daily(document, given_document(document)); });
    put_publication(sink, *publication);
    return static_cast<Datum>(0);
}

} // extern "C"

} // namespace cbr::pg
