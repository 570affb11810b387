/* The abilities of the terminal at standard output. */
#ifndef MAYFLY_CTL_TERMINAL_H
#define MAYFLY_CTL_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

/* Control sequences of terminals (ECMA-48, SGR). */
#define TERMINAL_BOLD "\033[1m"
#define TERMINAL_RED "\033[31m"
#define TERMINAL_GREEN "\033[32m"
#define TERMINAL_YELLOW "\033[33m"
#define TERMINAL_PLAIN "\033[0m"

struct terminal_size {
    size_t rows, columns;
};

/* Whether it is a terminal; then its size, or 24 rows of 80 columns when it does not tell. */
bool terminal_size(struct terminal_size *);

/* Whether to use colours: only on a terminal, neither with NO_COLOR set (no-color.org) nor with TERM=dumb. */
bool terminal_has_colours(void);

/* Whether the locale that the environment names is UTF-8. */
bool terminal_is_utf8(void);

/* How many columns a text takes there. */
size_t terminal_width(const char *text);

/* How many bytes of a text fit into so many columns, whole characters only. */
size_t terminal_fit(const char *text, size_t columns);

#endif
