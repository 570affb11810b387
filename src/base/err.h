/*
 * The one error type. It is set where the failure happens, with all detail, and is passed up unchanged. Kinds are few
 * and chosen by what a caller does about them; http/problem.c alone turns a kind into a status and a public text.
 */
#ifndef MAYFLY_BASE_ERR_H
#define MAYFLY_BASE_ERR_H

#include "base/attr.h"

#include <stdbool.h>
#include <stdint.h>

/* X(kind, word): the word is what clients see as "error". */
#define ERR_KINDS(X)                                                                                                   \
    X(NONE, "none")                                                                                                    \
    X(INPUT, "bad_request")                                                                                            \
    X(LOGIN, "unauthorized")                                                                                           \
    X(DENIED, "forbidden")                                                                                             \
    X(ABSENT, "not_found")                                                                                             \
    X(METHOD, "method_not_allowed")                                                                                    \
    X(CONFLICT, "conflict")                                                                                            \
    X(STALE, "precondition_failed")                                                                                    \
    X(LARGE, "too_large")                                                                                              \
    X(TYPE, "unsupported_type")                                                                                        \
    X(RANGE, "range_not_satisfiable")                                                                                  \
    X(VALUE, "unprocessable")                                                                                          \
    X(LOCKED, "locked")                                                                                                \
    X(LIMIT, "too_many_requests")                                                                                      \
    X(CHECKSUM, "checksum_mismatch")                                                                                   \
    X(DOWN, "unavailable")                                                                                             \
    X(BUG, "internal")

enum err_kind {
#define X(kind, word) ERR_##kind,
    ERR_KINDS(X)
#undef X
};

/* Long enough for a PostgreSQL message with its statement's name. */
enum { ERR_DETAIL_BYTES = 384 };

struct err {
    enum err_kind kind;
    const char *file;
    int line;
    bool busy; /* with ERR_DOWN: another transaction has the lock, so the same request may soon succeed (app/again.h) */
    bool is_internal;              /* field and detail are for the log: clients read what problem.c says of the kind */
    int64_t retry_after_s;         /* with ERR_LIMIT and ERR_DOWN: when to try again */
    char field[32];                /* with ERR_INPUT and ERR_VALUE: the member of the input, or "" */
    char detail[ERR_DETAIL_BYTES]; /* for ERR_DOWN and ERR_BUG it goes to the log only */
};

/* Sets *err and returns false, so that a failing function can `return err_set(err, …)`. Keeps the first error. */
#define err_set(err, kind, ...) err_set_at(err, kind, __FILE__, __LINE__, __VA_ARGS__)
bool err_set_at(struct err *, enum err_kind, const char *file, int line, const char *format, ...) PRINTF_LIKE(5, 6);

/* The same, naming the member of the input that is wrong. */
#define err_field(err, kind, field, ...) err_field_at(err, kind, field, __FILE__, __LINE__, __VA_ARGS__)
bool err_field_at(struct err *, enum err_kind, const char *field, const char *file, int line, const char *format, ...)
    PRINTF_LIKE(6, 7);

/* Sets the error of a failed allocation. */
#define err_memory(err) err_set(err, ERR_DOWN, "out of memory")

void err_clear(struct err *);

/* A constant word such as "not_found". */
const char *err_word(enum err_kind);

#endif
