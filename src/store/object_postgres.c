#include "store/object_postgres.h"

#include "store/db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* The best of those measured: larger ones write no faster, and a range reads at most one too much. */
    BLOCK_BYTES = 256 * 1024,
    /* Removed in one statement: 16 MiB, far below the statement's deadline. */
    REMOVE_AT_ONCE = 64,
    /* The longest file by default. */
    REMOVE_BEYOND = 4096,
    NUMBER_BYTES = 24,
};

static int64_t block_bytes(const struct object_store *store, int64_t size)
{
    (void)store;
    (void)size;
    return BLOCK_BYTES;
}

/* Nothing to begin: rows need no upload. */
static bool begin(struct object_store *store, struct arena *arena, const struct object *object, const char *type,
                  const char **upload, struct err *err)
{
    (void)store;
    (void)arena;
    (void)object;
    (void)type;
    (void)err;
    *upload = "";
    return true;
}

static const char *id_text(struct arena *arena, const struct uuid *id)
{
    char *text = arena_alloc(arena, UUID_TEXT_BYTES);

    if (text != NULL)
        uuid_format(id, text);
    return text;
}

static bool queue_chunk(struct object_store *store, struct arena *arena, const struct object *object, int64_t at,
                        const void *bytes, size_t length, struct err *err)
{
    const char **values = arena_alloc(arena, 3 * sizeof *values);
    struct db_bytes *raw = arena_alloc(arena, sizeof *raw);

    if (values == NULL || raw == NULL)
        return err_memory(err);
    values[0] = id_text(arena, &object->id);
    values[1] = arena_printf(arena, "%lld", (long long)at);
    values[2] = NULL;
    if (values[0] == NULL || values[1] == NULL)
        return err_memory(err);
    *raw = (struct db_bytes){.parameter = 3, .bytes = bytes, .length = length};
    return db_queue_bytes(store->db, STATEMENT_FILE_CHUNK_PUT, values, raw, err);
}

static bool put_block(struct object_store *store, struct arena *arena, const struct object *object, int64_t number,
                      const void *bytes, size_t length, const char **tag, struct err *err)
{
    *tag = "";
    return queue_chunk(store, arena, object, number * BLOCK_BYTES, bytes, length, err);
}

/* What a chunk with a wrong checksum left beyond the end. */
static bool queue_removal(struct object_store *store, struct arena *arena, const struct object *object, int64_t from,
                          struct err *err)
{
    const char **values = arena_alloc(arena, 3 * sizeof *values);

    if (values == NULL)
        return err_memory(err);
    values[0] = id_text(arena, &object->id);
    values[1] = arena_printf(arena, "%lld", (long long)from);
    values[2] = arena_printf(arena, "%d", REMOVE_BEYOND);
    if (values[0] == NULL || values[1] == NULL || values[2] == NULL)
        return err_memory(err);
    return db_queue_bytes(store->db, STATEMENT_FILE_CHUNKS_REMOVE, values, NULL, err);
}

/* The tail becomes the last chunk; an empty object is an empty chunk, or it could not be told from none. */
static bool finish(struct object_store *store, struct arena *arena, const struct object *object, const char *type,
                   const struct object_block *list, size_t blocks, const void *tail, size_t tail_length,
                   struct err *err)
{
    (void)type;
    (void)list;
    if (tail_length > 0 || blocks == 0) {
        if (!queue_chunk(store, arena, object, (int64_t)blocks * BLOCK_BYTES, tail, tail_length, err))
            return false;
        blocks++;
    }
    return queue_removal(store, arena, object, (int64_t)blocks * BLOCK_BYTES, err);
}

static bool size_of(struct object_store *store, struct arena *arena, const struct object *object, int64_t *size,
                    struct err *err)
{
    const char *const values[] = {id_text(arena, &object->id)};
    struct db_result row;

    if (values[0] == NULL)
        return err_memory(err);
    switch (db_query(store->db, arena, STATEMENT_FILE_CHUNK_SIZE, values, &row, err)) {
    case DB_FAIL:
        return false;
    case DB_NONE:
        return err_set(err, ERR_ABSENT, "there is no object %s", object->key);
    case DB_ROW:
        *size = db_number(&row, 0, 0);
        return true;
    }
    return false;
}

