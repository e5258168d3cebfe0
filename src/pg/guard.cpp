#include <cstring>

#include "pg/guard.h"
#include "pg/text.h"

namespace cbr::pg {
namespace {

// An error that the server's interrupts raised while core code was waiting.
ErrorData *kept_error = nullptr;
bool postmaster_died = false;

// Copies as much as there is room for, without cutting a UTF-8 character.
template <std::size_t size> void copy_text(char (&to)[size], const char *from) noexcept
{
    std::size_t length = strnlen(from, size);
    if (length == size)
        for (length = size - 1; length > 0 && (static_cast<unsigned char>(from[length]) & 0xC0) == 0x80;)
            --length;
    std::memcpy(to, from, length);
    to[length] = '\0';
}

int sqlstate_of(ErrorKind kind)
{
    switch (kind) {
    case ErrorKind::parameter:
        return ERRCODE_INVALID_PARAMETER_VALUE;
    case ErrorKind::date_range:
        return ERRCODE_DATETIME_FIELD_OVERFLOW;
    case ErrorKind::connection:
        return ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION;
    case ErrorKind::protocol:
        return ERRCODE_PROTOCOL_VIOLATION;
    case ErrorKind::transfer:
        return ERRCODE_CONNECTION_FAILURE;
    case ErrorKind::too_large:
        return ERRCODE_PROGRAM_LIMIT_EXCEEDED;
    case ErrorKind::document:
        return ERRCODE_INVALID_XML_DOCUMENT;
    case ErrorKind::number:
        return ERRCODE_INVALID_TEXT_REPRESENTATION;
    case ErrorKind::not_published:
        return ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE;
    case ErrorKind::not_quoted:
        return ERRCODE_NO_DATA_FOUND;
    case ErrorKind::interrupted:
        return ERRCODE_QUERY_CANCELED;
    }
    return ERRCODE_INTERNAL_ERROR;
}

[[noreturn]] void raise_interrupt()
{
    if (kept_error) {
        ErrorData *error = kept_error;
        kept_error = nullptr;
        ReThrowError(error);
    }
    Assert(postmaster_died);
    ereport(FATAL, (errcode(ERRCODE_ADMIN_SHUTDOWN), errmsg("terminating connection because the postmaster exited")));
}

} // namespace

void describe_current_exception(Failure &failure) noexcept
{
    try {
        throw;
    } catch (const Error &error) {
        failure.origin = Failure::Origin::core;
        failure.kind = error.kind;
        copy_text(failure.message, error.message.c_str());
        copy_text(failure.detail, error.detail.c_str());
        copy_text(failure.hint, error.hint.c_str());
    } catch (const std::bad_alloc &) {
        failure.origin = Failure::Origin::memory;
    } catch (const std::exception &error) {
        failure.origin = Failure::Origin::unknown;
        copy_text(failure.message, error.what());
    } catch (...) {
        failure.origin = Failure::Origin::unknown;
        copy_text(failure.message, "unknown exception");
    }
}

void raise(const Failure &failure)
{
    if (failure.origin == Failure::Origin::memory)
        ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
    if (failure.origin != Failure::Origin::core)
        elog(ERROR, "cbr: %s", failure.message);
    if (failure.kind == ErrorKind::interrupted)
        raise_interrupt();
    const char *message = shown_in_server_encoding(failure.message);
    const char *detail = shown_in_server_encoding(failure.detail);
    const char *hint = shown_in_server_encoding(failure.hint);
    ereport(ERROR, (errcode(sqlstate_of(failure.kind)), errmsg("%s", message), *detail ? errdetail("%s", detail) : 0,
                    *hint ? errhint("%s", hint) : 0));
}

// Most interrupts raise nothing (a catalogue's reset, a request to log memory use), so they are let happen here, and
// the transfer goes on. An error would pass over the core's objects: it is caught and kept until these are gone.
bool should_stop() noexcept
{
    if (!PostmasterIsAlive()) {
        postmaster_died = true;
        return true;
    }
    if (!InterruptPending)
        return false;
    MemoryContext context = CurrentMemoryContext;
    volatile bool raised = false;
    PG_TRY();
    {
        CHECK_FOR_INTERRUPTS();
    }
    PG_CATCH();
    {
        MemoryContextSwitchTo(context);
        kept_error = CopyErrorData();
        FlushErrorState();
        raised = true;
    }
    PG_END_TRY();
    return raised;
}

} // namespace cbr::pg
