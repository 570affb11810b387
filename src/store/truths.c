#include "store/truths.h"

/* A smaller table is read whole, in some tenths of a second. A larger one is estimated from a sample of this size. */
enum { SAMPLED_BYTES = 64 * 1024 * 1024 };

const struct truth_name truth_names[TRUTH_COUNT] = {
    [TRUTH_USERS] = {"mayfly_users", "Accounts."},
    [TRUTH_USERS_DISABLED] = {"mayfly_users_disabled", "Accounts that may not log in."},
    [TRUTH_SESSIONS] = {"mayfly_sessions", "Live sessions."},
    [TRUTH_FILES] = {"mayfly_files", "Files, with uploads that are not finished."},
    [TRUTH_FILES_BYTES] = {"mayfly_files_bytes",
                           "Bytes of files, with those reserved for uploads that are not finished."},
    [TRUTH_UPLOADS] = {"mayfly_uploads_pending", "Uploads that are not finished; 100000 and more are 100000."},
    [TRUTH_UPLOADS_BYTES] = {"mayfly_uploads_pending_bytes", "Bytes that unfinished uploads have sent so far."},
    [TRUTH_SWEEP_QUEUE] = {"mayfly_sweep_queue", "Files that the sweeper should remove; 100000 and more are 100000."},
    [TRUTH_SWEEP_OLDEST] = {"mayfly_sweep_oldest_seconds", "How long the oldest file has waited for the sweeper."},
    [TRUTH_OUTCOMES] = {"mayfly_outcomes", "First outcomes that are kept for repeated requests."},
    [TRUTH_OUTCOMES_OLDEST] = {"mayfly_outcomes_oldest_seconds",
                               "Age of the oldest outcome; the sweeper removes old ones."},
    [TRUTH_PARTITION_DAYS] = {"mayfly_partitions_ahead", "Days for which there are partitions of sessions."},
    [TRUTH_CONNECTIONS] = {"mayfly_database_connections", "Connections of workers to PostgreSQL."},
    [TRUTH_CONNECTIONS_MAX] = {"mayfly_database_connections_max", "Connections that PostgreSQL takes, from anybody."},
    [TRUTH_DATABASE_BYTES] = {"mayfly_database_bytes", "Size of the database."},
    [TRUTH_SCHEMA] = {"mayfly_schema_number", "The last change of the schema that was applied."},
};

bool truths_read(struct db *db, struct arena *arena, int64_t values[TRUTH_COUNT], struct err *err)
{
    struct db_result row;

    if (!db_query_one(db, arena, sql_truths(SAMPLED_BYTES), &row, err))
        return false;
    for (int i = 0; i < TRUTH_COUNT; i++)
        values[i] = db_number(&row, 0, i);
    return true;
}
