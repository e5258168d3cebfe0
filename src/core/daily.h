// Reads XML_daily and XML_daily_eng: the publication in force on a day.
#pragma once
#include "core/document.h"
#include "core/fence.h"
#include "core/rate.h"

namespace cbr {

// Throws Error: document or number for what the document is, date_range where the service said "Error in parameters".
Publication read_daily(std::string_view bytes, const DocumentSource &source);

// Is this the publication in force on `asked`? It is if it took effect on that day, or on one of the 31 days before;
// for a day after `today` (in Moscow) only if it is that day's own. Throws Error(not_published) or Error(document).
void ensure_in_force(const Publication &publication, Date asked, Date today, const DocumentSource &source);

} // namespace cbr
