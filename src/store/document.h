/*
 * The JSON document of a session or of an account. Its version only grows. A document that was never written is {} with
 * version 0. Removing a document writes {} with the next version, so a version never stands for two contents.
 */
#ifndef MAYFLY_STORE_DOCUMENT_H
#define MAYFLY_STORE_DOCUMENT_H

#include "base/uuid.h"
#include "db/db.h"

enum document_kind { DOCUMENT_SESSION, DOCUMENT_PROFILE };

/*
 * Length as the database writes it. The check data_size in the schema is for workers of the release before, which rely
 * on it.
 */
enum { DOCUMENT_MAX_BYTES = 64 * 1024 };

struct document {
    int64_t version;
    const char *json;
};

bool document_get(struct db *, struct arena *, enum document_kind, const struct uuid *owner, struct document *,
                  struct err *) MUST_CHECK;

/*
 * In a transaction: locks the document and gives its version, and its text if that is wanted; otherwise the text is
 * NULL. DB_NONE: the owner is gone.
 */
enum db_rc document_lock(struct db *, struct arena *, enum document_kind, const struct uuid *owner, bool wants_text,
                         struct document *, struct err *) MUST_CHECK;

/*
 * Queues the next version of the locked document. It is sent with the next statement. json is borrowed until then; it
 * is an object as jsonb_write makes it, of at most DOCUMENT_MAX_BYTES.
 */
bool document_put(struct db *, enum document_kind, const struct uuid *owner, const char *json, struct err *) MUST_CHECK;

#endif
