/* Accounts: who may log in, and what is known of them. */
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

/* A name and how to reach somebody, without spaces around them; NULL where a member is not given. Checked by account_check. */
struct account_fields {
    const char *username;
    const char *email;
    const char *name;
};

/* ERR_VALUE with the field that can't be taken. */
bool account_check(const struct account_fields *, struct err *) MUST_CHECK;

/* ERR_CONFLICT with the field that somebody else has, or that looks like somebody else's. */
bool account_create(struct db *, struct arena *, const struct uuid *id, const struct account_fields *,
                    const char *password_hash, const char **profile, struct err *) MUST_CHECK;

/*
 * By username or e-mail address, however it is spelt and whatever spaces are around it; *key is the one spelling that stands for all, also with DB_NONE.
 * ERR_VALUE for a text that nobody can have registered, before the database sees it.
 */
enum db_rc account_by_login(struct db *, struct arena *, const char *login, struct account *, const char **key,
                            struct err *) MUST_CHECK;
enum db_rc account_by_id(struct db *, struct arena *, const struct uuid *id, struct account *, struct err *) MUST_CHECK;

/*
 * Inside a transaction: DB_ROW when the account still has this hash and may log in, and keeps it so until COMMIT. A
 * password that was verified before can have been changed meanwhile.
 */
enum db_rc account_confirm(struct db *, struct arena *, const struct account *, struct err *) MUST_CHECK;

/* Changes name when it is not NULL, and the address when email_given: NULL or "" removes it. */
enum db_rc account_update(struct db *, struct arena *, const struct uuid *id, const struct account_fields *,
                          bool email_given, const char **profile, struct err *) MUST_CHECK;

/* replaced: only when this is still the hash; NULL for any. DB_NONE: it is another one, or there is no such account. */
enum db_rc account_set_password(struct db *, struct arena *, const struct uuid *id, const char *hash,
                                const char *replaced, struct err *) MUST_CHECK;

/*
 * Inside a transaction, with the account's row locked (account_confirm, operate_account_lock): nothing of it can be reached any
 * more, and its names are free. Its files follow (store/sweep.h). The ids of its sessions go to *ended.
 */
bool account_close(struct db *, struct arena *, const struct uuid *id, struct session_ids *ended,
                   struct err *) MUST_CHECK;

enum db_rc account_set_disabled(struct db *, struct arena *, const struct uuid *id, bool disabled,
                                struct err *) MUST_CHECK;
/* A file of theirs is the profile's picture from now on. */
enum db_rc account_set_photo(struct db *, struct arena *, const struct uuid *id, const struct uuid *file,
                             struct err *) MUST_CHECK;

/* groups: checked by the caller. */
enum db_rc account_set_groups(struct db *, struct arena *, const struct uuid *id, struct db_texts groups,
                              struct err *) MUST_CHECK;

#endif
