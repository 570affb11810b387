/*
 * The file of the installation's secret as mayflyctl writes it: keys in the order in which base/secret.h reads them,
 * each with a remark that says its state and since when. Lines that are remarks alone stay at the beginning.
 */
#ifndef MAYFLY_CTL_SECRET_FILE_H
#define MAYFLY_CTL_SECRET_FILE_H

#include "base/secret.h"

#include <stdint.h>
#include <sys/stat.h>

enum secret_state {
    SECRET_ADDED,  /* verifies, and has never signed */
    SECRET_SIGNS,  /* the first */
    SECRET_RETIRED /* verifies what it has signed; also a key without a remark */
};

struct secret_file {
    const char *path;
    struct stat stat;
    char remarks[4096];
    struct secret secret;
    enum secret_state states[SECRET_KEYS_MAX];
    int64_t since_s[SECRET_KEYS_MAX]; /* without a remark: when the file was last changed */
};

/* The name of a state in the file and in lists. */
const char *secret_state_name(enum secret_state);

/* UTC, as in the file. */
enum { SECRET_TIME_BYTES = 24 };
void secret_time_format(int64_t seconds, char text[SECRET_TIME_BYTES]);

bool secret_file_read(struct secret_file *, const char *path, struct err *) MUST_CHECK;

/* A key at the end; ERR_INPUT when there are as many as there may be. */
bool secret_file_add(struct secret_file *, int64_t now_s, struct err *) MUST_CHECK;
/* Makes it the first. */
void secret_file_promote(struct secret_file *, size_t key, int64_t now_s);
void secret_file_remove(struct secret_file *, size_t key);

/*
 * Replaces the file atomically and durably by one with the same owner, group and mode. ERR_CONFLICT when another
 * process is writing it, or has been killed while it did.
 */
bool secret_file_write(const struct secret_file *, struct err *) MUST_CHECK;

void secret_file_wipe(struct secret_file *);

#endif
