/* A file as JSON. */
#ifndef MAYFLY_APP_FILE_FILE_JSON_H
#define MAYFLY_APP_FILE_FILE_JSON_H

#include "base/buf.h"
#include "store/file.h"

/* Appends {"id", "url", "name", "size", "type", "sha256", "created_at"} of a committed file. */
bool file_json_add(struct buf *, const struct file *, struct err *) MUST_CHECK;

#endif
