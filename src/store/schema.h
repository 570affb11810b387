/* Which changes of sql/schema the database has, and which this build needs. */
#ifndef MAYFLY_STORE_SCHEMA_H
#define MAYFLY_STORE_SCHEMA_H

#include "db/db.h"

enum {
    /* The last of the changes in sql/schema that this build needs. */
    SCHEMA_NUMBER = 15,
};

/* Columns of schema_read's changes. */
enum { SCHEMA_CHANGE_NUMBER, SCHEMA_CHANGE_NAME, SCHEMA_CHANGE_APPLIED };

struct schema {
    const char *database;
    int64_t number;           /* of the last change that was applied; 0: none */
    struct db_result changes; /* in order */
};

bool schema_read(struct db *, struct arena *, struct schema *, struct err *) MUST_CHECK;

/*
 * ERR_STALE says what is missing and how to apply it. A newer schema is accepted, so that two releases can serve side
 * by side.
 */
bool schema_reaches(const struct schema *, struct err *) MUST_CHECK;

/*
 * Reads, in one round trip, the number of the schema and whether the database sends texts and bytes as workers read
 * them. ERR_BUG: it is not a schema of mayfly.
 */
bool schema_number(struct db *, struct arena *, int64_t *number, bool *readable, struct err *) MUST_CHECK;

#endif
