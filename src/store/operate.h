/* What only an administrator does: finds and lists accounts and sessions, sweeps, asks for the state of the schema. */
#ifndef MAYFLY_STORE_OPERATE_H
#define MAYFLY_STORE_OPERATE_H

#include "db/db.h"
#include "store/session.h"

enum {
    /* The last of the changes in sql/schema that this build needs. */
    SCHEMA_NUMBER = 13,
    /* A failing timer has so many days to be noticed before log-ins have to make partitions by themselves. */
    PARTITION_DAYS = 14,
    /* Rows of each table that one call removes: few enough to hold their locks for a moment only. */
    SWEEP_BATCH = 1000,
};

struct operate_account {
    struct uuid id;
    const char *username; /* "" for none */
    const char *email;    /* "" for none */
    bool disabled;
    const char *groups; /* with commas between them, "" for none */
};

/* By username or e-mail address, however it is spelt. */
enum db_rc operate_account_find(struct db *, struct arena *, const char *login, struct operate_account *,
                                struct err *) MUST_CHECK;

/*
 * Inside a transaction, first: from here on nobody makes a session of this account before COMMIT, so its session ids,
 * read after this, are all that could know the old state. DB_NONE: the account is gone.
 */
enum db_rc operate_account_lock(struct db *, struct arena *, const struct uuid *id, struct err *) MUST_CHECK;

/* Columns of operate_account_list. */
enum { ACCOUNT_ID, ACCOUNT_USERNAME, ACCOUNT_EMAIL, ACCOUNT_GROUPS, ACCOUNT_DISABLED, ACCOUNT_CREATED, ACCOUNT_JSON };

/* At most so many of the accounts made after this one, the oldest first. All zeroes: from the first on. */
bool operate_account_list(struct db *, struct arena *, const struct uuid *after, int most, struct db_result *rows,
                          struct err *) MUST_CHECK;

/* Columns of operate_session_list. */
enum { SESSION_ID, SESSION_SEEN, SESSION_EXPIRES, SESSION_ADDRESS, SESSION_AGENT, SESSION_JSON };

/* The account's live sessions, newest use first. */
bool operate_session_list(struct db *, struct arena *, const struct uuid *account, struct db_result *rows,
                          struct err *) MUST_CHECK;

/* Whose session it is. DB_NONE: there is no such session. */
enum db_rc operate_session_owner(struct db *, struct arena *, const struct uuid *id, struct uuid *account,
                                 struct err *) MUST_CHECK;

/* Columns of operate_file_list. */
enum { OVERVIEW_ID, OVERVIEW_KIND, OVERVIEW_SIZE, OVERVIEW_BACK_END, OVERVIEW_CREATED, OVERVIEW_NAME, OVERVIEW_JSON };

/* At most so many of the account's committed files, those before this one (NULL: from the newest), the newest first. */
bool operate_file_list(struct db *, struct arena *, const struct uuid *account, const struct uuid *before, int most,
                       struct db_result *rows, struct err *) MUST_CHECK;

/* Columns of operate_file_show: a row for each thing that is known of it; the last is all of them, in each row. */
enum { SHOWN_NAME, SHOWN_VALUE, SHOWN_JSON };
enum db_rc operate_file_show(struct db *, struct arena *, const struct uuid *id, struct db_result *rows,
                             struct err *) MUST_CHECK;

/* Removes at most SWEEP_BATCH outcomes and as many attempts whose time has passed; less than that: nothing is left. */
bool operate_sweep(struct db *, struct arena *, const struct config *, int64_t *removed, struct err *) MUST_CHECK;

/* Makes the partitions of PARTITION_DAYS and drops those of one past week; to be called again while it changed any. */
bool operate_partitions(struct db *, struct arena *, int64_t *changed, struct err *) MUST_CHECK;

/* Before the installation's secret is rotated. */
enum operate_secret { OPERATE_SECRET_WORKERS, OPERATE_SECRET_LINKS };

/* Columns: each connection of a worker, by the name it gave itself; links that need a key, and until when (one row). */
enum { SECRET_WORKER_NAME, SECRET_WORKER_HOST };
enum { SECRET_LINKS_COUNT = 0, SECRET_LINKS_UNTIL };

bool operate_secret(struct db *, struct arena *, enum operate_secret, struct db_result *rows, struct err *) MUST_CHECK;

/* Columns of operate_schema's changes. */
enum { SCHEMA_CHANGE_NUMBER, SCHEMA_CHANGE_NAME, SCHEMA_CHANGE_APPLIED };

struct operate_schema {
    const char *database;
    int64_t number;           /* of the last change; 0: none was applied */
    struct db_result changes; /* in order */
};

bool operate_schema(struct db *, struct arena *, struct operate_schema *, struct err *) MUST_CHECK;

/*
 * Its number, and whether texts and bytes come from the database as workers read them, in one round trip; what was never a schema
 * of mayfly's is ERR_BUG.
 */
bool operate_schema_number(struct db *, struct arena *, int64_t *number, bool *readable, struct err *) MUST_CHECK;

#endif
