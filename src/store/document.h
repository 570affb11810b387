/*
 * The JSON document of a session or of an account. It has a version that only grows; one that was never written is {}
 * with version 0. Removing it writes {} with the next version, so that no version ever means two contents.
 */
#ifndef MAYFLY_STORE_DOCUMENT_H
#define MAYFLY_STORE_DOCUMENT_H

#include "base/uuid.h"
#include "db/db.h"

enum document_kind { DOCUMENT_SESSION, DOCUMENT_PROFILE };

/* As the database writes it. Its own check (data_size) is for the release before, which left this to it. */
enum { DOCUMENT_MAX_BYTES = 64 * 1024 };

struct document {
    int64_t version;
    const char *json;
};

bool document_get(struct db *, struct arena *, enum document_kind, const struct uuid *owner, struct document *,
                  struct err *) MUST_CHECK;

/*
 * Inside a transaction: makes writers take turns and tells what is there; the text only when it is wanted, else it is NULL.
 * DB_NONE: the owner is gone.
 */
enum db_rc document_lock(struct db *, struct arena *, enum document_kind, const struct uuid *owner, bool wants_text,
                         struct document *, struct err *) MUST_CHECK;

/*
 * Queues the next version of the locked document, to leave with what is sent next. json, borrowed until then, is an object as
 * jsonb_write makes it, of at most DOCUMENT_MAX_BYTES.
 */
bool document_put(struct db *, enum document_kind, const struct uuid *owner, const char *json, struct err *) MUST_CHECK;

#endif
