// Finding stored rates fast, for functions that are called row by row.
//
// The first few look-ups of a currency go to the index; after that its whole series is read once and kept by day, in
// memory of the query. What is kept is used under the snapshot alone under which it was read: a call that sees other
// rows reads them itself.
#pragma once
#include "pg/postgres_headers.h"

namespace cbr::pg {

// Roubles for `nominal` units of a currency.
struct RoublePrice {
    Numeric value;
    std::int32_t nominal;
};

// The price of the currency on the day, or null if no such row is stored. The result lives as long as the call.
// `code` is an ISO code or the Bank's ID in any case; RUB, and RUR, its code before 1998, cost one rouble. Raises an
// error for a malformed code. A row that has the Bank's ID comes before one that a script inserted without.
const RoublePrice *look_up(FunctionCallInfo fcinfo, const text *code, DateADT day);

// The price of the rouble itself.
const RoublePrice *look_up_rouble();

} // namespace cbr::pg
