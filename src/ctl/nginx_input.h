/* Reads the configuration for mayflyctl nginx check, and compares it with the installed files. */
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

/* Finds files of the gate that differ from the installed ones. */
bool nginx_check_snippets(const struct nginx_config *, struct nginx_findings *, struct err *) MUST_CHECK;

#endif
