// The fields that the Bank's documents share, checked as they are read. Each throws Error(document), or Error(number)
// for a number or date that is malformed or cannot be.
#pragma once
#include "core/date.h"
#include "core/document.h"
#include "core/fence.h"

#include <cstdint>
#include <string>

namespace cbr {

// The Bank's ID of a currency: R01235.
std::string read_bank_id(const Element &element, const char *field);

// dd.mm.yyyy or dd/mm/yyyy.
Date read_date(const Element &element, const char *field);

// A whole number from 1 on.
std::int32_t read_nominal(const Element &element);

// As numeric reads it, digit for digit, greater than zero.
std::string read_positive(const Element &element, const char *field);

// A numeric code of ISO 4217, zero-padded to three digits; empty where there is none.
std::string read_num_code(const Element &element, const char *field);

} // namespace cbr
