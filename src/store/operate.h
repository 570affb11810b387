/*
 * What only an administrator does: finding and listing accounts and sessions, removing expired rows, reading the state
 * of the schema.
 */
#ifndef MAYFLY_STORE_OPERATE_H
#define MAYFLY_STORE_OPERATE_H

#include "db/db.h"
#include "store/session.h"

enum {
    /* The last of the changes in sql/schema that this build needs. */
    SCHEMA_NUMBER = 15,
    /*
     * Days for which partitions are made in advance: so long a timer that fails may go unnoticed before log-ins make
     * them.
     */
    PARTITION_DAYS = 14,
    /* Rows of each table that one call removes: few enough that their locks are held only for a moment. */
    EXPIRE_BATCH = 1000,
};

struct operate_account {
    struct uuid id;
    const char *username; /* "" for none */
    const char *email;    /* "" for none */
    bool disabled;
    const char *groups; /* with commas between them, "" for none */
};

/* By username or e-mail address, as account_by_login. */
enum db_rc operate_account_find(struct db *, struct arena *, const char *login, struct operate_account *,
                                struct err *) MUST_CHECK;

/*
 * The first statement of a transaction: until COMMIT no other transaction makes a session of this account, so the ids
 * of its sessions, read after this, are all whose cached copies may be out of date. DB_NONE: the account is gone.
 */
enum db_rc operate_account_lock(struct db *, struct arena *, const struct uuid *id, struct err *) MUST_CHECK;

/* Whether anybody has the group: DB_ROW. Reads all accounts. */
enum db_rc operate_group_used(struct db *, struct arena *, const char *group, struct err *) MUST_CHECK;

/* Columns of operate_account_list. */
enum { ACCOUNT_ID, ACCOUNT_USERNAME, ACCOUNT_EMAIL, ACCOUNT_GROUPS, ACCOUNT_DISABLED, ACCOUNT_CREATED, ACCOUNT_JSON };

/* Accounts made after this one, the oldest first, at most so many. An id of zeroes: from the first on. */
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

/* Committed files of the account before this one (NULL: from the newest), the newest first, at most so many. */
bool operate_file_list(struct db *, struct arena *, const struct uuid *account, const struct uuid *before, int most,
                       struct db_result *rows, struct err *) MUST_CHECK;

/* Columns of operate_file_show. Each row is one fact about the file; the last column has all facts, in each row. */
enum { SHOWN_NAME, SHOWN_VALUE, SHOWN_JSON };
enum db_rc operate_file_show(struct db *, struct arena *, const struct uuid *id, struct db_result *rows,
                             struct err *) MUST_CHECK;

/* Removes at most EXPIRE_BATCH expired outcomes and as many expired attempts. When fewer were removed, none is left. */
bool operate_expire(struct db *, struct arena *, const struct config *, int64_t *removed, struct err *) MUST_CHECK;

/*
 * Makes the partitions of the next PARTITION_DAYS and drops those of one past week. Call it again as long as it changed
 * any.
 */
bool operate_partitions(struct db *, struct arena *, int64_t *changed, struct err *) MUST_CHECK;

/* What has to be known before the installation's secret is rotated. */
enum operate_secret { OPERATE_SECRET_WORKERS, OPERATE_SECRET_LINKS };

/*
 * Columns of OPERATE_SECRET_WORKERS: a row for each connection of a worker, with its name. OPERATE_SECRET_LINKS has one
 * row: how many links need a key, and until when.
 */
enum { SECRET_WORKER_NAME, SECRET_WORKER_HOST };
enum { SECRET_LINKS_COUNT = 0, SECRET_LINKS_UNTIL };

bool operate_secret(struct db *, struct arena *, enum operate_secret, struct db_result *rows, struct err *) MUST_CHECK;

/* Columns of operate_schema's changes. */
enum { SCHEMA_CHANGE_NUMBER, SCHEMA_CHANGE_NAME, SCHEMA_CHANGE_APPLIED };

struct operate_schema {
    const char *database;
    int64_t number;           /* of the last change that was applied; 0: none */
    struct db_result changes; /* in order */
};

bool operate_schema(struct db *, struct arena *, struct operate_schema *, struct err *) MUST_CHECK;

/*
 * Reads, in one round trip, the number of the schema and whether the database sends texts and bytes as workers read
 * them. ERR_BUG: it is not a schema of mayfly.
 */
bool operate_schema_number(struct db *, struct arena *, int64_t *number, bool *readable, struct err *) MUST_CHECK;

#endif
