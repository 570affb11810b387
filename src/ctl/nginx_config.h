/*
 * What nginx -T prints, as a tree of directives with the file and line of each. An included file stands where it is
 * included, as nginx has it; what is in a block of Lua is left out. These numbers bound its time and memory.
 */
#ifndef MAYFLY_CTL_NGINX_CONFIG_H
#define MAYFLY_CTL_NGINX_CONFIG_H

#include "ctl/nginx_files.h"

enum {
    /* The directives of an included file count each time. A gated location includes some eighty. */
    NGINX_DIRECTIVES_MAX = 500000,
    /* As often as a file is included, all of it is read again. */
    NGINX_READ_BYTES = 128 * 1024 * 1024,
    NGINX_ARENA_BYTES = 256 * 1024 * 1024,
    NGINX_DEPTH_MAX = 32,      /* of blocks: http, server, location, if, and nested ones */
    NGINX_INCLUDES_MAX = 16,   /* of a file inside of a file */
    NGINX_PATTERNS_MAX = 2048, /* includes that are compared with the names of all files */
};

struct nginx_directive {
    const char *const *words; /* the name first; no longer quoted */
    int count;
    bool is_block, is_lua;
    const char *file;
    int line;
    const struct nginx_directive *parent;        /* of the outermost ones the root, whose parent is NULL */
    const struct nginx_directive *via;           /* the include that brought it in, or NULL */
    struct nginx_directive *first, *last, *next; /* the ends of its block, and what stands behind it */
};

struct nginx_config {
    struct nginx_directive root;
    struct nginx_files files;
};

/*
 * Reads what nginx -T prints, or one file alone, which is called name. Texts are borrowed. ERR_INPUT: the file, the
 * line and why it can't be read.
 */
bool nginx_config_read(struct arena *, const char *text, size_t length, const char *name, struct nginx_config *,
                       struct err *) MUST_CHECK;

bool nginx_is(const struct nginx_directive *, const char *name);

/* A word, or "" where there is none. */
const char *nginx_word(const struct nginx_directive *, int number);

bool nginx_word_is(const struct nginx_directive *, int number, const char *word);

/* Of a block: the first directive of this name (NULL: of any) behind `after` (NULL: from the beginning on), or NULL. */
const struct nginx_directive *nginx_next(const struct nginx_directive *block, const struct nginx_directive *after,
                                         const char *name);

/*
 * The block itself or the nearest one around it that has such a directive, which is the one that counts there; NULL:
 * none.
 */
const struct nginx_directive *nginx_level(const struct nginx_directive *block, const char *name);

/* The last such directive of that level, or NULL. */
const struct nginx_directive *nginx_in_force(const struct nginx_directive *block, const char *name);

/* The name of the file it stands in, without the folder. */
const char *nginx_file_name(const struct nginx_directive *);

#endif
