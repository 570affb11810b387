/*
 * The parameters of a statement. sql/query gives each a name and a type, and build-aux/statements.awk makes of each
 * statement a function that takes them as C has them (db/statements.h). db_param_encode turns them into what PostgreSQL
 * reads, when a batch is written: ids, numbers, bytes and lists in its binary formats, so that no value is formatted,
 * quoted or escaped.
 *
 * A pointer that is NULL is SQL's null. Ids and numbers are copied. Texts, bytes and the items of lists are borrowed
 * until the statement has been sent, which for a queued one is together with the next statement, at the latest with
 * COMMIT.
 */
#ifndef MAYFLY_DB_DB_PARAM_H
#define MAYFLY_DB_DB_PARAM_H

#include "base/arena.h"
#include "base/err.h"
#include "base/uuid.h"

enum {
    DB_PARAMS_MAX = 20,
    /* All lists of a statement: 10,000 tags of parts (object/object.h), twice over. PostgreSQL would take a GiB. */
    DB_LISTS_BYTES = 4 * 1024 * 1024,
};

/* bytea */
struct db_bytes {
    const void *bytes;
    size_t length;
};

/* uuid[] */
struct db_uuids {
    const struct uuid *items;
    size_t count;
};

/* int[], bigint[] */
struct db_numbers {
    const int64_t *items;
    size_t count;
};

/* text[], none of them null */
struct db_texts {
    const char *const *items;
    size_t count;
};

/* bytea[], all of one size, one after the other */
struct db_keys {
    const void *items;
    size_t count;
    size_t each;
};

#define DB_BYTES(pointer, size) ((struct db_bytes){(pointer), (size)})
/* Of an array of bytes; not of a pointer to one. */
#define DB_ARRAY(array) DB_BYTES(array, sizeof(array))
#define DB_NO_BYTES ((struct db_bytes){.bytes = NULL})

enum db_type {
    DB_NULL,
    DB_UUID,
    DB_INT4,
    DB_INT8,
    DB_BOOL,
    DB_TEXT, /* and other types that are sent as text: inet, jsonb */
    DB_BYTEA,
    DB_UUID_LIST,
    DB_INT4_LIST,
    DB_INT8_LIST,
    DB_TEXT_LIST,
    DB_BYTEA_LIST,
};

struct db_param {
    enum db_type type;
    union {
        struct uuid uuid;
        int64_t number;
        const char *text;
        struct db_keys items; /* bytes have one item; each is 0 where the items say how long they are */
    };
};

/* For statements.h, which knows the types. */

static inline struct db_param db_param_uuid(const struct uuid *id)
{
    return id != NULL ? (struct db_param){.type = DB_UUID, .uuid = *id} : (struct db_param){.type = DB_NULL};
}

static inline struct db_param db_param_int4(int64_t number)
{
    return (struct db_param){.type = DB_INT4, .number = number};
}

static inline struct db_param db_param_int8(int64_t number)
{
    return (struct db_param){.type = DB_INT8, .number = number};
}

static inline struct db_param db_param_int4_or_null(const int64_t *number)
{
    return number != NULL ? db_param_int4(*number) : (struct db_param){.type = DB_NULL};
}

static inline struct db_param db_param_int8_or_null(const int64_t *number)
{
    return number != NULL ? db_param_int8(*number) : (struct db_param){.type = DB_NULL};
}

static inline struct db_param db_param_bool(bool flag)
{
    return (struct db_param){.type = DB_BOOL, .number = flag};
}

static inline struct db_param db_param_text(const char *text)
{
    return (struct db_param){.type = text != NULL ? DB_TEXT : DB_NULL, .text = text};
}

static inline struct db_param db_param_bytea(struct db_bytes bytes)
{
    return (struct db_param){.type = bytes.bytes != NULL ? DB_BYTEA : DB_NULL, .items = {bytes.bytes, 1, bytes.length}};
}

static inline struct db_param db_param_uuids(struct db_uuids ids)
{
    return (struct db_param){.type = DB_UUID_LIST, .items = {ids.items, ids.count, sizeof(struct uuid)}};
}

static inline struct db_param db_param_int4s(struct db_numbers numbers)
{
    return (struct db_param){.type = DB_INT4_LIST, .items = {numbers.items, numbers.count, 0}};
}

static inline struct db_param db_param_int8s(struct db_numbers numbers)
{
    return (struct db_param){.type = DB_INT8_LIST, .items = {numbers.items, numbers.count, 0}};
}

static inline struct db_param db_param_texts(struct db_texts texts)
{
    return (struct db_param){.type = DB_TEXT_LIST, .items = {texts.items, texts.count, 0}};
}

static inline struct db_param db_param_byteas(struct db_keys keys)
{
    return (struct db_param){.type = DB_BYTEA_LIST, .items = keys};
}

/* For db.c and db_batch.c. */

/*
 * ERR_VALUE when a number does not fit its type, ERR_LARGE when what is to be sent is too long. name is the
 * statement's, for the log.
 */
bool db_params_check(const struct db_param *, int count, const char *name, struct err *) MUST_CHECK;

/* What libpq sends. values point into numbers, into lists, and at what was borrowed. */
struct db_wire {
    const char *values[DB_PARAMS_MAX];
    int lengths[DB_PARAMS_MAX];
    int formats[DB_PARAMS_MAX];
    unsigned char numbers[DB_PARAMS_MAX][sizeof(int64_t)];
};

/* Of parameters that db_params_check has passed. False: memory is out. */
bool db_params_encode(const struct db_param *, int count, struct arena *lists, struct db_wire *) MUST_CHECK;

#endif
