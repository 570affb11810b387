#include "http/parameter.h"

#include <string.h>
#include <strings.h>

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t';
}

static bool is_escape(const char *at, const char *end)
{
    return end - at >= 2 && at[0] == '\\' && (at[1] == '"' || at[1] == '\\');
}

/* Moves *at past the value after `=`. */
static bool read_value(const char **at, const char *end, struct parameter *parameter)
{
    const char *from = *at, *to;

    parameter->quoted = from < end && *from == '"';
    if (parameter->quoted) {
        for (to = ++from; to < end && *to != '"'; to++)
            to += is_escape(to, end);
        if (to == end)
            return false;
        *at = to + 1;
    } else {
        for (to = from; to < end && *to != ';' && !is_space(*to); to++)
            if (*to == '"')
                return false;
        if (to == from)
            return false;
        *at = to;
    }
    parameter->value = from;
    parameter->value_length = (size_t)(to - from);
    return true;
}

enum parameter_found parameter_next(const char **at, const char *end, struct parameter *parameter)
{
    const char *from = *at, *to;
    bool separated = false;

    for (; from < end && (*from == ';' || is_space(*from)); from++)
        separated = separated || *from == ';';
    *at = from;
    if (from == end)
        return PARAMETER_NONE;
    for (to = from; to < end && *to != '=' && *to != ';' && *to != '"' && !is_space(*to); to++)
        ;
    if (!separated || to == from || to == end || *to != '=')
        return PARAMETER_BAD;
    parameter->name = from;
    parameter->name_length = (size_t)(to - from);
    *at = to + 1;
    return read_value(at, end, parameter) ? PARAMETER_ONE : PARAMETER_BAD;
}

bool parameter_is(const struct parameter *parameter, const char *name)
{
    return parameter->name_length == strlen(name) && strncasecmp(parameter->name, name, parameter->name_length) == 0;
}

size_t parameter_copy(const struct parameter *parameter, char *out)
{
    const char *at = parameter->value, *end = at + parameter->value_length;
    size_t length = 0;

    for (; at < end; at++) {
        if (parameter->quoted && is_escape(at, end))
            at++;
        out[length++] = *at;
    }
    return length;
}
