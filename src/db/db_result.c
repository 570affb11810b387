/* The rows of an answer. */
#include "base/bytes.h"
#include "db/db.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

const char *db_value(const struct db_result *result, int row, int column)
{
    return PQgetvalue(result->pg, row, column);
}

const void *db_raw(const struct db_result *result, int row, int column, size_t *length)
{
    *length = (size_t)PQgetlength(result->pg, row, column);
    return PQgetvalue(result->pg, row, column);
}

bool db_is_null(const struct db_result *result, int row, int column)
{
    return PQgetisnull(result->pg, row, column) != 0;
}

int64_t db_number(const struct db_result *result, int row, int column)
{
    return strtoll(PQgetvalue(result->pg, row, column), NULL, 10);
}

bool db_flag(const struct db_result *result, int row, int column)
{
    return PQgetvalue(result->pg, row, column)[0] == 't';
}

bool db_id(const struct db_result *result, int row, int column, struct uuid *id, struct err *err)
{
    const char *text = PQgetvalue(result->pg, row, column);

    return uuid_parse(text, id) || err_set(err, ERR_BUG, "not an id: %.40s", text);
}

unsigned char *db_parse_bytes(struct arena *arena, const char *text, size_t *length)
{
    size_t digits = strlen(text);
    unsigned char *bytes;

    *length = 0;
    if (digits < 2 || strncmp(text, "\\x", 2) != 0)
        return NULL;
    bytes = arena_alloc(arena, digits / 2); /* at least one byte */
    if (bytes == NULL || !bytes_from_hex(text + 2, digits - 2, bytes, digits / 2 - 1))
        return NULL;
    *length = digits / 2 - 1;
    return bytes;
}

/* Of a lower-case hexadecimal digit. */
static unsigned value_of(char digit)
{
    return ((unsigned char)digit & 15U) + 9U * ((unsigned char)digit >> 6);
}

unsigned char *db_stored_bytes(struct arena *arena, const struct db_result *result, int row, int column, size_t *length)
{
    const char *text = db_value(result, row, column);
    size_t digits = (size_t)PQgetlength(result->pg, row, column);
    unsigned char *bytes;

    *length = 0;
    if (digits < 2 || digits % 2 != 0 || strncmp(text, "\\x", 2) != 0)
        return NULL;
    bytes = arena_alloc(arena, digits / 2); /* at least one byte */
    if (bytes == NULL)
        return NULL;
    *length = digits / 2 - 1;
    for (size_t i = 0; i < *length; i++)
        bytes[i] = (unsigned char)(value_of(text[2 * i + 2]) << 4 | value_of(text[2 * i + 3]));
    return bytes;
}
