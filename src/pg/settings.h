// The settings cbr.*: one C variable each, defined when the library is loaded.
#pragma once

#include <string>

#include "pg/postgres_headers.h"

namespace cbr::pg {

enum MissingRate { missing_rate_error, missing_rate_null };

void define_settings();

// The settings as the core takes them; to be called inside run_core().
std::string base_url();
HttpOptions http_options();
CurrencySelection default_currencies();

int max_connections();
MissingRate missing_rate();

// In bytes.
std::size_t max_response_size();

} // namespace cbr::pg
