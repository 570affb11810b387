/* fsck: objects without a row. */
#include "store/fsck_pass.h"

#include <stdio.h>
#include <string.h>

bool fsck_split_key(const char *key, struct uuid *id, const char **name)
{
    const char *text = key + strlen(OBJECT_PREFIX);
    char given[UUID_TEXT_BYTES], canonical[UUID_TEXT_BYTES];

    if (strncmp(key, OBJECT_PREFIX, strlen(OBJECT_PREFIX)) != 0 || strlen(text) < UUID_TEXT_BYTES - 1)
        return false;
    snprintf(given, sizeof given, "%s", text);
    if (!uuid_parse(given, id))
        return false;
    uuid_format(id, canonical);
    text += UUID_TEXT_BYTES - 1;
    *name = text[0] == '/' ? text + 1 : text;
    return strcmp(given, canonical) == 0 && (text[0] == '\0' || (text[0] == '/' && text[1] != '\0'));
}

static bool remove_object(struct fsck_pass *pass, const struct uuid *id, const char *key, struct err *err)
{
    const struct object object = {.id = *id, .key = key, .upload = "", .size = -1};

    return pass->ops->remove(fsck_objects(pass), &pass->scratch, &object, err);
}

/*
 * Finds out what is wrong with an entry that has no committed row in this back end: FSCK_ORPHAN, FSCK_TAIL, or -1 for
 * nothing.
 */
static bool judge(struct fsck_pass *pass, const struct uuid *id, const char *name, int *kind, struct err *err)
{
    bool named = name[0] != '\0';
    struct db_result row;
    const char *state;

    *kind = -1;
    if (!db_query_one(pass->fsck->store->db, &pass->scratch, sql_fsck_object(id, pass->ops->name), &row, err))
        return false;
    state = db_value(&row, 0, 0);
    if (!db_is_null(&row, 0, 3) && (!named || strcmp(db_value(&row, 0, 3), name) == 0))
        return true;
    if (state[0] == '\0') {
        *kind = FSCK_ORPHAN;
    } else if (db_flag(&row, 0, 1)) {
        if (named && strcmp(db_value(&row, 0, 2), name) != 0)
            *kind = FSCK_ORPHAN;
    } else if (named || strcmp(state, "committed") == 0) {
        *kind = named ? FSCK_ORPHAN : FSCK_TAIL;
    }
    return true;
}

bool fsck_check_object(struct fsck_pass *pass, const struct object_entry *entry, struct err *err)
{
    struct fsck *fsck = pass->fsck;
    struct uuid id;
    const char *name;
    bool repaired = false;
    int kind;

    if (!fsck_split_key(entry->key, &id, &name)) {
        fsck_report(fsck, FSCK_STRANGE, pass->ops->name, entry->key, false, "mayfly makes no such key");
        return true;
    }
    if (strncmp(entry->time, pass->grown, FSCK_TIME_LENGTH) >= 0)
        return true;
    arena_reset(&pass->scratch);
    if (!judge(pass, &id, name, &kind, err))
        return false;
    if (kind < 0)
        return true;
    if (fsck->repair) {
        if (!remove_object(pass, &id, entry->key, err))
            return false;
        repaired = true;
    }
    if (kind == FSCK_TAIL)
        fsck_report(fsck, FSCK_TAIL, pass->ops->name, entry->key, repaired, "its file is whole, in another back end");
    else if (entry->size < 0)
        fsck_report(fsck, FSCK_UNFINISHED, pass->ops->name, entry->key, repaired, "an upload of %s without a row",
                    entry->time);
    else
        fsck_report(fsck, FSCK_ORPHAN, pass->ops->name, entry->key, repaired, "%lld bytes without a row",
                    (long long)entry->size);
    return true;
}
