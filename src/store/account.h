/* Accounts: their names, passwords and profiles, and whether they may log in. */
#ifndef MAYFLY_STORE_ACCOUNT_H
#define MAYFLY_STORE_ACCOUNT_H

#include "base/uuid.h"
#include "db/db.h"
#include "store/session_ids.h"

struct account {
    struct uuid id;
    bool disabled;
    const char *password_hash;
    const char *profile; /* ready JSON */
};

/*
 * The fields that a user chooses, without spaces around them. NULL: the member is not given. account_check checks them.
 */
struct account_fields {
    const char *username;
    const char *email;
    const char *name;
};

/* ERR_VALUE names the field that is refused. */
bool account_check(const struct account_fields *, struct err *) MUST_CHECK;

/* ERR_CONFLICT names the field that another account has, or that looks like another account's. */
bool account_create(struct db *, struct arena *, const struct uuid *id, const struct account_fields *,
                    const char *password_hash, const char **profile, struct err *) MUST_CHECK;

/*
 * Finds an account by its username or e-mail address. Case, normal form and spaces around the text do not matter. *key
 * is the canonical spelling, also with DB_NONE. ERR_VALUE: no account can have this text; the database is not asked.
 */
enum db_rc account_by_login(struct db *, struct arena *, const char *login, struct account *, const char **key,
                            struct err *) MUST_CHECK;
enum db_rc account_by_id(struct db *, struct arena *, const struct uuid *id, struct account *, struct err *) MUST_CHECK;

/*
 * In a transaction: DB_ROW when the account still has this hash and may log in. It stays so until COMMIT, because the
 * row is locked. The password may have been changed after it was verified.
 */
enum db_rc account_confirm(struct db *, struct arena *, const struct account *, struct err *) MUST_CHECK;

/* Changes name when it is not NULL, and the address when email_given: NULL or "" removes it. */
enum db_rc account_update(struct db *, struct arena *, const struct uuid *id, const struct account_fields *,
                          bool email_given, const char **profile, struct err *) MUST_CHECK;

/* replaced: only when this is still the hash; NULL for any. DB_NONE: it is another one, or there is no such account. */
enum db_rc account_set_password(struct db *, struct arena *, const struct uuid *id, const char *hash,
                                const char *replaced, struct err *) MUST_CHECK;

/*
 * The first statement of a transaction: until COMMIT no other transaction makes a session of this account, so the ids
 * of its sessions, read after this, are all whose cached copies may be out of date. DB_NONE: the account is gone.
 */
enum db_rc account_lock(struct db *, struct arena *, const struct uuid *id, struct err *) MUST_CHECK;

/*
 * In a transaction that has locked the account's row (account_confirm, account_lock): disables the account and
 * frees its names. The sweeper removes its rows and files (store/sweep.h). *ended gets the ids of its sessions.
 */
bool account_close(struct db *, struct arena *, const struct uuid *id, struct session_ids *ended,
                   struct err *) MUST_CHECK;

enum db_rc account_set_disabled(struct db *, struct arena *, const struct uuid *id, bool disabled,
                                struct err *) MUST_CHECK;
/* Makes a file of the account the picture of its profile. */
enum db_rc account_set_photo(struct db *, struct arena *, const struct uuid *id, const struct uuid *file,
                             struct err *) MUST_CHECK;

/* groups: checked by the caller. */
enum db_rc account_set_groups(struct db *, struct arena *, const struct uuid *id, struct db_texts groups,
                              struct err *) MUST_CHECK;

/* Whether an account has the group: DB_ROW. Reads all accounts. */
enum db_rc account_any_in_group(struct db *, struct arena *, const char *group, struct err *) MUST_CHECK;

#endif
