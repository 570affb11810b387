/* JSON by jansson, with bounds: depth, no repeated members, no NUL in strings, nothing after the end. */
#ifndef MAYFLY_HTTP_JSON_H
#define MAYFLY_HTTP_JSON_H

#include "base/arena.h"
#include "base/err.h"

#include <jansson.h>
#include <stdint.h>

/* Deeper documents only cost time; jansson and PostgreSQL accept far more. */
enum { JSON_MAX_DEPTH = 32 };

/* ERR_INPUT with line and column. The tree is released with the arena. */
bool json_read(struct arena *, const char *text, size_t length, json_t **json, struct err *) MUST_CHECK;

/* The same for what must be an object: ERR_VALUE when it is not. */
bool json_read_object(struct arena *, const char *text, size_t length, json_t **json, struct err *) MUST_CHECK;

/* A fresh object, released with the arena; NULL when memory is out. */
json_t *json_new_object(struct arena *) MUST_CHECK;

/*
 * Compact text in the arena; NULL when memory is out. A number has 15, 16 or 17 digits, the fewest that read back as
 * the same number: 0.1, where jansson writes 0.10000000000000001.
 */
const char *json_write(struct arena *, const json_t *) MUST_CHECK;

/* A member that must be text: NULL and no error when it is absent or null, ERR_VALUE when it is something else. */
bool json_text(const json_t *object, const char *name, const char **text, struct err *) MUST_CHECK;

/*
 * A whole number, also as a text, which forms send; `otherwise` when it is absent, null or empty. ERR_VALUE has the
 * range.
 */
bool json_whole(const json_t *object, const char *name, int64_t otherwise, int64_t least, int64_t most, int64_t *number,
                struct err *err) MUST_CHECK;

/* A member that is true, "on", "true" or "1"; false when it is absent. */
bool json_flag(const json_t *object, const char *name);

#endif
