/* The arena and the buffer: what is handed out, where it ends, and in which order it is given back. */
#include "base/buf.h"

#include "unit.h"

#include <stdalign.h>

enum { KIB = 1024, MIB = 1024 * KIB };

static void an_arena_that_is_not_used_allocates_nothing(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, MIB);
    assert_null(arena.blocks);
    arena_reset(&arena);
    assert_null(arena.blocks);
    arena_free(&arena);
}

static void memory_is_aligned_for_any_type_and_nobody_elses(void **state)
{
    struct unit *unit = *state;
    unsigned char *pieces[600];

    for (size_t i = 0; i < COUNT(pieces); i++) {
        pieces[i] = arena_alloc(&unit->arena, i);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
        memset(pieces[i], (int)(i & 0xFF), i);
    }
    for (size_t i = 0; i < COUNT(pieces); i++)
        for (size_t at = 0; at < i; at++)
            if (pieces[i][at] != (i & 0xFF))
                fail_msg("piece %zu was overwritten at %zu", i, at);
}

static void zeroed_memory_is_zero_even_when_it_was_used_before(void **state)
{
    struct unit *unit = *state;
    unsigned char *memory = arena_alloc(&unit->arena, KIB);

    assert_non_null(memory);
    memset(memory, 0xFF, KIB);
    arena_reset(&unit->arena);
    memory = arena_zalloc(&unit->arena, KIB);
    assert_non_null(memory);
    for (size_t i = 0; i < KIB; i++)
        assert_int_equal(memory[i], 0);
}

static void the_limit_is_exact(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, KIB);
    assert_null(arena_alloc(&arena, KIB + 1));
    assert_non_null(arena_alloc(&arena, KIB));
    assert_null(arena_alloc(&arena, 1));
    assert_null(arena_zalloc(&arena, 1));
    assert_null(arena_strdup(&arena, ""));
    assert_null(arena_printf(&arena, "%d", 1));
    arena_free(&arena);
    arena_init(&arena, 0);
    assert_null(arena_alloc(&arena, 1));
    arena_free(&arena);
}

static void a_refused_allocation_costs_nothing(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 64);
    assert_null(arena_alloc(&arena, 65));
    assert_int_equal(arena.used_bytes, 0);
    assert_non_null(arena_alloc(&arena, 64));
    arena_free(&arena);
}

static void sizes_that_would_overflow_are_refused(void **state)
{
    struct unit *unit = *state;

    for (size_t less = 0; less < 64; less++)
        assert_null(arena_alloc(&unit->arena, SIZE_MAX - less));
    assert_null(arena_alloc(&unit->arena, SIZE_MAX / 2 + 1));
}

static void a_reset_gives_the_limit_back(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, KIB);
    for (int i = 0; i < 3; i++) {
        assert_non_null(arena_alloc(&arena, KIB));
        assert_null(arena_alloc(&arena, 1));
        arena_reset(&arena);
    }
    assert_non_null(arena_alloc(&arena, KIB));
    arena_free(&arena);
    assert_int_equal(arena.limit_bytes, KIB);
    assert_non_null(arena_alloc(&arena, KIB));
    arena_free(&arena);
}

static void a_reset_keeps_the_first_block_for_the_next_request(void **state)
{
    struct unit *unit = *state;
    void *first = arena_alloc(&unit->arena, KIB);
    const struct arena_block *block = unit->arena.blocks;

    for (int i = 0; i < 100; i++)
        assert_non_null(arena_alloc(&unit->arena, 10 * KIB));
    assert_ptr_not_equal(unit->arena.blocks, block);
    arena_reset(&unit->arena);
    assert_ptr_equal(unit->arena.blocks, block);
    assert_ptr_equal(arena_alloc(&unit->arena, KIB), first);
    arena_free(&unit->arena);
    assert_null(unit->arena.blocks);
}

static void a_reset_does_not_keep_a_block_of_unusual_size(void **state)
{
    struct unit *unit = *state;

    assert_non_null(arena_alloc(&unit->arena, MIB));
    arena_reset(&unit->arena);
    assert_null(unit->arena.blocks);
}

static void copies_are_equal_and_end(void **state)
{
    struct unit *unit = *state;
    char *text;

    assert_string_equal(arena_strdup(&unit->arena, ""), "");
    assert_string_equal(arena_strdup(&unit->arena, "mayfly"), "mayfly");
    assert_string_equal(arena_strndup(&unit->arena, "mayfly", 3), "may");
    text = arena_strndup(&unit->arena, "a\0b", 3);
    assert_memory_equal(text, "a\0b", 4);
    assert_string_equal(arena_printf(&unit->arena, "%s/%d", "a", 1234), "a/1234");
    text = arena_printf(&unit->arena, "%*d", 100 * KIB, 7);
    assert_non_null(text);
    assert_int_equal(strlen(text), 100 * KIB);
    assert_int_equal(text[100 * KIB - 1], '7');
}

