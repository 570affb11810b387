/*
 * Links by which somebody without an account gets a file. The token is the link's id and 32 random bytes in base64url; the
 * database has a hash of it keyed with the installation's secret, so neither a dump nor the log of statements opens a file.
 * A link works as long as the key that was the newest when it was made is in the secret's file.
 *
 * A link for a number of downloads counts each one that begins with the file's first byte. What begins later is a download
 * that goes on (a player that jumps, a download that was cut off) and is free for FILE_LINK_GRACE_S after one that counted;
 * without one it counts itself. So who has the link gets the whole file as often as was said, and parts of it for an hour.
 */
#ifndef MAYFLY_STORE_FILE_LINK_H
#define MAYFLY_STORE_FILE_LINK_H

#include "base/secret.h"
#include "store/file.h"

enum {
    FILE_LINK_TOKEN_BYTES = 64 + 1, /* 48 bytes in base64url, NUL */
    FILE_LINKS_MAX = 100,           /* of one file at a time; who needs more needs an account for its readers */
    FILE_LINK_USES_MAX = 1000000,
    FILE_LINK_GRACE_S = 3600, /* the largest file at a slow line's speed, with a pause */
};

struct file_link {
    struct uuid id;
    char token[FILE_LINK_TOKEN_BYTES];
    const char *expires_at; /* RFC 3339 */
};

/* In the caller's transaction. uses 0: any number. DB_NONE: the file has FILE_LINKS_MAX, or is not there. */
enum db_rc file_link_add(struct file_store *, const struct secret *, struct arena *, const struct uuid *file,
                         const struct uuid *account, int64_t seconds, int64_t uses, struct file_link *,
                         struct err *) MUST_CHECK;

/* What has not expired, as a JSON array without tokens. DB_NONE: there is no such file. */
enum db_rc file_link_list(struct file_store *, struct arena *, const struct uuid *file, const struct uuid *account,
                          const char **json, struct err *) MUST_CHECK;

enum db_rc file_link_revoke(struct file_store *, struct arena *, const struct uuid *file, const struct uuid *account,
                            const struct uuid *link, struct err *) MUST_CHECK;

struct file_link_state {
    struct uuid id;
    struct file file;
    bool counted;     /* its downloads are */
    int64_t left;     /* of those */
    bool is_going_on; /* within FILE_LINK_GRACE_S after one that counted */
};

/* The link of a token. DB_NONE: none, or it has expired, or was revoked; it may be used up. */
enum db_rc file_link_find(struct file_store *, const struct secret *, struct arena *, const char *token,
                          struct file_link_state *, struct err *) MUST_CHECK;

/* Counts one download. DB_NONE: none was left. */
enum db_rc file_link_use(struct file_store *, struct arena *, const struct uuid *link, struct err *) MUST_CHECK;

#endif
