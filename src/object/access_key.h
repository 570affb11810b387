/*
 * The key to an object storage: S3's access key id, secret access key and session token. It is kept in memory that
 * libsodium locks, guards and wipes, and is never logged.
 */
#ifndef MAYFLY_OBJECT_ACCESS_KEY_H
#define MAYFLY_OBJECT_ACCESS_KEY_H

#include "base/err.h"

enum {
    ACCESS_KEY_ID_MAX = 128,     /* AWS: 16 to 128 */
    ACCESS_KEY_SECRET_MAX = 128, /* AWS: 40; others more */
    ACCESS_KEY_TOKEN_MAX = 4096, /* AWS gives no limit; a header of more is refused by most servers */
};

struct access_key {
    char id[ACCESS_KEY_ID_MAX + 1];
    char secret[ACCESS_KEY_SECRET_MAX + 1];
    char token[ACCESS_KEY_TOKEN_MAX + 1]; /* "": none */
};

/*
 * Reads AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN from a file, or from the environment when path
 * is "". The file has lines of `name = value`, in upper or lower case, so the file of the AWS tools is accepted. A path
 * without a slash is a file in $CREDENTIALS_DIRECTORY, where systemd's LoadCredential puts it. ERR_INPUT says what is
 * missing and shows no value. sodium_init must have been called.
 */
bool access_key_load(struct access_key **keyp, const char *path, struct err *) MUST_CHECK;
void access_key_free(struct access_key *);

#endif
