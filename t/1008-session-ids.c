/* Lists of sessions whose cached copies must go: store/session_ids.h. */
#include "store/session_ids.h"

#include "unit.h"

#define FIRST "01890a5d-ac96-774b-bcce-b302099a8057"
#define SECOND "01890a5d-ac96-774b-bcce-ffffffffffff"

static void assert_id(const struct session_ids *ids, size_t index, const char *text)
{
    char found[UUID_TEXT_BYTES];

    uuid_format(&ids->ids[index], found);
    assert_string_equal(found, text);
}

static void ids_are_added(void **state)
{
    struct unit *unit = *state;
    struct session_ids ids = {.count = 0};
    struct uuid one;

    assert_true(uuid_parse(FIRST, &one));
    assert_granted(session_ids_parse(&ids, &unit->arena, "", &unit->err), &unit->err);
    assert_int_equal(ids.count, 0);
    assert_granted(session_ids_add(&ids, &unit->arena, &one, &unit->err), &unit->err);
    assert_granted(session_ids_parse(&ids, &unit->arena, SECOND "," FIRST, &unit->err), &unit->err);
    assert_granted(session_ids_parse(&ids, &unit->arena, SECOND, &unit->err), &unit->err);
    assert_int_equal(ids.count, 4);
    assert_id(&ids, 0, FIRST);
    assert_id(&ids, 1, SECOND);
    assert_id(&ids, 2, FIRST);
    assert_id(&ids, 3, SECOND);
}

static void what_is_no_list_is_refused(void **state)
{
    struct unit *unit = *state;
    const char *const wrong[] = {"x",
                                 "01890a5d",
                                 FIRST ",",
                                 FIRST "," SECOND ",x",
                                 FIRST " ",
                                 FIRST SECOND,
                                 FIRST ";" SECOND,
                                 "," FIRST,
                                 FIRST ",01890a5d",
                                 FIRST ",01890a5d-ac96-774b-bcce-fffffffffff!"};

    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct session_ids ids = {.count = 0};
        char *text = unit_exact(wrong[i], strlen(wrong[i]) + 1);

        assert_refused(session_ids_parse(&ids, &unit->arena, text, &unit->err), &unit->err, ERR_BUG, "id");
        free(text);
    }
}

static void memory_may_be_out(void **state)
{
    struct unit *unit = *state;
    struct session_ids ids = {.count = 0};
    struct arena small;

    arena_init(&small, UUID_BYTES);
    assert_granted(session_ids_parse(&ids, &small, FIRST, &unit->err), &unit->err);
    assert_refused(session_ids_parse(&ids, &small, SECOND, &unit->err), &unit->err, ERR_DOWN, "memory");
    assert_int_equal(ids.count, 1);
    assert_id(&ids, 0, FIRST);
    arena_free(&small);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(ids_are_added),
        PROMISE(what_is_no_list_is_refused),
        PROMISE(memory_may_be_out),
    };

    return KEEP_PROMISES(promises);
}
