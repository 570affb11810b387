/* JSON as a person reads it. */
#ifndef MAYFLY_HTTP_JSON_SHOW_H
#define MAYFLY_HTTP_JSON_SHOW_H

#include "base/arena.h"

/*
 * Valid JSON with each member on a line of its own, two spaces deeper for each level; the text itself stays as it is, so no
 * number is changed. At most `most` bytes: indenting makes some documents thirty times as long. *cut: there is more. NULL when
 * memory is out.
 */
const char *json_show(struct arena *, const char *json, size_t most, bool *cut) MUST_CHECK;

#endif
