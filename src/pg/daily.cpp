// cbr_daily() and cbr_parse_daily(): a publication as rows, storing nothing.

#include "pg/arguments.h"
#include "pg/guard.h"
#include "pg/network.h"
#include "pg/text.h"

namespace cbr::pg {
namespace {

struct RowSink {
    Tuplestorestate *rows;
    TupleDesc shape;
};

// Makes the function return the rows that are put into the sink. The tuplestore outlives this call.
RowSink begin_rows(FunctionCallInfo fcinfo)
{
    auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
    if (!result || !IsA(result, ReturnSetInfo) || !(result->allowedModes & SFRM_Materialize))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("set-valued function called in context that cannot accept a set")));
    MemoryContext caller = MemoryContextSwitchTo(result->econtext->ecxt_per_query_memory);
    RowSink sink{tuplestore_begin_heap((result->allowedModes & SFRM_Materialize_Random) != 0, false, work_mem), nullptr};
    if (get_call_result_type(fcinfo, nullptr, &sink.shape) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "return type must be a row type");
    sink.shape = BlessTupleDesc(sink.shape);
    result->returnMode = SFRM_Materialize;
    result->setResult = sink.rows;
    result->setDesc = sink.shape;
    MemoryContextSwitchTo(caller);
    return sink;
}

Datum text_datum(const std::string &utf8)
{
    return PointerGetDatum(cstring_to_text(to_server_encoding(utf8)));
}

Datum numeric_datum(const std::string &decimal)
{
    return DirectFunctionCall3(numeric_in, CStringGetDatum(decimal.c_str()), ObjectIdGetDatum(InvalidOid),
                               Int32GetDatum(-1));
}

void put_publication(const RowSink &sink, const Publication &publication)
{
    MemoryContext row_context = AllocSetContextCreate(CurrentMemoryContext, "cbr row", ALLOCSET_SMALL_SIZES);
    MemoryContext caller = MemoryContextSwitchTo(row_context);
    for (const Rate &rate : publication.rates) {
        Datum values[] = {text_datum(rate.cbr_id),
                          text_datum(rate.num_code),
                          text_datum(rate.char_code),
                          Int32GetDatum(rate.nominal),
                          text_datum(rate.name),
                          numeric_datum(rate.value),
                          DateADTGetDatum(to_date_adt(publication.effective_date))};
        bool nulls[lengthof(values)] = {};
        nulls[1] = rate.num_code.empty();
        tuplestore_putvalues(sink.rows, sink.shape, values, nulls);
        MemoryContextReset(row_context);
    }
    MemoryContextSwitchTo(caller);
    MemoryContextDelete(row_context);
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(cbr_daily);
Datum cbr_daily(PG_FUNCTION_ARGS)
{
    const std::optional<Date> on_date = date_argument(fcinfo, 0);
    const RowSink sink = begin_rows(fcinfo);
    auto *publication = make_owned<Publication>();
    run_core([&] { *publication = fetch_daily_by_settings(on_date).publication; });
    put_publication(sink, *publication);
    return static_cast<Datum>(0);
}

PG_FUNCTION_INFO_V1(cbr_parse_daily);
Datum cbr_parse_daily(PG_FUNCTION_ARGS)
{
    const std::string_view document = document_argument(fcinfo, 0);
    const RowSink sink = begin_rows(fcinfo);
    auto *publication = make_owned<Publication>();
    run_core([&] { *publication = read_daily(document, given_document(document)); });
    put_publication(sink, *publication);
    return static_cast<Datum>(0);
}

} // extern "C"

} // namespace cbr::pg