/* One chunk's part; *got 0 beyond the last one. */
static bool read_chunk(struct object_store *store, struct arena *arena, const struct object *object, int64_t offset,
                       void *bytes, size_t size, size_t *got, struct err *err)
{
    char place[NUMBER_BYTES], most[NUMBER_BYTES], id[UUID_TEXT_BYTES];
    const char *const values[] = {id, place, most};
    struct db_result row;
    const void *raw;

    uuid_format(&object->id, id);
    snprintf(place, sizeof place, "%lld", (long long)offset);
    snprintf(most, sizeof most, "%zu", size < BLOCK_BYTES ? size : (size_t)BLOCK_BYTES);
    switch (db_query_raw(store->db, arena, STATEMENT_FILE_CHUNK_READ, values, &row, err)) {
    case DB_FAIL:
        return false;
    case DB_NONE:
        return err_set(err, ERR_ABSENT, "there is no object %s", object->key);
    case DB_ROW:
        break;
    }
    raw = db_raw(&row, 0, 0, got);
    if (*got > size)
        return err_set(err, ERR_BUG, "a chunk of %s is too long", object->key);
    memcpy(bytes, raw, *got);
    return true;
}

static bool read_bytes(struct object_store *store, struct arena *arena, const struct object *object, int64_t offset,
                       void *bytes, size_t size, size_t *length, struct err *err)
{
    struct arena rows; /* the driver's copies go at once, however much is read */
    bool ok = true;

    (void)arena;
    arena_init(&rows, BLOCK_BYTES);
    *length = 0;
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
    char most[NUMBER_BYTES];
    const char *const values[] = {id_text(arena, &object->id), "0", most};
    struct db_result rows;

    if (values[0] == NULL)
        return err_memory(err);
    snprintf(most, sizeof most, "%d", REMOVE_AT_ONCE);
    do {
        if (db_query(store->db, arena, STATEMENT_FILE_CHUNKS_REMOVE, values, &rows, err) == DB_FAIL)
            return false;
    } while (rows.rows == REMOVE_AT_ONCE);
    return true;
}

/* Keys are the ids alone: what name an object has, its row knows. */
static bool list(struct object_store *store, struct arena *arena, const char *after, size_t most,
                 struct object_listing *listing, struct err *err)
{
    char id[UUID_TEXT_BYTES] = "00000000-0000-0000-0000-000000000000", limit[NUMBER_BYTES];
    const char *const values[] = {id, limit};
    struct db_result rows;

    *listing = (struct object_listing){.next = ""};
    if (strncmp(after, OBJECT_PREFIX, strlen(OBJECT_PREFIX)) == 0)
        after += strlen(OBJECT_PREFIX);
    if (after[0] != '\0')
        snprintf(id, sizeof id, "%.36s", after);
    snprintf(limit, sizeof limit, "%zu", most);
    if (db_query(store->db, arena, STATEMENT_FILE_CHUNKS_LIST, values, &rows, err) == DB_FAIL)
        return false;
    listing->entries = arena_alloc(arena, ((size_t)rows.rows + 1) * sizeof *listing->entries);
    if (listing->entries == NULL)
        return err_memory(err);
    for (int row = 0; row < rows.rows; row++) {
        const char *key = arena_printf(arena, OBJECT_PREFIX "%s", db_value(&rows, row, 0));

        if (key == NULL)
            return err_memory(err);
        listing->entries[listing->count++] = (struct object_entry){.key = key, .size = db_number(&rows, row, 1)};
        if (listing->count == most)
            listing->next = key;
    }
    return true;
}

const struct object_ops object_postgres = {
    .name = "postgres",
    .block_bytes = block_bytes,
    .begin = begin,
    .put_block = put_block,
    .finish = finish,
    .read = read_bytes,
    .size = size_of,
    .remove = remove_object,
    .list = list,
};
