/*
 * A small Mustache over JSON values, for the pages.
 *
 *   {{name}} {{a.b}} {{.}}   text, always escaped; nothing when there is no such value
 *   {{#x}} … {{/x}}          once per item of a list, or once inside any other value that is not empty
 *   {{^x}} … {{/x}}          when x is empty: absent, null, false, 0, "" or []
 *   {{> page}}               another page of the set, with the same values
 *   {{! note}}               nothing
 *
 * There is no unescaped form, so no value can ever be markup. A value belongs between tags or in a quoted attribute.
 */
#ifndef MAYFLY_HTTP_TEMPLATE_H
#define MAYFLY_HTTP_TEMPLATE_H

#include "base/buf.h"
#include "http/json.h"

/* Sections and partials inside each other. Our pages need four. The limit stops a partial that includes itself. */
enum { TEMPLATE_MAX_DEPTH = 16 };

struct template_page {
    const char *name;
    const char *text;
};

struct template_set {
    const struct template_page *pages;
    size_t count;
};

/* src/page/NAME.html, compiled in by build-aux/pages.awk. */
extern const struct template_set template_pages;

/* Adds a page to out. ERR_BUG for a template that is wrong and for what does not fit; then out holds a part of it. */
bool template_render(const struct template_set *, const char *name, const json_t *values, struct buf *out,
                     struct err *) MUST_CHECK;

#endif
