/* Where mayflyctl nginx check has the configuration from, and the files of this version that it is compared with. */
#ifndef MAYFLY_CTL_NGINX_INPUT_H
#define MAYFLY_CTL_NGINX_INPUT_H

#include "ctl/nginx_findings.h"

struct nginx_input {
    const char *name; /* what errors call it */
    const char *text;
    size_t length;
};

/* path: a file, "-" for standard input, NULL for what nginx -T prints now. ERR_INPUT or ERR_DOWN: it can't be read. */
bool nginx_input_read(struct arena *, const char *path, struct nginx_input *, struct err *) MUST_CHECK;

/* Of the gate's snippets, those that are not as this version has installed them. */
bool nginx_check_snippets(const struct nginx_config *, struct nginx_findings *, struct err *) MUST_CHECK;

#endif
