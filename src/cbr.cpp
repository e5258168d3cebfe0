// The module: its magic block and its start.
#include "pg/settings.h"

extern "C" {

CBR_MODULE_MAGIC;

void _PG_init(void);
void _PG_init(void) { cbr::pg::define_settings(); }

} // extern "C"
