/* What statements are given, as PostgreSQL reads it: db/db_param.h. The functions of db/statements.h stand for their SQL. */
#include "db/statements.h"

#include "unit.h"

static const struct uuid some_id = {{1, 0, 0xFF, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}};

static struct db_wire encoded(struct unit *unit, const struct db_param *params, int count)
{
    struct db_wire wire;

    assert_granted(db_params_check(params, count, "a_statement", &unit->err), &unit->err);
    memset(&wire, 0xAA, sizeof wire);
    assert_true(db_params_encode(params, count, &unit->arena, &wire));
    return wire;
}

/* A single value, in a binary format. */
static void assert_sent(struct unit *unit, struct db_param param, const void *bytes, size_t length)
{
    static struct db_param kept; /* what is sent may point into it */
    struct db_wire wire;

    kept = param;
    wire = encoded(unit, &kept, 1);
    assert_int_equal(wire.formats[0], 1);
    assert_int_equal(wire.lengths[0], length);
    assert_non_null(wire.values[0]);
    if (length <= sizeof wire.numbers[0] && param.type != DB_BYTEA)
        assert_memory_equal(wire.numbers[0], bytes, length);
    else
        assert_memory_equal(wire.values[0], bytes, length);
}

#define SENT(unit, param, ...)                                                                                         \
    assert_sent(unit, param, (const unsigned char[]){__VA_ARGS__}, sizeof(const unsigned char[]){__VA_ARGS__})

static void single_values_are_big_endian(void **state)
{
    struct unit *unit = *state;

    assert_sent(unit, db_param_uuid(&some_id), some_id.bytes, UUID_BYTES);
    SENT(unit, db_param_int4(0), 0, 0, 0, 0);
    SENT(unit, db_param_int4(258), 0, 0, 1, 2);
    SENT(unit, db_param_int4(-2), 0xFF, 0xFF, 0xFF, 0xFE);
    SENT(unit, db_param_int4(INT32_MAX), 0x7F, 0xFF, 0xFF, 0xFF);
    SENT(unit, db_param_int4(INT32_MIN), 0x80, 0, 0, 0);
    SENT(unit, db_param_int8(0x0102030405060708), 1, 2, 3, 4, 5, 6, 7, 8);
    SENT(unit, db_param_int8(-1), 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF);
    SENT(unit, db_param_int8(INT64_MIN), 0x80, 0, 0, 0, 0, 0, 0, 0);
    SENT(unit, db_param_bool(true), 1);
    SENT(unit, db_param_bool(false), 0);
}

static void bytes_go_as_they_are(void **state)
{
    struct unit *unit = *state;
    const unsigned char key[5] = {0, 1, '\\', 0, '\''};

    SENT(unit, db_param_bytea(DB_ARRAY(key)), 0, 1, '\\', 0, '\'');
    SENT(unit, db_param_bytea(DB_BYTES(key, 2)), 0, 1);
    assert_sent(unit, db_param_bytea(DB_BYTES(key, 0)), "", 0);
}

/* Nothing is copied, and a text ends at its NUL: the one byte that PostgreSQL's text can't hold has no way in. */
static void texts_go_as_they_are(void **state)
{
    struct unit *unit = *state;
    const char *quoted = "it's {\"a\\b\",c}", *cut = "before\0after";
    const struct db_param params[] = {db_param_text(quoted), db_param_text(""), db_param_text(cut)};
    struct db_wire wire = encoded(unit, params, 3);

    assert_ptr_equal(wire.values[0], quoted);
    assert_string_equal(wire.values[1], "");
    assert_string_equal(wire.values[2], "before");
    for (int i = 0; i < 3; i++)
        assert_int_equal(wire.formats[i], 0);
}

static void a_null_pointer_is_null(void **state)
{
    struct unit *unit = *state;
    const int64_t seven = 7;
    const struct db_param params[] = {db_param_uuid(NULL),          db_param_text(NULL),
                                      db_param_bytea(DB_NO_BYTES),  db_param_int4_or_null(NULL),
                                      db_param_int8_or_null(NULL),  db_param_int4_or_null(&seven),
                                      db_param_int8_or_null(&seven)};
    struct db_wire wire = encoded(unit, params, COUNT(params));

    for (size_t i = 0; i < 5; i++)
        assert_null(wire.values[i]);
    assert_int_equal(wire.lengths[5], 4);
    assert_memory_equal(wire.values[5], "\0\0\0\7", 4);
    assert_int_equal(wire.lengths[6], 8);
    assert_memory_equal(wire.values[6], "\0\0\0\0\0\0\0\7", 8);
}

