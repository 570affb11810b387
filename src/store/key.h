/*
 * Keys, with which programs act for an account: tokens (base/token.h) that are looked up like sessions
 * (store/lookups.h), with a cached copy by the same protocol (store/session_cache.h). A key is valid until it expires
 * or is revoked, and while its account is not disabled.
 *
 * Keys are made and revoked in the caller's transaction. Ids of revoked keys need a tombstone, as those of ended
 * sessions do.
 */
#ifndef MAYFLY_STORE_KEY_H
#define MAYFLY_STORE_KEY_H

#include "store/session.h"

/* The scopes of a key. Rows and cached copies have them, so the meaning of a bit never changes. */
enum key_scope {
    KEY_GATE = 1,
    KEY_DATA = 2,     /* the account's document */
    KEY_FILES = 4,    /* uploads and downloads */
    KEY_PASSWORD = 8, /* an app password: it may be sent as the password of Basic, and then opens sites */
    KEY_SCOPES = 4,   /* how many there are */
};

enum {
    /* The schema's CHECK has the same number. A key for more sites is made for all sites. */
    KEY_SITES_MAX = 20,
    /* A key can be made within this time after a log-in, so that a session that is stolen later can't make one. */
    KEY_RECENT_S = 600,
    /* The shortest time between two updates of its last use. A fresh copy is used without an update. */
    KEY_TOUCH_MS = 600 * 1000,
};

/* "gate"; of one bit. */
const char *key_scope_name(enum key_scope);
/* The bit of a name; 0: there is none. */
unsigned key_scope_of(const char *name, size_t length);

/* "gate, files", as it is shown. */
enum { KEY_SCOPES_BYTES = 40 };
void key_scopes_tell(unsigned scopes, char text[KEY_SCOPES_BYTES]);

struct key_draft {
    const char *name;
    unsigned scopes;
    bool all_sites;
    const struct uuid *sites;
    size_t site_count;
    int64_t seconds; /* until its end */
};

/* Finds sites by their names and puts them into the draft. ERR_VALUE names one that does not exist. */
bool key_find_sites(struct db *, struct arena *, const char *const *names, size_t count, struct key_draft *,
                    struct err *) MUST_CHECK;

/* ERR_VALUE: the name can't be shown, or there is no scope. */
bool key_check(const struct key_draft *, struct err *) MUST_CHECK;

/*
 * Of an account whose row is locked (sessions_lock). expires_at is RFC 3339. ERR_CONFLICT: the account has
 * keys_per_account keys. Run again after a lost COMMIT by mayflyctl, it does nothing more.
 */
bool key_add(struct session_store *, struct arena *, const struct uuid *account, const struct token *,
             const struct key_draft *, const char **expires_at, struct err *) MUST_CHECK;

/* DB_NONE: the account has no such key. */
enum db_rc key_revoke(struct session_store *, struct arena *, const struct uuid *id, const struct uuid *account,
                      struct err *) MUST_CHECK;

/* The account's keys that have not ended, as a JSON array, the newest first. */
bool key_list(struct session_store *, struct arena *, const struct uuid *account, const char **json,
              struct err *) MUST_CHECK;

/* The same for an administrator. */
enum { KEY_ROW_ID, KEY_ROW_NAME, KEY_ROW_SCOPES, KEY_ROW_SITES, KEY_ROW_SEEN, KEY_ROW_EXPIRES, KEY_ROW_JSON };
bool key_overview(struct db *, struct arena *, const struct uuid *account, struct db_result *rows,
                  struct err *) MUST_CHECK;
enum db_rc key_owner(struct db *, struct arena *, const struct uuid *id, struct uuid *account, struct err *) MUST_CHECK;

/* For an administrator: a key that is good, without noting its use. DB_NONE: it is none. */
enum db_rc key_find(struct db *, struct arena *, const struct token *, struct session *key, struct err *) MUST_CHECK;

/* Whether a key with the scope for sites opens this one. */
bool key_opens_site(const struct session *, const struct uuid *site);

/* A row of keys_find. */
bool key_read(struct arena *, const struct db_result *, int row, struct session *, struct err *) MUST_CHECK;

#endif
