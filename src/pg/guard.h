// The wall between C++ and PostgreSQL, in both directions.
//
// An exception must not reach the server, and the server's errors (longjmp) must not pass over a C++ object that has
// a destructor. So core code runs inside run_core(): whatever it throws becomes a plain struct, all its objects die,
// and only then is the error raised. What the core returns lives in memory that a memory context owns.
#pragma once

#include <new>
#include <type_traits>

#include "pg/postgres_headers.h"

namespace cbr::pg {

// What is left of a failure once its exception is gone. Text is UTF-8, cut where it is too long.
struct Failure {
    enum class Origin { none, core, memory, unknown } origin = Origin::none;
    ErrorKind kind = ErrorKind::parameter;
    char message[512] = "";
    char detail[2048] = "";
    char hint[512] = "";
};

// To be called in a catch block: describes the exception under way.
void describe_current_exception(Failure &failure) noexcept;

// Raises the failure as an error of the server, with its SQLSTATE. An interrupt is raised as the server's own.
[[noreturn]] void raise(const Failure &failure);

// The core's should_stop: lets the server's interrupts happen. An error that they raise is kept for raise().
bool should_stop() noexcept;

template <class Body> bool try_core(const Body &body, Failure &failure) noexcept
{
    try {
        body();
        return true;
    } catch (...) {
        describe_current_exception(failure);
        return false;
    }
}

// Runs core code. `body` must capture plain values and references alone, since an error passes over it.
template <class Body> void run_core(const Body &body)
{
    static_assert(std::is_trivially_destructible_v<Body>);
    Failure failure;
    if (!try_core(body, failure))
        raise(failure);
}

// A new object of the core that lives as long as the memory context.
template <class Object> Object *make_owned(MemoryContext context = CurrentMemoryContext)
{
    static_assert(std::is_nothrow_default_constructible_v<Object> && alignof(Object) <= MAXIMUM_ALIGNOF);
    auto *callback =
        static_cast<MemoryContextCallback *>(MemoryContextAllocZero(context, sizeof(MemoryContextCallback)));
    auto *object = new (MemoryContextAlloc(context, sizeof(Object))) Object();
    callback->func = [](void *owned) { static_cast<Object *>(owned)->~Object(); };
    callback->arg = object;
    MemoryContextRegisterResetCallback(context, callback);
    return object;
}

} // namespace cbr::pg
