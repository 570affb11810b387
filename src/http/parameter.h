/* The parameters after a header field's value: ;name=token and ;name="quoted text" (RFC 9110, section 5.6.6). */
#ifndef MAYFLY_HTTP_PARAMETER_H
#define MAYFLY_HTTP_PARAMETER_H

#include <stdbool.h>
#include <stddef.h>

/* Points into the field; not terminated. */
struct parameter {
    const char *name;
    size_t name_length;
    const char *value; /* without quotes, but with its escapes */
    size_t value_length;
    bool quoted;
};

enum parameter_found { PARAMETER_NONE, PARAMETER_ONE, PARAMETER_BAD };

/*
 * The next parameter at *at, which moves past it; end ends the field. An unquoted value may hold any character that
 * neither ends it nor is a quote, since clients do not keep to the grammar.
 */
enum parameter_found parameter_next(const char **at, const char *end, struct parameter *);

/* Whether it has this name; case does not matter. */
bool parameter_is(const struct parameter *, const char *name);

/*
 * Copies the value without its escapes and returns its length, at most value_length; out may be the value itself. Only
 * \" and \\ are escapes: browsers send other backslashes as they are in a file's name.
 */
size_t parameter_copy(const struct parameter *, char *out);

#endif
