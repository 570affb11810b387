/*
 * The words of nginx's configuration language, one directive at a time, split as nginx itself splits them
 * (ngx_conf_read_token): quotes only at the beginning of a word, \ before any character, ${ inside a word, # only where
 * a word may begin.
 */
#ifndef MAYFLY_CTL_NGINX_WORDS_H
#define MAYFLY_CTL_NGINX_WORDS_H

#include "base/arena.h"
#include "base/err.h"

enum {
    NGINX_WORD_BYTES = 4096, /* NGX_CONF_BUFFER: nginx accepts no longer word */
    NGINX_WORDS_MAX = 1024,  /* of one directive: names of a server, statuses of an error_page */
};

enum nginx_end { NGINX_STATEMENT, NGINX_BLOCK, NGINX_BLOCK_CLOSED, NGINX_TEXT_ENDS };

struct nginx_words {
    const char *words[NGINX_WORDS_MAX]; /* in the arena, unquoted */
    int count;
    int line; /* of the first one */
    enum nginx_end end;
};

/* A text that is read. text is borrowed; file is what errors call it. */
struct nginx_reader {
    struct arena *arena;
    const char *file;
    const char *text;
    size_t length, at;
    int line;
};

/* ERR_INPUT: the file, the line and what is wrong. */
bool nginx_words_read(struct nginx_reader *, struct nginx_words *, struct err *) MUST_CHECK;

/* Goes past a block of Lua, whose { was read, up to its }: its comments and strings may have braces. */
bool nginx_lua_skip(struct nginx_reader *, struct err *) MUST_CHECK;

#endif
