#include "object/object_postgres.h"

#include "db/db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    /* The best of the measured sizes: larger blocks write no faster, and a range reads at most one block too much. */
    BLOCK_BYTES = 256 * 1024,
    /*
     * Blocks that one statement removes: 4 MiB. A request that comes to the worker meanwhile waits for one statement.
     */
    REMOVE_AT_ONCE = 16,
};

static int64_t block_bytes(const struct object_store *store, int64_t size)
{
    (void)store;
    (void)size;
    return BLOCK_BYTES;
}

/* There is nothing to begin: rows need no upload. */
static bool begin(struct object_store *store, struct arena *arena, const struct object *object, const char *type,
                  const char **upload, struct err *err)
{
    (void)store;
    (void)arena;
    (void)type;
    *upload = "";
    return object_key_check(object->key, err);
}

static bool put_block(struct object_store *store, struct arena *arena, const struct object *object, int64_t number,
                      const void *bytes, size_t length, const char **tag, struct err *err)
{
    (void)arena;
    *tag = "";
    if (!object_key_check(object->key, err))
        return false;
    if (length != BLOCK_BYTES)
        return err_set(err, ERR_BUG, "block %lld has %zu bytes, which is no full block", (long long)number, length);
    return db_queue(store->db, sql_file_chunk_put(&object->id, number * BLOCK_BYTES, DB_BYTES(bytes, length)), err);
}

/* Checks that blocks are in order. list is NULL when the caller has kept none, since blocks have no tags here. */
static bool in_order(const struct object_block *list, size_t blocks, struct err *err)
{
    for (size_t i = 0; list != NULL && i < blocks; i++)
        if (list[i].number != (int64_t)i)
            return err_set(err, ERR_BUG, "block %lld is given as block %zu", (long long)list[i].number, i);
    return true;
}

/* Whether all blocks are there. After the object was removed there are none. */
static bool has_blocks(struct object_store *store, struct arena *arena, const struct object *object, size_t blocks,
                       struct err *err)
{
    struct db_result row;

    if (blocks == 0)
        return true;
    if (!db_query_one(store->db, arena, sql_file_chunk_count(&object->id, (int64_t)blocks * BLOCK_BYTES), &row, err))
        return false;
    return db_number(&row, 0, 0) == (int64_t)blocks ||
           err_set(err, db_number(&row, 0, 0) == 0 ? ERR_ABSENT : ERR_BUG, OBJECT_SHOWN " has %s of %zu blocks",
                   object->key, db_value(&row, 0, 0), blocks);
}

/*
 * The tail becomes the last chunk. An object is finished when its last chunk is not a full block. So an object that
 * ends with a full block, or that has no bytes, gets an empty chunk; otherwise only the row of the file could tell a
 * whole object from a part of one (t/1100).
 */
static bool finish(struct object_store *store, struct arena *arena, const struct object *object, const char *type,
                   const struct object_block *list, size_t blocks, const void *tail, size_t tail_length,
                   struct err *err)
{
    int64_t place = (int64_t)blocks * BLOCK_BYTES, given = place + (int64_t)tail_length;

    (void)type;
    if (!object_key_check(object->key, err) || !in_order(list, blocks, err))
        return false;
    if (tail_length >= BLOCK_BYTES || (object->size >= 0 && given != object->size))
        return err_set(err, ERR_BUG, "%lld bytes, %zu of them in the tail, are given for an object of %lld",
                       (long long)given, tail_length, (long long)object->size);
    return has_blocks(store, arena, object, blocks, err) &&
           db_queue(store->db, sql_file_object_end(&object->id, place, DB_BYTES(tail, tail_length)), err);
}

static bool size_of(struct object_store *store, struct arena *arena, const struct object *object, int64_t *size,
                    struct err *err)
{
    struct db_result row;
    enum db_rc rc;

    *size = -1;
    if (!object_key_check(object->key, err))
        return false;
    rc = db_query(store->db, arena, sql_file_chunk_size(&object->id), &row, err);
    if (rc == DB_FAIL)
        return false;
    if (rc == DB_NONE || db_number(&row, 0, 1) >= BLOCK_BYTES)
        return err_set(err, ERR_ABSENT, "the file's bytes are not stored");
    *size = db_number(&row, 0, 0);
    return true;
}

static struct db_call reading(const struct object *object, int64_t offset, size_t size)
{
    return sql_file_object_read(&object->id, offset, size < BLOCK_BYTES ? (int64_t)size : BLOCK_BYTES, BLOCK_BYTES);
}

static void expect(struct object_store *store, const struct object *object, int64_t offset, size_t size)
{
    db_forget(store->db);
    store->expected = (struct object_part){.size = 0};
    if (size == 0)
        return;
    if (db_ask(store->db, reading(object, offset, size)))
        store->expected = (struct object_part){object->id, offset, size};
}

/* Takes the part that expect has begun to read. DB_FAIL: another part was expected, or its answer was lost. */
static enum db_rc read_expected(struct object_store *store, struct arena *arena, const struct object *object,
                                int64_t offset, size_t size, struct db_result *row)
{
    const struct object_part expected = store->expected;

    store->expected = (struct object_part){.size = 0};
    return expected.size == size && expected.offset == offset && uuid_equal(&expected.id, &object->id)
               ? db_answer(store->db, arena, row)
               : DB_FAIL;
}

