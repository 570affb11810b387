#include "db/db_param.h"

#include <limits.h>
#include <string.h>

/* A message of PostgreSQL's protocol has at most a GiB; blocks of files are much smaller. */
enum { BYTES_MAX = 256 * 1024 * 1024 };

/* Types of items as pg_type numbers them, in every release. */
enum { OID_BYTEA = 17, OID_INT8 = 20, OID_INT4 = 23, OID_TEXT = 25, OID_UUID = 2950 };

/*
 * Of an array before its items: dimensions, whether there are nulls, the items' type, their number, the first one's
 * index.
 */
enum { LIST_HEAD_BYTES = 5 * 4, ITEM_HEAD_BYTES = 4 };

/* Most significant byte first. */
static unsigned char *put_number(unsigned char *at, uint64_t number, int bytes)
{
    while (bytes > 0)
        *at++ = (unsigned char)(number >> 8 * --bytes);
    return at;
}

static bool is_int4(int64_t number)
{
    return number >= INT32_MIN && number <= INT32_MAX;
}

static int64_t number_at(const struct db_param *list, size_t index)
{
    return ((const int64_t *)list->items.items)[index];
}

static const char *text_at(const struct db_param *list, size_t index)
{
    return ((const char *const *)list->items.items)[index];
}

static size_t item_length(const struct db_param *list, size_t index)
{
    switch (list->type) {
    case DB_INT4_LIST:
        return 4;
    case DB_INT8_LIST:
        return 8;
    case DB_TEXT_LIST:
        return strlen(text_at(list, index));
    default:
        return list->items.each;
    }
}

static size_t list_length(const struct db_param *list)
{
    size_t length = LIST_HEAD_BYTES;

    for (size_t i = 0; i < list->items.count; i++)
        length += ITEM_HEAD_BYTES + item_length(list, i);
    return length;
}

static bool numbers_fit(const struct db_param *list)
{
    for (size_t i = 0; i < list->items.count; i++)
        if (!is_int4(number_at(list, i)))
            return false;
    return true;
}

bool db_params_check(const struct db_param *params, int count, const char *name, struct err *err)
{
    size_t lists = 0;

    for (int i = 0; i < count; i++) {
        const struct db_param *param = &params[i];

        if ((param->type == DB_INT4 && !is_int4(param->number)) ||
            (param->type == DB_INT4_LIST && !numbers_fit(param))) {
            err_set(err, ERR_VALUE, "%s: $%d is out of range", name, i + 1);
            err->is_internal = true;
            return false;
        }
        if (param->type == DB_BYTEA && param->items.each > BYTES_MAX)
            return err_set(err, ERR_LARGE, "%s: $%d has %zu bytes", name, i + 1, param->items.each);
        if (param->type >= DB_UUID_LIST)
            lists += list_length(param);
    }
    return lists <= DB_LISTS_BYTES || err_set(err, ERR_LARGE, "%s: lists of %zu bytes", name, lists);
}

static const unsigned char *encode_list(const struct db_param *list, uint64_t type, struct arena *arena, size_t length)
{
    unsigned char *bytes = arena_alloc(arena, length), *at = bytes;

    if (bytes == NULL)
        return NULL;
    at = put_number(at, 1, 4);
    at = put_number(at, 0, 4);
    at = put_number(at, type, 4);
    at = put_number(at, list->items.count, 4);
    at = put_number(at, 1, 4);
    for (size_t i = 0; i < list->items.count; i++) {
        size_t each = item_length(list, i);

        at = put_number(at, each, ITEM_HEAD_BYTES);
        if (list->type == DB_INT4_LIST || list->type == DB_INT8_LIST) {
            at = put_number(at, (uint64_t)number_at(list, i), (int)each);
            continue;
        }
        memcpy(at, list->type == DB_TEXT_LIST ? text_at(list, i) : (const char *)list->items.items + i * each, each);
        at += each;
    }
    return bytes;
}

static void take(struct db_wire *wire, int i, const void *value, size_t length)
{
    wire->values[i] = value;
    wire->lengths[i] = (int)length;
    wire->formats[i] = 1;
}

static bool take_list(struct db_wire *wire, int i, const struct db_param *list, uint64_t type, struct arena *arena)
{
    size_t length = list_length(list);

    take(wire, i, encode_list(list, type, arena, length), length);
    return wire->values[i] != NULL;
}

static void take_number(struct db_wire *wire, int i, int64_t number, int bytes)
{
    put_number(wire->numbers[i], (uint64_t)number, bytes);
    take(wire, i, wire->numbers[i], (size_t)bytes);
}

static bool encode(struct db_wire *wire, int i, const struct db_param *param, struct arena *lists)
{
    switch (param->type) {
    case DB_NULL:
        take(wire, i, NULL, 0);
        return true;
    case DB_UUID:
        take(wire, i, &param->uuid, sizeof param->uuid);
        return true;
    case DB_INT4:
        take_number(wire, i, param->number, 4);
        return true;
    case DB_INT8:
        take_number(wire, i, param->number, 8);
        return true;
    case DB_BOOL:
        take_number(wire, i, param->number, 1);
        return true;
    case DB_TEXT:
        wire->values[i] = param->text;
        wire->formats[i] = 0;
        return true;
    case DB_BYTEA:
        take(wire, i, param->items.items, param->items.each);
        return true;
    case DB_UUID_LIST:
        return take_list(wire, i, param, OID_UUID, lists);
    case DB_INT4_LIST:
        return take_list(wire, i, param, OID_INT4, lists);
    case DB_INT8_LIST:
        return take_list(wire, i, param, OID_INT8, lists);
    case DB_TEXT_LIST:
        return take_list(wire, i, param, OID_TEXT, lists);
    case DB_BYTEA_LIST:
        return take_list(wire, i, param, OID_BYTEA, lists);
    }
    return false;
}

bool db_params_encode(const struct db_param *params, int count, struct arena *lists, struct db_wire *wire)
{
    for (int i = 0; i < count; i++)
        if (!encode(wire, i, &params[i], lists))
            return false;
    return true;
}
