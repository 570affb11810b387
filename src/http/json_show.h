/* JSON formatted for people. */
#ifndef MAYFLY_HTTP_JSON_SHOW_H
#define MAYFLY_HTTP_JSON_SHOW_H

#include "base/arena.h"

/*
 * Valid JSON with each member on its own line, indented by two spaces for each level. The tokens stay unchanged, so no
 * number changes. At most `most` bytes, since indenting makes some documents thirty times as long. *cut: there is more.
 * NULL when memory is out.
 */
const char *json_show(struct arena *, const char *json, size_t most, bool *cut) MUST_CHECK;

#endif
