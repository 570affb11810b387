/*
 * Keys of sites, with which the server of an app proves which site it belongs to. They belong to no account, so users
 * can't make them, and they do not end with an account. site_begin is called before one is made or revoked.
 */
#ifndef MAYFLY_STORE_SITE_KEY_H
#define MAYFLY_STORE_SITE_KEY_H

#include "base/token.h"
#include "db/db.h"

enum {
    /* One for each of its servers, and another while one is replaced. */
    SITE_KEYS_MAX = 10,
    SITE_KEY_LABEL_MAX = 60, /* characters; the schema's CHECK has the same number */
};

/* The site of a key; notes its use from time to time. DB_NONE: there is no such key, or it was revoked. */
enum db_rc site_key_find(struct db *, struct arena *, const struct token *, struct uuid *site, struct err *) MUST_CHECK;

/* Queued last in a transaction on behalf of a key, which fails with ERR_LOGIN when the key was revoked meanwhile. */
bool site_key_confirm(struct db *, const struct uuid *id, struct err *) MUST_CHECK;

/* ERR_LIMIT: the site has SITE_KEYS_MAX. Run again after a lost COMMIT, it does the same. */
bool site_key_add(struct db *, struct arena *, const struct token *, const struct uuid *site, const char *label,
                  const char *by, struct err *) MUST_CHECK;

enum db_rc site_key_remove(struct db *, struct arena *, const struct uuid *id, struct err *) MUST_CHECK;

/* Columns of site_key_list. */
enum { SITE_KEY_ID, SITE_KEY_LABEL, SITE_KEY_CREATED, SITE_KEY_BY, SITE_KEY_SEEN, SITE_KEY_JSON };
bool site_key_list(struct db *, struct arena *, const struct uuid *site, struct db_result *rows,
                   struct err *) MUST_CHECK;

#endif
