/* The validators of a file: its SHA-256 as entity tag, and its date. Neither ever changes. */
#ifndef MAYFLY_APP_FILE_FILE_TAG_H
#define MAYFLY_APP_FILE_FILE_TAG_H

#include "app/exchange.h"

enum { FILE_TAG_BYTES = SHA256_HEX_BYTES + 2 };

/* The tag of a committed file. */
void file_tag(const struct file *, char tag[FILE_TAG_BYTES]);

/* precondition_check for a committed file, or for a pending one, which has no tag. */
bool file_tag_check(const struct exchange *, const struct file *, bool *same, struct err *) MUST_CHECK;

/* The same for the effect of a change: for the file of this account with this id. ERR_ABSENT: there is none. */
bool file_tag_check_change(struct exchange *, const struct uuid *id, struct err *) MUST_CHECK;

#endif
