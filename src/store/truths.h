/* The state of the whole cluster, read by one statement that reads a bounded part of each table. */
#ifndef MAYFLY_STORE_TRUTHS_H
#define MAYFLY_STORE_TRUTHS_H

#include "db/db.h"

/* In the order of the statement's columns. */
enum truth {
    TRUTH_USERS,
    TRUTH_USERS_DISABLED,
    TRUTH_SESSIONS,
    TRUTH_FILES,
    TRUTH_FILES_BYTES,
    TRUTH_UPLOADS,
    TRUTH_UPLOADS_BYTES,
    TRUTH_SWEEP_QUEUE,
    TRUTH_SWEEP_OLDEST,
    TRUTH_OUTCOMES,
    TRUTH_OUTCOMES_OLDEST,
    TRUTH_PARTITION_DAYS,
    TRUTH_CONNECTIONS,
    TRUTH_CONNECTIONS_MAX,
    TRUTH_DATABASE_BYTES,
    TRUTH_SCHEMA,
    TRUTH_COUNT
};

/* Its name in /metrics, and its description. */
struct truth_name {
    const char *name;
    const char *help;
};

extern const struct truth_name truth_names[TRUTH_COUNT];

bool truths_read(struct db *, struct arena *, int64_t values[TRUTH_COUNT], struct err *) MUST_CHECK;

#endif
