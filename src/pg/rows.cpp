#include "pg/rows.h"

#include "pg/arguments.h"
#include "pg/text.h"

namespace cbr::pg {

RowSink::RowSink(FunctionCallInfo fcinfo)
{
    auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
    if (!result || !IsA(result, ReturnSetInfo) || !(result->allowedModes & SFRM_Materialize))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("set-valued function called in context that cannot accept a set")));
    row_context_ = AllocSetContextCreate(CurrentMemoryContext, "cbr row", ALLOCSET_SMALL_SIZES);
    MemoryContext caller = MemoryContextSwitchTo(result->econtext->ecxt_per_query_memory);
    rows_ = tuplestore_begin_heap((result->allowedModes & SFRM_Materialize_Random) != 0, false, work_mem);
    if (get_call_result_type(fcinfo, nullptr, &shape_) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "return type must be a row type");
    Assert(shape_->natts <= max_columns);
    shape_ = BlessTupleDesc(shape_);
    result->returnMode = SFRM_Materialize;
    result->setResult = rows_;
    result->setDesc = shape_;
    MemoryContextSwitchTo(caller);
}

Datum text_datum(const std::string &utf8) { return PointerGetDatum(cstring_to_text(to_server_encoding(utf8))); }

Datum numeric_datum(const std::string &decimal)
{
    return DirectFunctionCall3(numeric_in, CStringGetDatum(decimal.c_str()), ObjectIdGetDatum(InvalidOid),
                               Int32GetDatum(-1));
}

Datum date_datum(Date date) { return DateADTGetDatum(to_date_adt(date)); }

} // namespace cbr::pg
