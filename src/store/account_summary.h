/* Accounts as administrators see them: one by its name, and all of them. */
#ifndef MAYFLY_STORE_ACCOUNT_SUMMARY_H
#define MAYFLY_STORE_ACCOUNT_SUMMARY_H

#include "db/db.h"

struct account_summary {
    struct uuid id;
    const char *username; /* "" for none */
    const char *email;    /* "" for none */
    bool disabled;
    const char *groups; /* separated by commas, "" for none */
};

/* By username or e-mail address, as account_by_login. */
enum db_rc account_summary_find(struct db *, struct arena *, const char *login, struct account_summary *,
                                struct err *) MUST_CHECK;

/* Columns of account_summary_list. */
enum { ACCOUNT_ID, ACCOUNT_USERNAME, ACCOUNT_EMAIL, ACCOUNT_GROUPS, ACCOUNT_DISABLED, ACCOUNT_CREATED, ACCOUNT_JSON };

/* At most `most` accounts that were made after this one, the oldest first. An id of zeroes: from the first on. */
bool account_summary_list(struct db *, struct arena *, const struct uuid *after, int most, struct db_result *rows,
                          struct err *) MUST_CHECK;

#endif
