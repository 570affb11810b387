/* The ids of sessions that end together, whose cached copies are invalidated after COMMIT. */
#ifndef MAYFLY_STORE_SESSION_IDS_H
#define MAYFLY_STORE_SESSION_IDS_H

#include "db/db.h"

/* Zeroed: none. */
struct session_ids {
    struct uuid *ids; /* in the arena */
    size_t count;
};

bool session_ids_add(struct session_ids *, struct arena *, const struct uuid *, struct err *) MUST_CHECK;

/* Adds a column of ids. */
bool session_ids_read(struct session_ids *, struct arena *, const struct db_result *, struct err *) MUST_CHECK;

/* Adds those of a text, separated by commas. */
bool session_ids_parse(struct session_ids *, struct arena *, const char *text, struct err *) MUST_CHECK;

#endif