/* Dimensions, no nulls, the type of items, how many, the first one's index; then the length and the bytes of each. */
static void lists_are_arrays(void **state)
{
    struct unit *unit = *state;
    const int64_t numbers[] = {1, -1};
    const char *const texts[] = {"", "a,b", "\"\\'{}", "NULL"};
    const unsigned char keys[2][3] = {{0, '\\', '"'}, {',', 0, 0}};

    SENT(unit, db_param_int4s((struct db_numbers){numbers, 2}), 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 23, 0, 0, 0, 2, 0, 0,
         0, 1, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 4, 0xFF, 0xFF, 0xFF, 0xFF);
    SENT(unit, db_param_int8s((struct db_numbers){numbers, 1}), 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 1, 0, 0,
         0, 1, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1);
    SENT(unit, db_param_texts((struct db_texts){texts, 4}), 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 25, 0, 0, 0, 4, 0, 0, 0, 1,
         0, 0, 0, 0, 0, 0, 0, 3, 'a', ',', 'b', 0, 0, 0, 5, '"', '\\', '\'', '{', '}', 0, 0, 0, 4, 'N', 'U', 'L', 'L');
    SENT(unit, db_param_byteas((struct db_keys){keys, 2, 3}), 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 17, 0, 0, 0, 2, 0, 0, 0,
         1, 0, 0, 0, 3, 0, '\\', '"', 0, 0, 0, 3, ',', 0, 0);
    SENT(unit, db_param_uuids((struct db_uuids){&some_id, 1}), 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x0B, 0x86, 0, 0, 0, 1, 0,
         0, 0, 1, 0, 0, 0, 16, 1, 0, 0xFF, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    SENT(unit, db_param_uuids((struct db_uuids){NULL, 0}), 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x0B, 0x86, 0, 0, 0, 0, 0, 0,
         0, 1);
}

static void what_does_not_fit_is_refused(void **state)
{
    struct unit *unit = *state;
    const int64_t numbers[] = {0, INT64_C(1) + INT32_MAX};
    const struct db_param list = db_param_int4s((struct db_numbers){numbers, 2});
    const struct db_param large[] = {db_param_int8(INT64_MAX), db_param_int4(numbers[1])};
    const struct db_param small = db_param_int4(INT64_C(-1) + INT32_MIN);
    const struct db_param bytes = db_param_bytea(DB_BYTES("", (size_t)INT32_MAX + 1));
    const struct db_param longs[] = {db_param_byteas((struct db_keys){"", 1, DB_LISTS_BYTES / 2}),
                                     db_param_byteas((struct db_keys){"", 1, DB_LISTS_BYTES / 2})};

    assert_refused(db_params_check(large, 2, "a_statement", &unit->err), &unit->err, ERR_VALUE,
                   "a_statement: $2 is out of range");
    assert_refused(db_params_check(&small, 1, "a_statement", &unit->err), &unit->err, ERR_VALUE, "out of range");
    assert_refused(db_params_check(&list, 1, "a_statement", &unit->err), &unit->err, ERR_VALUE, "out of range");
    assert_refused(db_params_check(&bytes, 1, "a_statement", &unit->err), &unit->err, ERR_LARGE, "a_statement: $1");
    assert_granted(db_params_check(longs, 1, "a_statement", &unit->err), &unit->err);
    assert_refused(db_params_check(longs, 2, "a_statement", &unit->err), &unit->err, ERR_LARGE, "lists");
}

static void a_list_without_memory_fails(void **state)
{
    struct arena small;
    const struct db_param params[] = {db_param_uuids((struct db_uuids){&some_id, 1})};
    struct db_wire wire;

    (void)state;
    arena_init(&small, 16);
    assert_false(db_params_encode(params, 1, &small, &wire));
    arena_free(&small);
}

/* The order of a statement's parameters is the one of $1, $2, … */
static void a_function_has_the_parameters_of_its_statement(void **state)
{
    const struct uuid other = {{2}};
    const struct db_call call = sql_session_end(&some_id, &other);
    const struct db_call list = sql_session_list(&some_id, &other, 200);

    (void)state;
    assert_int_equal(call.statement, STATEMENT_SESSION_END);
    assert_true(uuid_equal(&call.params[0].uuid, &some_id) && uuid_equal(&call.params[1].uuid, &other));
    assert_int_equal(list.params[2].type, DB_INT4);
    assert_int_equal(list.params[2].number, 200);
    for (int i = 0; i < STATEMENT_COUNT; i++)
        assert_in_range(statement_texts[i].parameters, 0, DB_PARAMS_MAX);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(single_values_are_big_endian),
        PROMISE(bytes_go_as_they_are),
        PROMISE(texts_go_as_they_are),
        PROMISE(a_null_pointer_is_null),
        PROMISE(lists_are_arrays),
        PROMISE(what_does_not_fit_is_refused),
        PROMISE(a_list_without_memory_fails),
        PROMISE(a_function_has_the_parameters_of_its_statement),
    };

    return KEEP_PROMISES(promises);
}