static char order[16];

static void note(void *object)
{
    size_t length = strlen(order);

    order[length] = *(const char *)object;
    order[length + 1] = '\0';
}

static void defer_all(struct arena *arena, const char *names)
{
    order[0] = '\0';
    for (; *names != '\0'; names++)
        assert_true(arena_defer(arena, note, (char *)(uintptr_t)names));
}

static void cleanups_run_last_in_first_out_and_once(void **state)
{
    struct unit *unit = *state;

    defer_all(&unit->arena, "abc");
    assert_string_equal(order, "");
    arena_reset(&unit->arena);
    assert_string_equal(order, "cba");
    arena_reset(&unit->arena);
    arena_free(&unit->arena);
    assert_string_equal(order, "cba");
    defer_all(&unit->arena, "xy");
    arena_free(&unit->arena);
    assert_string_equal(order, "yx");
}

static void a_cleanup_still_sees_the_memory(void **state)
{
    struct unit *unit = *state;
    char *name = arena_strdup(&unit->arena, "n");

    order[0] = '\0';
    assert_true(arena_defer(&unit->arena, note, name));
    assert_non_null(arena_alloc(&unit->arena, MIB));
    arena_reset(&unit->arena);
    assert_string_equal(order, "n");
}

static void a_cleanup_that_cant_be_noted_runs_at_once(void **state)
{
    struct arena arena;
    char name[] = "n";

    (void)state;
    arena_init(&arena, 1);
    order[0] = '\0';
    assert_false(arena_defer(&arena, note, name));
    assert_string_equal(order, "n");
    arena_free(&arena);
    assert_string_equal(order, "n");
}

static void an_empty_buffer_is_an_empty_string(void **state)
{
    struct unit *unit = *state;
    struct buf buf;

    buf_init(&buf, &unit->arena, 0);
    assert_string_equal(buf.bytes, "");
    assert_int_equal(unit->arena.used_bytes, 0);
    assert_true(buf_add(&buf, "", 0));
    assert_true(buf_add_string(&buf, ""));
    assert_true(buf_printf(&buf, "%s", ""));
    assert_string_equal(buf.bytes, "");
    assert_false(buf_add(&buf, "x", 1));
    assert_string_equal(buf.bytes, "");
}

static void a_buffer_grows_and_forgets_nothing(void **state)
{
    struct unit *unit = *state;
    struct buf buf;

    buf_init(&buf, &unit->arena, MIB);
    for (size_t i = 0; i < 100 * KIB; i++) {
        char byte = (char)('a' + i % 26);

        assert_true(buf_add(&buf, &byte, 1));
        assert_int_equal(buf.bytes[i + 1], '\0');
    }
    assert_int_equal(buf.length, 100 * KIB);
    for (size_t i = 0; i < buf.length; i++)
        if (buf.bytes[i] != (char)('a' + i % 26))
            fail_msg("byte %zu changed", i);
}

static void the_cap_of_a_buffer_is_exact_and_adds_all_or_nothing(void **state)
{
    struct unit *unit = *state;
    struct buf buf;

    buf_init(&buf, &unit->arena, 10);
    assert_false(buf_add_string(&buf, "12345678901"));
    assert_string_equal(buf.bytes, "");
    assert_true(buf_add_string(&buf, "1234567"));
    assert_false(buf_printf(&buf, "%d", 8901));
    assert_false(buf_add(&buf, "89012", SIZE_MAX));
    assert_null(buf_reserve(&buf, 4));
    assert_false(BUF_ADD_STRINGS(&buf, "8", "9", "01"));
    assert_string_equal(buf.bytes, "1234567");
    assert_true(buf_printf(&buf, "%d", 890));
    assert_string_equal(buf.bytes, "1234567890");
    assert_false(buf_add(&buf, "1", 1));
    assert_true(buf_add(&buf, "", 0));
    assert_int_equal(buf.length, 10);
}

static void a_buffer_holds_any_byte(void **state)
{
    struct unit *unit = *state;
    struct buf buf;

    buf_init(&buf, &unit->arena, 16);
    assert_true(buf_add(&buf, "a\0b\xFF", 4));
    assert_true(buf_add(&buf, "\0", 1));
    assert_int_equal(buf.length, 5);
    assert_memory_equal(buf.bytes, "a\0b\xFF\0", 6);
}

