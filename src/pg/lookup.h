// Finding stored rates fast, for functions that are called row by row.
//
// The first few look-ups of a currency go to the index; after that its whole series is read once and kept by day, in
// memory of the query. What is kept is used under the snapshot alone under which it was read: a call that sees other
// rows reads them itself.
#pragma once
#include "pg/postgres_headers.h"

namespace cbr::pg {

// Roubles for `nominal` units of a currency. Valid until the next look-up of the same object.
struct RoublePrice {
    Numeric value;
    std::int32_t nominal;
    int currency; // the same for the same code within a call of the SQL function; `rouble` for RUB and RUR

    static constexpr int rouble = -1;
    static constexpr std::size_t longest_short_numeric = 11;           // bytes without the header; "12345.6789" has 8
    alignas(std::int32_t) char room[VARHDRSZ + longest_short_numeric]; // where `value` may stand
};

// Sets `price` to that of the currency on the day; false if no such row is stored. `given` is an ISO code or the Bank's
// ID in any case; RUB, and RUR, its code before 1998, cost one rouble. Raises an error for a malformed code. A row that
// has the Bank's ID comes before one that a script inserted without.
bool look_up(FunctionCallInfo fcinfo, const text *given, DateADT day, RoublePrice &price);

// A whole number as numeric; kept for the session where it is a power of ten, as the Bank's nominals are.
Numeric numeric_of(std::int32_t number);

} // namespace cbr::pg
