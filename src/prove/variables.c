#include "prove/variables.h"

#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

enum { FILLED_BYTES_MAX = 4 * SCENARIO_BYTES_MAX }; /* of a text with its variables' values */

void variables_free(struct variables *variables)
{
    for (size_t i = 0; i < variables->count; i++)
        free(variables->list[i].bytes);
    variables->count = 0;
}

static struct variable *find(struct variables *variables, const char *name)
{
    for (size_t i = 0; i < variables->count; i++)
        if (strcmp(variables->list[i].name, name) == 0)
            return &variables->list[i];
    return NULL;
}

const struct variable *variables_get(const struct variables *variables, const char *name)
{
    for (size_t i = 0; i < variables->count; i++)
        if (strcmp(variables->list[i].name, name) == 0)
            return &variables->list[i];
    return NULL;
}

bool variables_set(struct variables *variables, const char *name, const char *bytes, size_t length, struct err *err)
{
    struct variable *variable = find(variables, name);
    char *copy;

    if (length > VARIABLE_BYTES_MAX)
        return err_set(err, ERR_LARGE, "a variable has %d bytes at most", VARIABLE_BYTES_MAX);
    if (variable == NULL && variables->count == VARIABLES_MAX)
        return err_set(err, ERR_LARGE, "there are %d variables at most", VARIABLES_MAX);
    copy = malloc(length + 1);
    if (copy == NULL)
        return err_memory(err);
    memcpy(copy, bytes, length);
    copy[length] = '\0';
    if (variable == NULL)
        variable = &variables->list[variables->count++];
    else
        free(variable->bytes);
    *variable = (struct variable){.name = name, .bytes = copy, .length = length};
    return true;
}

bool variables_fill(const struct variables *variables, const struct scenario_text *text, struct arena *arena,
                    const char **bytes, size_t *length, struct err *err)
{
    const struct scenario_piece *piece;
    struct buf filled;

    buf_init(&filled, arena, FILLED_BYTES_MAX);
    STAILQ_FOREACH(piece, text, next)
    {
        const struct variable *variable = piece->is_variable ? variables_get(variables, piece->bytes) : NULL;

        if (piece->is_variable && variable == NULL)
            return err_set(err, ERR_ABSENT, "{{%s}} has no value", piece->bytes);
        if (!buf_add(&filled, variable != NULL ? variable->bytes : piece->bytes,
                     variable != NULL ? variable->length : piece->length))
            return err_set(err, ERR_LARGE, "with its variables' values a text is longer than %d bytes",
                           FILLED_BYTES_MAX);
    }
    *bytes = filled.bytes;
    *length = filled.length;
    return true;
}
