/*
 * The JSON document of a session or of an account. It has a version that only grows; one that was never written is {}
 * with version 0. Removing it writes {} with the next version, so that no version ever means two contents.
 */
#ifndef MAYFLY_STORE_DOCUMENT_H
#define MAYFLY_STORE_DOCUMENT_H

#include "base/uuid.h"
#include "store/db.h"

enum document_kind { DOCUMENT_SESSION, DOCUMENT_PROFILE };

enum { DOCUMENT_MAX_BYTES = 64 * 1024 };

struct document {
    int64_t version;
    const char *json;
};

bool document_get(struct db *, struct arena *, enum document_kind, const struct uuid *owner, struct document *,
                  struct err *) MUST_CHECK;

/* Inside a transaction: makes writers take turns and tells the version. DB_NONE: the owner is gone. */
enum db_rc document_lock(struct db *, struct arena *, enum document_kind, const struct uuid *owner, int64_t *version,
                         struct err *) MUST_CHECK;

/* json is an object. ERR_LARGE when the document would pass DOCUMENT_MAX_BYTES as the database writes it. */
bool document_put(struct db *, struct arena *, enum document_kind, const struct uuid *owner, const char *json,
                  struct document *, struct err *) MUST_CHECK;

/* Merges a patch (RFC 7396) into the locked row. */
bool document_patch(struct db *, struct arena *, enum document_kind, const struct uuid *owner, const char *patch,
                    struct document *, struct err *) MUST_CHECK;

#endif
