/* The files that nginx -T prints, each after a line with its name, and the matching of an include with their names. */
#ifndef MAYFLY_CTL_NGINX_FILES_H
#define MAYFLY_CTL_NGINX_FILES_H

#include "base/arena.h"
#include "base/err.h"

enum {
    /* Hosts with a thousand sites have some megabytes. */
    NGINX_TEXT_BYTES = 16 * 1024 * 1024,
    NGINX_FILES_MAX = 4096,
    NGINX_PATH_BYTES = 4096, /* PATH_MAX */
};

struct nginx_file {
    const char *name; /* a path; of a text without names, the one that is given */
    const char *text;
    size_t length;
};

struct nginx_files {
    const char *main;        /* the name of the first one, which includes the others */
    struct nginx_file *list; /* by name */
    int count;
    bool complete; /* they have names, so all of them are here */
};

/* Texts are borrowed. ERR_INPUT: it is too much, or two of them have one name. */
bool nginx_files_split(struct arena *, const char *text, size_t length, const char *name, struct nginx_files *,
                       struct err *) MUST_CHECK;

const struct nginx_file *nginx_files_find(const struct nginx_files *, const char *name);

/*
 * Whether a pattern with * ? [ matches a path, as glob(3) does it: none of them stands for a /, or for a dot at the
 * beginning of a name. Takes no longer than the product of both lengths.
 */
bool nginx_files_match(const char *pattern, const char *path);

#endif