/* Reads the part that is in one chunk. *got is 0 beyond the last chunk. */
static bool read_chunk(struct object_store *store, struct arena *arena, const struct object *object, int64_t offset,
                       void *bytes, size_t size, size_t *got, struct err *err)
{
    struct db_result row;
    const void *raw;
    enum db_rc rc = read_expected(store, arena, object, offset, size, &row);

    if (rc == DB_FAIL)
        rc = db_query_raw(store->db, arena, reading(object, offset, size), &row, err);
    switch (rc) {
    case DB_FAIL:
        return false;
    case DB_NONE:
        return err_set(err, ERR_ABSENT, "the file's bytes are not stored");
    case DB_ROW:
        break;
    }
    raw = db_raw(&row, 0, 0, got);
    if (*got > size)
        return err_set(err, ERR_BUG, "a chunk of " OBJECT_SHOWN " is too long", object->key);
    memcpy(bytes, raw, *got);
    return true;
}

static bool read_bytes(struct object_store *store, struct arena *arena, const struct object *object, int64_t offset,
                       void *bytes, size_t size, size_t *length, struct err *err)
{
    struct arena rows; /* reset after each chunk, so that copies of the driver do not add up */
    bool ok = true;

    (void)arena;
    *length = 0;
    if (!object_key_check(object->key, err))
        return false;
    arena_init(&rows, BLOCK_BYTES);
    while (ok && *length < size) {
        size_t got;

        ok = read_chunk(store, &rows, object, offset + (int64_t)*length, (char *)bytes + *length, size - *length, &got,
                        err);
        arena_reset(&rows);
        if (!ok || got == 0)
            break;
        *length += got;
    }
    arena_free(&rows);
    return ok;
}

static bool remove_object(struct object_store *store, struct arena *arena, const struct object *object, struct err *err)
{
    const struct db_call call = sql_file_chunks_remove(&object->id, 0, REMOVE_AT_ONCE);
    struct arena scratch; /* reset after each statement, so that copies of the driver do not add up */
    struct db_result rows = {.rows = 0};
    bool ok = object_key_check(object->key, err);

    (void)arena;
    arena_init(&scratch, BLOCK_BYTES);
    do {
        ok = ok && db_query(store->db, &scratch, call, &rows, err) != DB_FAIL;
        arena_reset(&scratch);
        if (ok && rows.rows == REMOVE_AT_ONCE)
            ok = db_give_way(store->db) || err_set(err, ERR_DOWN, "the rest is removed later, since this process ends");
    } while (ok && rows.rows == REMOVE_AT_ONCE);
    arena_free(&scratch);
    return ok;
}

/* The time at which the file was created, from its id (RFC 9562, section 5.7). Chunks have no time of their own. */
static const char *time_of(const struct object_store *store, struct arena *arena, const struct uuid *id)
{
    enum { TIME_BYTES = sizeof "2026-11-24T12:00:00Z", TIMESTAMP_BYTES = 6, DAY_MS = 86400000 };
    char *text = arena_alloc(arena, TIME_BYTES);
    int64_t ms = 0;
    time_t seconds;
    struct tm utc;

    for (int i = 0; i < TIMESTAMP_BYTES; i++)
        ms = ms << 8 | id->bytes[i];
    seconds = (time_t)(ms / 1000);
    /* An id from the future was not made by uuid_new; its object counts as very old. */
    if (text != NULL && (ms > store->clock->now_ms() + DAY_MS || gmtime_r(&seconds, &utc) == NULL ||
                         strftime(text, TIME_BYTES, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0))
        text[0] = '\0';
    return text;
}

static bool read_entry(const struct object_store *store, struct arena *arena, const struct db_result *rows, int row,
                       struct object_entry *entry, struct err *err)
{
    bool unfinished = db_number(rows, row, 2) >= BLOCK_BYTES;
    struct uuid id;

    if (!db_id(rows, row, 0, &id, err))
        return false;
    *entry = (struct object_entry){.key = arena_printf(arena, OBJECT_PREFIX "%s", db_value(rows, row, 0)),
                                   .time = time_of(store, arena, &id),
                                   .size = unfinished ? -1 : db_number(rows, row, 1),
                                   .unfinished = unfinished};
    return (entry->key != NULL && entry->time != NULL) || err_memory(err);
}

/* Keys are ids without names: the row of the file has the name. */
static bool list(struct object_store *store, struct arena *arena, const char *after, size_t most,
                 struct object_listing *listing, struct err *err)
{
    struct uuid id = {.bytes = {0}};
    char text[UUID_TEXT_BYTES];
    struct db_result rows;

    *listing = (struct object_listing){.next = ""};
    if (strncmp(after, OBJECT_PREFIX, strlen(OBJECT_PREFIX)) == 0)
        after += strlen(OBJECT_PREFIX);
    snprintf(text, sizeof text, "%s", after);
    if (text[0] != '\0' && !uuid_parse(text, &id))
        return err_set(err, ERR_BUG, "not the key of an object: %.60s", after);
    if (db_query(store->db, arena, sql_file_chunks_list(&id, (int64_t)most), &rows, err) == DB_FAIL)
        return false;
    listing->entries = arena_alloc(arena, ((size_t)rows.rows + 1) * sizeof *listing->entries);
    if (listing->entries == NULL)
        return err_memory(err);
    for (int row = 0; row < rows.rows; row++)
        if (!read_entry(store, arena, &rows, row, &listing->entries[listing->count++], err))
            return false;
    if (listing->count > 0 && listing->count == most)
        listing->next = listing->entries[most - 1].key;
    return true;
}

const struct object_ops object_postgres = {
    .name = "postgres",
    .in_database = true,
    .block_bytes = block_bytes,
    .begin = begin,
    .put_block = put_block,
    .finish = finish,
    .read = read_bytes,
    .expect = expect,
    .size = size_of,
    .remove = remove_object,
    .list = list,
};
