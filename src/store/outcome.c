#include "store/outcome.h"

#include "base/buf.h"

#include <string.h>

static bool read_ids(struct arena *arena, const char *text, struct session_ids *ids, struct err *err)
{
    *ids = (struct session_ids){.count = 0};
    while (text[0] != '\0') {
        char one[UUID_TEXT_BYTES];
        struct uuid id;

        if (strlen(text) < UUID_TEXT_BYTES - 1)
            return err_set(err, ERR_BUG, "list of sessions is cut off");
        memcpy(one, text, UUID_TEXT_BYTES - 1);
        one[UUID_TEXT_BYTES - 1] = '\0';
        if (!uuid_parse(one, &id) || !session_ids_add(ids, arena, &id, err))
            return err_set(err, ERR_BUG, "not an id: %s", one);
        text += UUID_TEXT_BYTES - 1;
        text += text[0] == ',';
    }
    return true;
}

static bool read_outcome(struct arena *arena, const struct db_result *row, struct outcome *outcome, struct err *err)
{
    *outcome = (struct outcome){.same_request = db_flag(row, 0, 0)};
    if (db_is_null(row, 0, 1))
        return true;
    outcome->sealed = db_parse_bytes(arena, db_value(row, 0, 1), &outcome->sealed_length);
    if (outcome->sealed == NULL)
        return err_memory(err);
    return read_ids(arena, db_value(row, 0, 2), &outcome->forgets, err);
}

static enum db_rc ask(struct db *db, struct arena *arena, enum statement statement, const struct outcome_key *key,
                      struct outcome *outcome, struct err *err)
{
    const char *const values[] = {db_bytes(arena, key->key, OUTCOME_KEY_BYTES),
                                  db_bytes(arena, key->fingerprint, OUTCOME_KEY_BYTES)};
    struct db_result row;
    enum db_rc rc;

    if (values[0] == NULL || values[1] == NULL) {
        err_memory(err);
        return DB_FAIL;
    }
    rc = db_query(db, arena, statement, values, &row, err);
    if (rc == DB_ROW && !read_outcome(arena, &row, outcome, err))
        return DB_FAIL;
    return rc;
}

bool outcome_claim(struct db *db, struct arena *arena, const struct outcome_key *key, struct outcome *outcome,
                   struct err *err)
{
    return ask(db, arena, STATEMENT_OUTCOME_CLAIM, key, outcome, err) == DB_ROW;
}

enum db_rc outcome_find(struct db *db, struct arena *arena, const struct outcome_key *key, struct outcome *outcome,
                        struct err *err)
{
    return ask(db, arena, STATEMENT_OUTCOME_FIND, key, outcome, err);
}

bool outcome_keep(struct db *db, struct arena *arena, const struct outcome_key *key, const unsigned char *sealed,
                  size_t sealed_length, const struct session_ids *forgets, struct err *err)
{
    const char **values = arena_alloc(arena, 3 * sizeof *values);
    struct buf ids;

    buf_init(&ids, arena, forgets->count * UUID_TEXT_BYTES + 2);
    if (values == NULL || !buf_add(&ids, "{", 1))
        return err_memory(err);
    for (size_t i = 0; i < forgets->count; i++) {
        char text[UUID_TEXT_BYTES];

        uuid_format(&forgets->ids[i], text);
        if ((i > 0 && !buf_add(&ids, ",", 1)) || !buf_add_string(&ids, text))
            return err_memory(err);
    }
    if (!buf_add(&ids, "}", 1))
        return err_memory(err);
    values[0] = db_bytes(arena, key->key, OUTCOME_KEY_BYTES);
    values[1] = db_bytes(arena, sealed, sealed_length);
    values[2] = ids.bytes;
    if (values[0] == NULL || values[1] == NULL)
        return err_memory(err);
    return db_queue(db, STATEMENT_OUTCOME_KEEP, values, err);
}
