// PostgreSQL's headers, and every difference between its versions 12 to 18 that this extension meets.
// The core's headers and the standard library's come first: postgres.h redefines names of theirs.
#pragma once
#include "core/currency.h"
#include "core/daily.h"
#include "core/directory.h"
#include "core/error.h"
#include "core/in_force.h"
#include "core/service.h"
#include "core/text.h"

extern "C" {
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/pmsignal.h"
#include "storage/proc.h"
#include "tcop/utility.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/date.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif
}

#if PG_VERSION_NUM < 120000
#error "PostgreSQL 12 or newer is needed"
#endif

// Since 18 the server shows the name and version of a module.
#if PG_VERSION_NUM >= 180000
#define CBR_MODULE_MAGIC PG_MODULE_MAGIC_EXT(.name = "cbr", .version = CBR_VERSION)
#else
#define CBR_MODULE_MAGIC PG_MODULE_MAGIC
#endif

// The number that a backend gives to its transaction.
inline LocalTransactionId own_local_transaction_id()
{
#if PG_VERSION_NUM >= 170000
    return MyProc->vxid.lxid;
#else
    return MyProc->lxid;
#endif
}

// The number of a wait event of this name; before 17 an extension has none of its own.
inline uint32 own_wait_event([[maybe_unused]] const char *name)
{
#if PG_VERSION_NUM >= 170000
    return WaitEventExtensionNew(name);
#else
    return PG_WAIT_EXTENSION;
#endif
}

// Since 15 a prefix can be reserved, so that a misspelt setting is an error; before, it is a warning.
#if PG_VERSION_NUM < 150000
#define MarkGUCPrefixReserved(prefix) EmitWarningsOnPlaceholders(prefix)
#endif
