/*
 * Links by which people without an account get a file. A token is the link's id and 32 random bytes, in base64url. The
 * database has only its SHA-256: 256 random bits need no key, and neither a dump nor the log of statements opens a
 * file.
 *
 * The release before stores a hash that is keyed with the installation's secret. Its links stay valid as long as that
 * key is in the secret's file. Links that this release makes have that hash too, as long as the two releases may serve
 * side by side.
 *
 * A link for a number of downloads counts transfers, not requests. A use belongs to its holder: to the ticket that a
 * browser gets, or to the address (a /64 of IPv6) that a program comes from. The holder may continue the transfer by
 * ranges:
 *
 *   no use --count--> held --continue: fewer bytes left--> held --no bytes left, or its time is over--> no use
 *
 * In all, FILE_LINK_TIMES times the bytes of the file may be asked for, within the time that the file takes at
 * FILE_LINK_SLOW_BYTES_S, but at least FILE_LINK_GRACE_S. A ticket is valid for any part. For a program, a request for
 * the first byte begins another transfer and counts again. When all uses are used up, everybody else gets nothing.
 */
#ifndef MAYFLY_STORE_FILE_LINK_H
#define MAYFLY_STORE_FILE_LINK_H

#include "base/secret.h"
#include "base/sha256.h"
#include "store/file.h"

enum {
    FILE_LINK_TOKEN_BYTES = 64 + 1, /* 48 bytes in base64url, NUL */
    FILE_LINKS_MAX = 100,           /* for one file; for more readers, give them accounts */
    FILE_LINK_USES_MAX = 1000000,
    /* pause that a transfer may make, as when a laptop is closed or a train is in a tunnel */
    FILE_LINK_GRACE_S = 3600,
    FILE_LINK_SLOW_BYTES_S = 64 * 1024, /* bytes a second of a slow line */
    /* one transfer that starts again from the beginning three times, or more often from a later byte */
    FILE_LINK_TIMES = 4,
    FILE_LINK_HOLDER_BYTES = SHA256_BYTES,
    FILE_LINK_TICKET_BYTES = 43 + 1, /* 32 bytes in base64url, NUL */
};

/* The holder of a use. The same device or address is another holder for another link. */
struct file_link_holder {
    unsigned char hash[FILE_LINK_HOLDER_BYTES];
};

/* Makes a new ticket. The database has only its hash. For a text that is not a ticket, the holder equals no other. */
void file_link_ticket(char ticket[FILE_LINK_TICKET_BYTES]);
void file_link_held_by_ticket(const char *ticket, struct file_link_holder *);
void file_link_held_by_address(const char *address, struct file_link_holder *);

struct file_link {
    struct uuid id;
    char token[FILE_LINK_TOKEN_BYTES];
    const char *expires_at; /* RFC 3339 */
};

/*
 * In the caller's transaction: makes a link. uses 0: any number. DB_NONE: the file has FILE_LINKS_MAX links, or does
 * not exist.
 */
enum db_rc file_link_add(struct file_store *, const struct secret *, struct arena *, const struct uuid *file,
                         const struct uuid *account, int64_t seconds, int64_t uses, struct file_link *,
                         struct err *) MUST_CHECK;

/* Links that have not expired, as a JSON array without tokens. DB_NONE: there is no such file. */
enum db_rc file_link_list(struct file_store *, struct arena *, const struct uuid *file, const struct uuid *account,
                          const char **json, struct err *) MUST_CHECK;

enum db_rc file_link_revoke(struct file_store *, struct arena *, const struct uuid *file, const struct uuid *account,
                            const struct uuid *link, struct err *) MUST_CHECK;

struct file_link_state {
    struct uuid id;
    struct file file;
    bool counted; /* its downloads are counted */
    int64_t left; /* downloads that are left */
    bool is_held; /* a use is held by this holder */
};

/*
 * Finds the link of a token. It may be used up. DB_NONE: there is none, or it has expired or was revoked, or its
 * account is disabled.
 */
enum db_rc file_link_find(struct file_store *, const struct secret *, struct arena *, const char *token,
                          const struct file_link_holder *, struct file_link_state *, struct err *) MUST_CHECK;

/* Counts a use by a holder that has asked for so many bytes already. DB_NONE: no use was left. */
enum db_rc file_link_use(struct file_store *, struct arena *, const struct file_link_state *,
                         const struct file_link_holder *, int64_t bytes, struct err *) MUST_CHECK;

/*
 * Adds the bytes that the holder asks for. DB_NONE: it holds no use, its time is over, or it has asked for too many
 * bytes.
 */
enum db_rc file_link_go_on(struct file_store *, struct arena *, const struct file_link_state *,
                           const struct file_link_holder *, int64_t bytes, struct err *) MUST_CHECK;

#endif