static void a_buffer_can_add_its_own_bytes(void **state)
{
    struct unit *unit = *state;
    struct buf buf;

    buf_init(&buf, &unit->arena, 64 * KIB);
    assert_true(buf_add_string(&buf, "ab"));
    while (buf.length < 64 * KIB)
        assert_true(buf_add(&buf, buf.bytes, buf.length));
    for (size_t i = 0; i < buf.length; i += 2)
        assert_memory_equal(buf.bytes + i, "ab", 2);
}

static void reserved_room_is_all_there_and_a_byte_more(void **state)
{
    struct unit *unit = *state;

    for (size_t length = 0; length < 2000; length += 7) {
        struct buf buf;
        char *room;

        buf_init(&buf, &unit->arena, 4000);
        assert_true(buf_add_string(&buf, "start"));
        room = buf_reserve(&buf, length);
        assert_ptr_equal(room, buf.bytes + 5);
        memset(room, 'x', length);
        room[length] = '\0';
        buf.length += length;
        assert_int_equal(strlen(buf.bytes), 5 + length);
        assert_true(buf.capacity > buf.length);
        arena_free(&unit->arena);
    }
}

static void a_buffer_without_memory_keeps_what_it_has(void **state)
{
    struct arena arena;
    struct buf buf;

    (void)state;
    arena_init(&arena, KIB);
    buf_init(&buf, &arena, MIB);
    while (buf_add_string(&buf, "0123456789"))
        ;
    assert_true(buf.length > 0 && buf.length % 10 == 0);
    assert_int_equal(strlen(buf.bytes), buf.length);
    assert_false(buf_printf(&buf, "%*d", 2000, 1));
    assert_int_equal(strlen(buf.bytes), buf.length);
    arena_free(&arena);
}

static void count_release(void *count)
{
    ++*(int *)count;
}

/* What is run again and again must not grow: the same allocations after each rewind find the same room. */
static void a_rewind_gives_back_what_came_after_its_mark(void **state)
{
    struct arena arena;
    int early = 0, late = 0;

    (void)state;
    for (int before = 0; before < 3; before++) {
        struct arena_mark mark;
        char *kept = NULL;

        arena_init(&arena, MIB);
        if (before > 0) {
            kept = arena_strdup(&arena, "kept");
            assert_true(arena_defer(&arena, count_release, &early));
        }
        if (before > 1)
            assert_non_null(arena_alloc(&arena, 100 * KIB));
        mark = arena_mark(&arena);
        for (int round = 1; round <= 100; round++) {
            late = 0;
            assert_non_null(arena_alloc(&arena, 10));
            assert_true(arena_defer(&arena, count_release, &late));
            assert_non_null(arena_alloc(&arena, 300 * KIB));
            memset(arena_alloc(&arena, 300 * KIB), 'x', 300 * KIB);
            arena_rewind(&arena, &mark);
            assert_int_equal(late, 1);
            assert_int_equal(arena.used_bytes, mark.used_bytes);
        }
        if (kept != NULL)
            assert_string_equal(kept, "kept");
        assert_int_equal(early, before > 1 ? 1 : 0);
        arena_free(&arena);
    }
    assert_int_equal(early, 2);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(an_arena_that_is_not_used_allocates_nothing),
        PROMISE(memory_is_aligned_for_any_type_and_nobody_elses),
        PROMISE(zeroed_memory_is_zero_even_when_it_was_used_before),
        PROMISE(the_limit_is_exact),
        PROMISE(a_refused_allocation_costs_nothing),
        PROMISE(sizes_that_would_overflow_are_refused),
        PROMISE(a_reset_gives_the_limit_back),
        PROMISE(a_reset_keeps_the_first_block_for_the_next_request),
        PROMISE(a_reset_does_not_keep_a_block_of_unusual_size),
        PROMISE(copies_are_equal_and_end),
        PROMISE(cleanups_run_last_in_first_out_and_once),
        PROMISE(a_cleanup_still_sees_the_memory),
        PROMISE(a_cleanup_that_cant_be_noted_runs_at_once),
        PROMISE(a_rewind_gives_back_what_came_after_its_mark),
        PROMISE(an_empty_buffer_is_an_empty_string),
        PROMISE(a_buffer_grows_and_forgets_nothing),
        PROMISE(the_cap_of_a_buffer_is_exact_and_adds_all_or_nothing),
        PROMISE(a_buffer_holds_any_byte),
        PROMISE(a_buffer_can_add_its_own_bytes),
        PROMISE(reserved_room_is_all_there_and_a_byte_more),
        PROMISE(a_buffer_without_memory_keeps_what_it_has),
    };

    return KEEP_PROMISES(promises);
}
