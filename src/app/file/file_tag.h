/* By what a client knows a file's bytes: the SHA-256 as entity tag, and the date. Neither ever changes. */
#ifndef MAYFLY_APP_FILE_FILE_TAG_H
#define MAYFLY_APP_FILE_FILE_TAG_H

#include "app/exchange.h"

enum { FILE_TAG_BYTES = SHA256_HEX_BYTES + 2 };

/* Of a committed file. */
void file_tag(const struct file *, char tag[FILE_TAG_BYTES]);

/* precondition_check of a committed file; of one that is still to come, which has no tag. */
bool file_tag_check(const struct exchange *, const struct file *, bool *same, struct err *) MUST_CHECK;

/* For a change's effect: the same of whatever file of this account has the id. ERR_ABSENT when there is none. */
bool file_tag_check_change(struct exchange *, const struct uuid *id, struct err *) MUST_CHECK;

#endif
