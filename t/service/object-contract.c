/*
 * What every back end of objects promises (object/object.h), against the real thing:
 *
 *     object-contract NAME CONFIGURATION [setting=value…]
 *
 * STORAGE_STOP and STORAGE_START are commands that stop and start the storage; without them that promise is not tried.
 * STORAGE_PAGE is the number of keys that its lists have at most. CONNECTION_END ends the connections of a database that
 * are called object-contract. STORAGE_LACKS has words for what an S3 lacks (see lacks); what is promised then is tried
 * instead. Keys are new in each run, so the storage may be in use by others.
 */
#include "object-contract.h"

#include <sodium.h>

static void an_object_of_any_size_comes_back_whole(void **state)
{
    struct test *test = *state;
    int64_t block = test->ops->block_bytes(test->store, -1);
    const int64_t sizes[] = {0, 1, 255, block - 1, block, block + 1, 2 * block, 3 * block + 12345};
    struct file file;

    for (size_t i = 0; i < COUNT(sizes); i++) {
        file_write(test, &file, sizes[i], "any.size");
        assert_whole(test, &file, sizes[i]);
        remove_file(test, &file);
    }
}

static void any_part_of_it_can_be_read(void **state)
{
    struct test *test = *state;
    struct file file;
    int64_t block = test->ops->block_bytes(test->store, -1), size = 2 * block + 1000;
    const struct {
        int64_t offset, length, wanted;
    } parts[] = {
        {0, 1, 1},
        {1, 1, 1},
        {block - 1, 1, 1},
        {block - 1, 2, 2},
        {block, 1, 1},
        {block - 500, block + 1000, block + 1000},
        {2 * block - 1, 2, 2},
        {size - 1, 1, 1},
        {size - 1, 10, 1},
        {size - 1000, 5000, 1000},
        {size, 1, 0},
        {size + 1, 1, 0},
        {size + block, 100, 0},
    };

    file_write(test, &file, size, "parts");
    for (size_t i = 0; i < COUNT(parts); i++)
        assert_reads(test, &file, parts[i].offset, (size_t)parts[i].length, (size_t)parts[i].wanted);
    remove_file(test, &file);
}

static void every_step_may_be_repeated(void **state)
{
    struct test *test = *state;
    struct file file;
    int64_t block, size;

    file_new(test, &file, -1, "again");
    block = file.object.block_bytes;
    size = 2 * block + 77;
    begin(test, &file);
    begin(test, &file);
    put_block(test, &file, 0, 0);
    put_block(test, &file, 0, 0);
    put_block(test, &file, 1, 5);
    put_block(test, &file, 1, 0);
    GRANTED(finish(test, &file, 77));
    GRANTED(finish(test, &file, 77));
    assert_whole(test, &file, size);
    GRANTED(finish(test, &file, 77));
    assert_whole(test, &file, size);
    remove_file(test, &file);
    remove_file(test, &file);
    assert_nothing_left(test, &file);
    /* And of one that is written at once. */
    file_write(test, &file, 10, "again");
    GRANTED(finish(test, &file, 10));
    assert_whole(test, &file, 10);
    remove_file(test, &file);
    remove_file(test, &file);
    assert_nothing_left(test, &file);
}

static void nothing_is_there_before_it_is_finished(void **state)
{
    struct test *test = *state;
    struct file file;

    file_new(test, &file, -1, "unfinished");
    assert_absent(test, &file);
    begin(test, &file);
    assert_absent(test, &file);
    put_block(test, &file, 0, 0);
    assert_absent(test, &file);
    GRANTED(finish(test, &file, 1));
    assert_whole(test, &file, file.object.block_bytes + 1);
    remove_file(test, &file);
}

static void what_was_abandoned_leaves_nothing(void **state)
{
    struct test *test = *state;
    const struct object_entry *entry;
    struct file file;

    /* Killed after begin, its answer lost or not; after a block; after one that was sent twice. */
    for (int blocks = 0; blocks < 3; blocks++)
        for (int lost = 0; lost < 2; lost++) {
            file_new(test, &file, -1, "abandoned");
            begin(test, &file);
            for (int number = 0; number < blocks; number++)
                put_block(test, &file, number, 0);
            if (blocks == 2)
                put_block(test, &file, 1, 3);
            entry = listed(test, &file, OBJECT_PAGE_MAX);
            assert_true(entry == NULL || (entry->unfinished && entry->size == -1));
            if (lost)
                file.upload[0] = '\0';
            remove_file(test, &file);
            assert_nothing_left(test, &file);
        }
}

