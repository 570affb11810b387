/*
 * Tables in text. Columns are as wide as their widest cell; at a terminal the long ones are cut so that a row takes one
 * line.
 */
#ifndef MAYFLY_CTL_TABLE_H
#define MAYFLY_CTL_TABLE_H

#include "base/arena.h"
#include "base/err.h"

#include <stddef.h>

enum { TABLE_COLUMNS_MAX = 8 };

struct table_column {
    const char *title;
    bool is_whole; /* never cut, since people copy it: an id, a time */
};

/* Rows are collected and printed together. Further rows may follow, in columns that are at least as wide. */
struct table {
    const struct table_column *columns;
    size_t count;
    struct arena *arena;
    size_t widths[TABLE_COLUMNS_MAX];
    struct table_row *first, *last; /* that are not printed yet */
    bool has_head;
};

void table_init(struct table *, struct arena *, const struct table_column *, size_t count);

/*
 * Copies as many cells as there are columns. Control characters become '?': a name or a browser's description may have
 * been made to control a terminal.
 */
bool table_add(struct table *, const char *const *cells, struct err *) MUST_CHECK;

/* Prints the collected rows to stdout, the first time after the titles. Then the arena may be reset. */
void table_print(struct table *);

#endif
