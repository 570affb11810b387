/* Removes rows whose time is over: expired outcomes and attempts, and the partitions of old sessions. */
#ifndef MAYFLY_STORE_RETENTION_H
#define MAYFLY_STORE_RETENTION_H

#include "base/config.h"
#include "db/db.h"

enum {
    /*
     * Days for which partitions are made in advance: for so long the timer may fail unnoticed before log-ins have to
     * make them.
     */
    PARTITION_DAYS = 14,
    /* Rows of each table that one call removes: few enough that their locks are held only for a moment. */
    EXPIRE_BATCH = 1000,
};

/* Removes at most EXPIRE_BATCH expired outcomes and as many expired attempts. When fewer were removed, none is left. */
bool retention_expire(struct db *, struct arena *, const struct config *, int64_t *removed, struct err *) MUST_CHECK;

/*
 * Makes the partitions of the next PARTITION_DAYS and drops those of one past week. Call it again as long as it changed
 * any.
 */
bool retention_partitions(struct db *, struct arena *, int64_t *changed, struct err *) MUST_CHECK;

#endif