static void what_was_begun_for_a_small_object_leaves_nothing(void **state)
{
    struct test *test = *state;
    const struct object_entry *entry;
    struct file file;

    file_new(test, &file, -1, "small");
    begin(test, &file);
    GRANTED(finish(test, &file, 5));
    assert_whole(test, &file, 5);
    entry = listed(test, &file, OBJECT_PAGE_MAX);
    assert_non_null(entry);
    assert_false(entry->unfinished);
    assert_int_equal(entry->size, 5);
    remove_file(test, &file);
    assert_nothing_left(test, &file);
}

static void what_was_removed_does_not_come_back(void **state)
{
    struct test *test = *state;
    struct file file;

    file_new(test, &file, -1, "removed");
    begin(test, &file);
    put_block(test, &file, 0, 0);
    remove_file(test, &file);
    if (lacks("abort")) {
        /* Whoever goes on with it can: the sweeper removes twice. */
        GRANTED(finish(test, &file, 9));
        remove_file(test, &file);
    } else {
        REFUSED(finish(test, &file, 9), ERR_ABSENT, "");
    }
    assert_nothing_left(test, &file);
}

static void blocks_out_of_order_and_no_full_blocks_are_refused(void **state)
{
    struct test *test = *state;
    struct file file;
    const char *tag;

    file_new(test, &file, -1, "wrong");
    begin(test, &file);
    REFUSED(put(test, &file, 0, "x", 1, &tag), ERR_BUG, "no full block");
    put_block(test, &file, 0, 0);
    file.blocks[0].number = 1;
    REFUSED(finish(test, &file, 1), ERR_BUG, "");
    remove_file(test, &file);
    assert_nothing_left(test, &file);
}

static void a_key_that_is_none_is_refused(void **state)
{
    static char long_key[OBJECT_KEY_MAX + 2] = OBJECT_PREFIX;
    const char *const keys[] = {"",          "upload",        "elsewhere/x", "/uploads/x",   "uploads/a b",
                                "uploads/ä", "uploads/a%20b", "uploads/a?b", "uploads/a\nb", long_key};
    struct test *test = *state;
    struct file file;
    int64_t size;

    memset(long_key + strlen(long_key), 'x', OBJECT_KEY_MAX + 1 - strlen(long_key));
    for (size_t i = 0; i < COUNT(keys); i++) {
        file_new(test, &file, 1, "x");
        file.object.key = keys[i];
        REFUSED(finish(test, &file, 1), ERR_BUG, "can't have the key");
        REFUSED(test->ops->size(test->store, &test->arena, &file.object, &size, &test->err), ERR_BUG,
                "can't have the key");
        REFUSED(test->ops->remove(test->store, &test->arena, &file.object, &test->err), ERR_BUG, "can't have the key");
    }
    long_key[lacks("long-keys") ? OBJECT_KEY_MAX / 4 : OBJECT_KEY_MAX] = '\0';
    file.object.key = long_key;
    GRANTED(finish(test, &file, 1));
    remove_file(test, &file);
}

static bool finish_and_fail(struct db *db, void *arg, struct err *err)
{
    return finish_within(db, arg, err) && err_set(err, ERR_CONFLICT, "rolled back");
}

/* Others use the connection while S3 is waited for, so nothing may be open on it. What is rows goes with its transaction. */
static void a_transaction_holds_what_is_in_the_database_and_nothing_else(void **state)
{
    struct test *test = *state;
    struct file file;
    struct writing writing = {test, &file, 0, "bytes", 5, ""};

    file_new(test, &file, 5, "within");
    if (test->ops->in_database)
        REFUSED(db_transaction(test->store->db, finish_and_fail, &writing, &test->err), ERR_CONFLICT, "rolled back");
    else
        REFUSED(db_transaction(test->store->db, finish_within, &writing, &test->err), ERR_BUG, "within a transaction");
    assert_absent(test, &file);
    remove_file(test, &file);
}

static void blocks_grow_with_the_file(void **state)
{
    struct test *test = *state;
    const int64_t gib = 1024LL * 1024 * 1024, sizes[] = {-1, 0, 1, gib, 80 * gib, 1000 * gib, 5000 * gib};
    int64_t before = 0;

    for (size_t i = 0; i < COUNT(sizes); i++) {
        int64_t block = test->ops->block_bytes(test->store, sizes[i]);

        assert_true(block >= before);
        before = block;
    }
}

