// Rows that a set-returning function hands to its caller: they are put into a tuplestore, which spills to disk.
#pragma once
#include "pg/postgres_headers.h"

namespace cbr::pg {

class RowSink {
public:
    // Makes the calling function return the rows put here.
    explicit RowSink(FunctionCallInfo fcinfo);

    // Calls `fill(values, nulls)` for one row, in memory that is free again afterwards. All nulls are false before.
    template <class Fill> void put(Fill fill)
    {
        MemoryContext caller = MemoryContextSwitchTo(row_context_);
        Datum values[max_columns];
        bool nulls[max_columns] = {};
        fill(values, nulls);
        tuplestore_putvalues(rows_, shape_, values, nulls);
        MemoryContextSwitchTo(caller);
        MemoryContextReset(row_context_);
    }

private:
    static constexpr int max_columns = 8;

    MemoryContext row_context_;
    Tuplestorestate *rows_;
    TupleDesc shape_;
};

// Values for rows; text is given in UTF-8.
Datum text_datum(const std::string &utf8);
Datum numeric_datum(const std::string &decimal);
Datum date_datum(Date date);

} // namespace cbr::pg
