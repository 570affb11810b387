/* application/x-www-form-urlencoded (WHATWG URL, section 5) read into the same shape as a JSON object of strings. */
#ifndef MAYFLY_HTTP_FORM_H
#define MAYFLY_HTTP_FORM_H

#include "http/json.h"

enum { FORM_MAX_FIELDS = 64 };

/* ERR_INPUT with the position or the name of the field that is wrong or repeated. */
bool form_read(struct arena *, const char *text, size_t length, json_t **object, struct err *) MUST_CHECK;

/*
 * The next field of this name in a query string, from *at on, decoded; other fields, which other sites may have added,
 * are not decoded. *value is NULL when there is none. Moves *at past the field, also when it can't be decoded
 * (ERR_INPUT).
 */
bool form_next(struct arena *, const char *text, size_t *at, const char *name, const char **value,
               struct err *) MUST_CHECK;

#endif
