#include "store/session_ids.h"

#include <string.h>

/* Room for so many more, in a longer array. */
static bool grow(struct session_ids *ids, struct arena *arena, size_t more, struct err *err)
{
    struct uuid *longer = arena_alloc(arena, (ids->count + more) * sizeof *longer);

    if (longer == NULL)
        return err_memory(err);
    if (ids->count > 0)
        memcpy(longer, ids->ids, ids->count * sizeof *longer);
    ids->ids = longer;
    return true;
}

bool session_ids_add(struct session_ids *ids, struct arena *arena, const struct uuid *id, struct err *err)
{
    if (!grow(ids, arena, 1, err))
        return false;
    ids->ids[ids->count++] = *id;
    return true;
}

bool session_ids_read(struct session_ids *ids, struct arena *arena, const struct db_result *result, struct err *err)
{
    if (!grow(ids, arena, (size_t)result->rows, err))
        return false;
    for (int row = 0; row < result->rows; row++)
        if (!db_id(result, row, 0, &ids->ids[ids->count++], err))
            return false;
    return true;
}

bool session_ids_parse(struct session_ids *ids, struct arena *arena, const char *text, struct err *err)
{
    enum { DIGITS = UUID_TEXT_BYTES - 1 };
    size_t more = (strlen(text) + 1) / (DIGITS + 1);
    char one[UUID_TEXT_BYTES] = "";

    if (strlen(text) != (more > 0 ? more * (DIGITS + 1) - 1 : 0))
        return err_set(err, ERR_BUG, "a list of ids is cut off: %s", text);
    if (!grow(ids, arena, more, err))
        return false;
    for (size_t i = 0; i < more; i++) {
        const char *at = text + i * (DIGITS + 1);

        memcpy(one, at, DIGITS);
        if (!uuid_parse(one, &ids->ids[ids->count++]) || (at[DIGITS] != ',' && at[DIGITS] != '\0'))
            return err_set(err, ERR_BUG, "not an id: %.37s", at);
    }
    return true;
}
