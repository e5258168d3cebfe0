// URLs, read by libcurl's own parser, so that what is checked is what will be asked.
#pragma once
#include "core/fence.h"

#include <string>

namespace cbr {

// Throws Error(parameter) unless the text is an http or https URL with a host, and without user, query or fragment.
void ensure_base_url(const std::string &text);

// "www.cbr.ru", or "127.0.0.1:8080"; what is no URL comes back as it is.
std::string host_and_port(const std::string &text);

} // namespace cbr
