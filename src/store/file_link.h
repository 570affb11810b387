/*
 * Links by which somebody without an account gets a file. The token is the link's id and 32 random bytes in base64url; the
 * database has its SHA-256: of 256 random bits that needs no key, and neither a dump nor the log of statements opens a file.
 *
 * The release before knows links by a hash keyed with the installation's secret. What it makes is good as long as its key is in
 * the secret's file; what this one makes has that hash as well, for as long as the two may serve side by side.
 *
 * A link for a number of downloads counts each transfer, not each request. A use belongs to its holder: the ticket that a browser
 * gets, or the address (of IPv6 the /64) that a program comes from. Its holder may go on with the transfer, by ranges:
 *
 *   no use --count--> held --go on: fewer bytes left--> held --no bytes left, or its time is over--> no use
 *
 * FILE_LINK_TIMES times the file's bytes may be asked for in all, within the time that the file takes at FILE_LINK_SLOW_BYTES_S, at
 * least FILE_LINK_GRACE_S. A ticket is good for any part. By the address, whoever begins with the first byte begins another transfer,
 * and counts again. Everybody else gets nothing when the uses are used up.
 */
#ifndef MAYFLY_STORE_FILE_LINK_H
#define MAYFLY_STORE_FILE_LINK_H

#include "base/secret.h"
#include "base/sha256.h"
#include "store/file.h"

enum {
    FILE_LINK_TOKEN_BYTES = 64 + 1, /* 48 bytes in base64url, NUL */
    FILE_LINKS_MAX = 100,           /* of one file at a time; who needs more needs an account for its readers */
    FILE_LINK_USES_MAX = 1000000,
    FILE_LINK_GRACE_S = 3600,           /* a pause within a transfer: a lid that was closed, a train in a tunnel */
    FILE_LINK_SLOW_BYTES_S = 64 * 1024, /* a line that is slow */
    FILE_LINK_TIMES = 4, /* one transfer, begun anew three times at its very beginning; more cuts if they come later */
    FILE_LINK_HOLDER_BYTES = SHA256_BYTES,
    FILE_LINK_TICKET_BYTES = 43 + 1, /* 32 bytes in base64url, NUL */
};

/* Whose a use is; of any other link another one. */
struct file_link_holder {
    unsigned char hash[FILE_LINK_HOLDER_BYTES];
};

/* A new ticket; the database has only its hash. Of a text that is none, a holder whom nobody is. */
void file_link_ticket(char ticket[FILE_LINK_TICKET_BYTES]);
void file_link_held_by_ticket(const char *ticket, struct file_link_holder *);
void file_link_held_by_address(const char *address, struct file_link_holder *);

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
    bool counted; /* its downloads are */
    int64_t left; /* of those */
    bool is_held; /* by this holder */
};

/* The link of a token. DB_NONE: none, or it has expired, was revoked or its account is disabled; it may be used up. */
enum db_rc file_link_find(struct file_store *, const struct secret *, struct arena *, const char *token,
                          const struct file_link_holder *, struct file_link_state *, struct err *) MUST_CHECK;

/* Counts a use by a holder, who has asked for bytes of it already. DB_NONE: none was left. */
enum db_rc file_link_use(struct file_store *, struct arena *, const struct file_link_state *,
                         const struct file_link_holder *, int64_t bytes, struct err *) MUST_CHECK;

/* Its holder asks for bytes more. DB_NONE: it is not the holder, or not any more, or has had too many. */
enum db_rc file_link_go_on(struct file_store *, struct arena *, const struct file_link_state *,
                           const struct file_link_holder *, int64_t bytes, struct err *) MUST_CHECK;

#endif