static void a_list_has_every_key_once_in_pages_of_any_size(void **state)
{
    static const size_t pages[] = {1, 2, 3, 7, OBJECT_PAGE_MAX};
    static struct file files[9];
    struct test *test = *state;

    for (size_t i = 0; i < COUNT(files); i++)
        if (i % 3 == 2) {
            file_new(test, &files[i], -1, "begun");
            begin(test, &files[i]);
            put_block(test, &files[i], 0, 0);
        } else {
            file_write(test, &files[i], (int64_t)i * 100, "done");
        }
    for (size_t page = 0; page < COUNT(pages); page++)
        for (size_t i = 0; i < COUNT(files); i++) {
            const struct object_entry *entry = listed(test, &files[i], pages[page]);

            if (i % 3 == 2 && lacks("uploads")) {
                assert_null(entry);
                continue;
            }
            assert_non_null(entry);
            assert_int_equal(entry->unfinished, i % 3 == 2);
            assert_int_equal(entry->size, i % 3 == 2 ? -1 : (int64_t)i * 100);
            assert_true(strncmp(entry->time, "20", 2) == 0 && strchr(entry->time, 'T') != NULL);
        }
    for (size_t i = 0; i < COUNT(files); i++)
        remove_file(test, &files[i]);
    for (size_t i = 0; i < COUNT(files); i++)
        assert_nothing_left(test, &files[i]);
}

/* Keys that the storage lists at once, however many it is asked for. */
static size_t longest_page(void)
{
    const char *text = getenv("STORAGE_PAGE");

    return text != NULL ? strtoul(text, NULL, 10) : OBJECT_PAGE_MAX;
}

static void a_list_goes_on_after_the_longest_page(void **state)
{
    static struct file files[OBJECT_PAGE_MAX + 5];
    struct test *test = *state;
    size_t found = 0, count = longest_page() + 5;
    struct object_listing listing = {.next = ""};

    assert_in_range(count, 6, COUNT(files));
    for (size_t i = 0; i < count; i++) {
        file_write(test, &files[i], 0, "many");
        arena_reset(&test->arena);
    }
    do {
        GRANTED(test->ops->list(test->store, &test->arena, listing.next, OBJECT_PAGE_MAX, &listing, &test->err));
        for (size_t i = 0; i < listing.count; i++)
            for (size_t n = 0; n < count; n++)
                found += is_key_of(listing.entries[i].key, &files[n]);
    } while (listing.next[0] != '\0');
    assert_int_equal(found, count);
    for (size_t i = 0; i < count; i++) {
        remove_file(test, &files[i]);
        arena_reset(&test->arena);
    }
}

#define KEEPS(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int count, char **words)
{
    const struct CMUnitTest promises[] = {
        KEEPS(an_object_of_any_size_comes_back_whole),
        KEEPS(any_part_of_it_can_be_read),
        KEEPS(every_step_may_be_repeated),
        KEEPS(nothing_is_there_before_it_is_finished),
        KEEPS(what_was_abandoned_leaves_nothing),
        KEEPS(what_was_begun_for_a_small_object_leaves_nothing),
        KEEPS(what_was_removed_does_not_come_back),
        KEEPS(blocks_out_of_order_and_no_full_blocks_are_refused),
        KEEPS(a_key_that_is_none_is_refused),
        KEEPS(a_transaction_holds_what_is_in_the_database_and_nothing_else),
        KEEPS(blocks_grow_with_the_file),
        KEEPS(a_list_has_every_key_once_in_pages_of_any_size),
        KEEPS(a_list_goes_on_after_the_longest_page),
        KEEPS(many_write_at_once),
        KEEPS(a_writer_that_is_killed_within_a_block_leaves_nothing),
        KEEPS(another_goes_on_where_a_writer_was_killed),
        KEEPS(a_url_reads_the_object_until_it_expires),
        KEEPS(a_url_says_what_the_answer_calls_itself),
        KEEPS(a_url_writes_exactly_what_was_agreed),
        KEEPS(urls_write_the_blocks_of_a_large_object),
        KEEPS(an_object_of_another_length_than_promised_is_not_finished),
        KEEPS(what_is_expected_is_begun_before_it_is_read),
        KEEPS(an_outage_is_told_quickly_and_over_when_it_is_over),
    };
    int failed;

    if (sodium_init() < 0 || (the_world = world_open(count, words)) == NULL) {
        fprintf(stderr, "object-contract NAME CONFIGURATION [setting=value…]\n");
        return 2;
    }
    main_process = getpid();
    failed = KEEP_PROMISES(promises);
    s3_free(the_world->store.s3);
    db_free(the_world->store.db);
    return failed;
}
