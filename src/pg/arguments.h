// The arguments that SQL functions of this extension share, on their way into the core.
#pragma once

#include <optional>
#include <string_view>

#include "pg/postgres_headers.h"

namespace cbr::pg {

// A date, or nothing for NULL. Raises an error for infinity.
std::optional<Date> date_argument(FunctionCallInfo fcinfo, int index);

// Two dates, first and last, that must not be NULL; nor infinite.
DateRange range_arguments(FunctionCallInfo fcinfo, int first_index);

DateADT to_date_adt(Date date);
Date from_date_adt(DateADT date);

// Codes in UTF-8, palloc'ed; `given` is false for NULL, which means the setting cbr.currencies.
struct CurrencyArgument {
    bool given = false;
    int count = 0;
    char **codes = nullptr;
};

// Raises an error for an array with a NULL in it.
CurrencyArgument currencies_argument(FunctionCallInfo fcinfo, int index);

// To be called inside run_core(): throws Error.
CurrencySelection selection_of(const CurrencyArgument &argument);

// The bytes of a document. Raises an error (54000) where there are more than cbr.max_response_size.
std::string_view document_argument(FunctionCallInfo fcinfo, int index);

} // namespace cbr::pg
