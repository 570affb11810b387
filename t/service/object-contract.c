/*
 * What every back end of objects promises (object/object.h), against the real thing:
 *
 *     object-contract NAME CONFIGURATION [setting=value…]
 *
 * STORAGE_STOP and STORAGE_START are commands that take the storage away and bring it back; without them that promise is
 * not tried. CONNECTION_END ends the connections of a database that are called object-contract. STORAGE_LACKS has words for what an S3 does without (see lacks); what is promised then is tried instead. Keys are new in each run, so the storage may be one that others use as well.
 */
#include "base/clock.h"
#include "db/db.h"
#include "object/object.h"
#include "object/s3.h"

#include "../unit.h"

#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <sys/wait.h>

enum { LANDING_US = 100000 };

enum { ARENA_BYTES = 64 * 1024 * 1024, PATTERN_BYTES = 1048573 /* prime, so that no two blocks are alike */ };

struct world {
    struct config config;
    struct log log;
    struct object_store store;
    const struct object_ops *ops;
    unsigned char pattern[PATTERN_BYTES];
};

struct test {
    struct world *world;
    struct object_store *store;
    const struct object_ops *ops;
    struct arena arena;
    struct err err;
};

/* A file with its key; made anew by each test. */
struct file {
    struct object object;
    char key[OBJECT_KEY_MAX];
    char upload[512];
    struct object_block blocks[64];
    size_t block_count;
};

static const char type[] = "application/x-mayfly-test";

/*
 * abort: no upload can be given up. uploads, parts: they are not listed. signatures: they are not checked. long-keys: 512 bytes
 * are too many. empty-ranges: no part of an empty object can be read, which nobody needs.
 */
static bool lacks(const char *what)
{
    const char *words = getenv("STORAGE_LACKS");
    size_t length = strlen(what);

    for (const char *at = words != NULL ? words : ""; *at != '\0'; at += strcspn(at, " "), at += strspn(at, " "))
        if (strcspn(at, " ") == length && strncmp(at, what, length) == 0)
            return true;
    return false;
}

static struct world *world_open(int count, char **words)
{
    static struct world world;
    uint64_t seed = 20261124;
    struct err err = {.kind = ERR_NONE};

    if (count < 3 || !config_load(&world.config, words[2], &err))
        goto wrong;
    for (int i = 3; i < count; i++) {
        char *value = strchr(words[i], '=');

        if (value == NULL)
            return NULL;
        *value++ = '\0';
        if (!config_set(&world.config, words[i], value, &err))
            goto wrong;
    }
    world.log = (struct log){.clock = &clock_system, .level = LOG_ERROR, .worker = "test"};
    world.store = (struct object_store){.config = &world.config, .clock = &clock_system, .log = &world.log};
    world.store.db = db_new(&world.config, &clock_system, &world.log);
    if (world.store.db != NULL)
        db_call(world.store.db, "object-contract");
    if (world.config.s3_bucket[0] != '\0' &&
        !s3_new(&world.store.s3, &world.config, &clock_system, &world.log, NULL, &err))
        goto wrong;
    world.ops = object_ops_named(words[1]);
    for (size_t i = 0; i < sizeof world.pattern; i++)
        world.pattern[i] = (unsigned char)unit_random(&seed);
    return world.ops == NULL || world.store.db == NULL ? NULL : &world;
wrong:
    fprintf(stderr, "%s\n", err.detail);
    return NULL;
}

static struct world *the_world;
static pid_t main_process;

static int set_up(void **state)
{
    static struct test test;

    test = (struct test){.world = the_world, .store = &the_world->store, .ops = the_world->ops};
    arena_init(&test.arena, ARENA_BYTES);
    *state = &test;
    return 0;
}

static int tear_down(void **state)
{
    struct test *test = *state;

    /* A writer that failed must not go on with the next test. */
    if (getpid() != main_process)
        _exit(3);
    arena_free(&test->arena);
    return 0;
}

#define GRANTED(call) assert_granted(call, &test->err)
#define REFUSED(call, kind, part) assert_refused(call, &test->err, kind, part)

/* --- Files */

static void file_new(struct test *test, struct file *file, int64_t size, const char *name)
{
    char id[UUID_TEXT_BYTES];

    *file = (struct file){.object = {.id = uuid_new(&clock_system), .size = size}};
    uuid_format(&file->object.id, id);
    snprintf(file->key, sizeof file->key, OBJECT_PREFIX "%s/%s", id, name);
    file->object.key = file->key;
    file->object.upload = file->upload;
    file->object.block_bytes = test->ops->block_bytes(test->store, size);
}

/* size bytes of the pattern from offset on; seed tells two contents of one place apart. */
static unsigned char *content(const struct world *world, int64_t offset, size_t size, size_t seed)
{
    unsigned char *bytes = malloc(size > 0 ? size : 1);

    assert_non_null(bytes);
    for (size_t done = 0; done < size;) {
        size_t at = (size_t)((uint64_t)offset + done + seed * 7919) % PATTERN_BYTES;
        size_t part = PATTERN_BYTES - at < size - done ? PATTERN_BYTES - at : size - done;

        memcpy(bytes + done, world->pattern + at, part);
        done += part;
    }
    return bytes;
}

static void begin(struct test *test, struct file *file)
{
    const char *upload;

    GRANTED(test->ops->begin(test->store, &test->arena, &file->object, type, &upload, &test->err));
    assert_true(strlen(upload) < sizeof file->upload);
    strcpy(file->upload, upload);
}

/* Within a transaction or outside of any, as they are to be called. */
struct writing {
    struct test *test;
    struct file *file;
    int64_t number;
    const void *bytes;
    size_t length;
    const char *tag;
};

static bool put_within(struct db *db, void *arg, struct err *err)
{
    struct writing *writing = arg;
    struct test *test = writing->test;

    (void)db;
    return test->ops->put_block(test->store, &test->arena, &writing->file->object, writing->number, writing->bytes,
                                writing->length, &writing->tag, err);
}

static bool put(struct test *test, struct file *file, int64_t number, const void *bytes, size_t length,
                const char **tag)
{
    struct writing writing = {test, file, number, bytes, length, ""};
    bool ok = object_write(test->store, test->ops, put_within, &writing, &test->err);

    *tag = writing.tag;
    return ok;
}

static bool finish_within(struct db *db, void *arg, struct err *err)
{
    struct writing *writing = arg;
    struct test *test = writing->test;
    struct file *file = writing->file;

    (void)db;
    return test->ops->finish(test->store, &test->arena, &file->object, type, file->blocks, file->block_count,
                             writing->bytes, writing->length, err);
}

static void put_block(struct test *test, struct file *file, int64_t number, size_t seed)
{
    size_t length = (size_t)file->object.block_bytes;
    unsigned char *bytes = content(test->world, number * file->object.block_bytes, length, seed);
    struct object_block *block = &file->blocks[number];

    assert_true(number < (int64_t)COUNT(file->blocks));
    GRANTED(put(test, file, number, bytes, length, &block->tag));
    block->number = number;
    if ((size_t)number >= file->block_count)
        file->block_count = (size_t)number + 1;
    free(bytes);
}

static bool finish(struct test *test, struct file *file, size_t tail_length)
{
    unsigned char *tail = content(test->world, (int64_t)file->block_count * file->object.block_bytes, tail_length, 0);
    struct writing writing = {test, file, 0, tail, tail_length, ""};
    bool ok = object_write(test->store, test->ops, finish_within, &writing, &test->err);

    free(tail);
    return ok;
}

/* A finished object of this size. */
static void file_write(struct test *test, struct file *file, int64_t size, const char *name)
{
    file_new(test, file, size, name);
    if (size >= file->object.block_bytes)
        begin(test, file);
    for (int64_t number = 0; number < size / file->object.block_bytes; number++)
        put_block(test, file, number, 0);
    GRANTED(finish(test, file, (size_t)(size % file->object.block_bytes)));
}

static void assert_reads(struct test *test, const struct file *file, int64_t offset, size_t asked, size_t wanted)
{
    unsigned char *bytes = malloc(asked), *right = content(test->world, offset, wanted, 0);
    size_t length;

    assert_non_null(bytes);
    GRANTED(test->ops->read(test->store, &test->arena, &file->object, offset, bytes, asked, &length, &test->err));
    assert_int_equal(length, wanted);
    assert_memory_equal(bytes, right, wanted);
    free(bytes);
    free(right);
}

static void assert_whole(struct test *test, const struct file *file, int64_t size)
{
    const size_t step = 1000003;
    int64_t found;

    GRANTED(test->ops->size(test->store, &test->arena, &file->object, &found, &test->err));
    assert_int_equal(found, size);
    for (int64_t offset = 0; offset < size; offset += (int64_t)step)
        assert_reads(test, file, offset, step, size - offset < (int64_t)step ? (size_t)(size - offset) : step);
    if (size > 0 || !lacks("empty-ranges"))
        assert_reads(test, file, size, step, 0);
}

static void assert_absent(struct test *test, const struct file *file)
{
    unsigned char byte;
    size_t length;
    int64_t size;

    REFUSED(test->ops->size(test->store, &test->arena, &file->object, &size, &test->err), ERR_ABSENT, "");
    REFUSED(test->ops->read(test->store, &test->arena, &file->object, 0, &byte, 1, &length, &test->err), ERR_ABSENT,
            "");
}

static void remove_file(struct test *test, const struct file *file)
{
    GRANTED(test->ops->remove(test->store, &test->arena, &file->object, &test->err));
}

/* Back ends that keep no names list the id alone. */
static bool is_key_of(const char *listed, const struct file *file)
{
    size_t length = strlen(listed);

    return strncmp(file->key, listed, length) == 0 && (file->key[length] == '\0' || file->key[length] == '/');
}

/* The entry of a file in the whole list, read in pages; NULL when there is none. */
static const struct object_entry *listed(struct test *test, const struct file *file, size_t page)
{
    const struct object_entry *found = NULL;
    struct object_listing listing;
    const char *after = "", *last = "";

    do {
        GRANTED(test->ops->list(test->store, &test->arena, after, page, &listing, &test->err));
        assert_true(listing.count <= page);
        for (size_t i = 0; i < listing.count; i++) {
            /* In order, and each once. */
            assert_true(strcmp(last, listing.entries[i].key) < 0);
            last = listing.entries[i].key;
            if (is_key_of(last, file))
                found = &listing.entries[i];
        }
        assert_true(listing.next[0] == '\0' || strcmp(listing.next, after) > 0);
        after = listing.next;
    } while (after[0] != '\0');
    return found;
}

static void assert_nothing_left(struct test *test, const struct file *file)
{
    assert_absent(test, file);
    if (listed(test, file, OBJECT_PAGE_MAX) != NULL)
        fail_msg("%s is still listed", file->key);
}

/* --- The promises */

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

/* More than one page of S3. */
static void a_list_goes_on_after_a_thousand_keys(void **state)
{
    static struct file files[OBJECT_PAGE_MAX + 5];
    struct test *test = *state;
    size_t found = 0;
    struct object_listing listing = {.next = ""};

    for (size_t i = 0; i < COUNT(files); i++) {
        file_write(test, &files[i], 0, "many");
        arena_reset(&test->arena);
    }
    do {
        GRANTED(test->ops->list(test->store, &test->arena, listing.next, OBJECT_PAGE_MAX, &listing, &test->err));
        for (size_t i = 0; i < listing.count; i++)
            for (size_t n = 0; n < COUNT(files); n++)
                found += is_key_of(listing.entries[i].key, &files[n]);
    } while (listing.next[0] != '\0');
    assert_int_equal(found, COUNT(files));
    for (size_t i = 0; i < COUNT(files); i++) {
        remove_file(test, &files[i]);
        arena_reset(&test->arena);
    }
}

/* A process with a connection of its own, as a worker has; what it fails at ends it with a status. */
static pid_t start_writer(struct test *test, void (*work)(struct test *, struct file *), struct file *file)
{
    pid_t writer = fork();

    assert_true(writer >= 0);
    if (writer == 0) {
        static struct object_store store;

        store = *test->store;
        store.db = db_new(store.config, store.clock, store.log);
        if (store.db == NULL ||
            (store.s3 != NULL && !s3_new(&store.s3, store.config, store.clock, store.log, NULL, &test->err)))
            _exit(2);
        test->store = &store;
        work(test, file);
        _exit(0);
    }
    return writer;
}

static int wait_for_writer(pid_t writer)
{
    int status;

    assert_true(waitpid(writer, &status, 0) == writer);
    return status;
}

static void write_some_files(struct test *test, struct file *file)
{
    for (int n = 0; n < 3; n++) {
        int64_t size = test->ops->block_bytes(test->store, -1) + getpid() % 1000 + n;

        file_write(test, file, size, "parallel");
        assert_whole(test, file, size);
        remove_file(test, file);
        assert_absent(test, file);
        arena_reset(&test->arena);
    }
}

static void many_write_at_once(void **state)
{
    struct test *test = *state;
    struct file files[4];
    pid_t writers[COUNT(files)];

    for (size_t i = 0; i < COUNT(files); i++)
        writers[i] = start_writer(test, write_some_files, &files[i]);
    for (size_t i = 0; i < COUNT(files); i++)
        assert_int_equal(wait_for_writer(writers[i]), 0);
}

/* After a time that differs from round to round. */
static void kill_writer(pid_t writer, int round)
{
    usleep((useconds_t)(round * 3000));
    kill(writer, SIGKILL);
    wait_for_writer(writer);
}

static void put_two_blocks(struct test *test, struct file *file)
{
    put_block(test, file, 0, 0);
    put_block(test, file, 1, 0);
}

static void finish_with_a_tail(struct test *test, struct file *file)
{
    GRANTED(finish(test, file, 5000));
}

static void a_writer_that_is_killed_within_a_block_leaves_nothing(void **state)
{
    struct test *test = *state;
    struct file file;

    for (int round = 0; round < 12; round++) {
        file_new(test, &file, -1, "killed");
        begin(test, &file);
        kill_writer(start_writer(test, put_two_blocks, &file), round * 2);
        remove_file(test, &file);
        /* As the sweeper does: what was under way may land after the first removal. */
        usleep(LANDING_US);
        remove_file(test, &file);
        assert_nothing_left(test, &file);
    }
}

static void another_goes_on_where_a_writer_was_killed(void **state)
{
    struct test *test = *state;
    struct file file;

    for (int round = 0; round < 12; round++) {
        file_new(test, &file, -1, "taken.over");
        begin(test, &file);
        kill_writer(start_writer(test, put_two_blocks, &file), round * 2);
        put_two_blocks(test, &file);
        kill_writer(start_writer(test, finish_with_a_tail, &file), round);
        GRANTED(finish(test, &file, 5000));
        assert_whole(test, &file, 2 * file.object.block_bytes + 5000);
        remove_file(test, &file);
        assert_nothing_left(test, &file);
        arena_reset(&test->arena);
    }
}

static void run(const char *variable)
{
    const char *command = getenv(variable);

    assert_non_null(command);
    if (system(command) != 0)
        fail_msg("%s failed", command);
}

static void expects(struct test *test, const struct file *file, int64_t offset, size_t size)
{
    test->ops->expect(test->store, &file->object, offset, size);
}

static void what_is_expected_is_begun_before_it_is_read(void **state)
{
    struct test *test = *state;
    struct file file, other;
    int64_t block = test->ops->block_bytes(test->store, -1), size;
    uint64_t trips;

    if (test->ops->expect == NULL)
        skip();
    file_write(test, &file, 2 * block + 5, "expected");
    assert_reads(test, &file, 0, (size_t)block, (size_t)block);
    trips = db_round_trips(test->store->db);
    expects(test, &file, block, (size_t)block);
    assert_int_equal(db_round_trips(test->store->db), trips + 1);
    assert_reads(test, &file, block, (size_t)block, (size_t)block);
    assert_int_equal(db_round_trips(test->store->db), trips + 1);
    /* Once: what is read again is asked for again. */
    assert_reads(test, &file, block, (size_t)block, (size_t)block);
    assert_int_equal(db_round_trips(test->store->db), trips + 2);
    /* Something else comes in between: another part, another operation, a transaction, another expectation. */
    expects(test, &file, block, (size_t)block);
    assert_reads(test, &file, 0, (size_t)block, (size_t)block);
    assert_reads(test, &file, block, (size_t)block, (size_t)block);
    expects(test, &file, block, (size_t)block);
    GRANTED(test->ops->size(test->store, &test->arena, &file.object, &size, &test->err));
    assert_int_equal(size, 2 * block + 5);
    assert_reads(test, &file, block, (size_t)block, (size_t)block);
    expects(test, &file, 0, (size_t)block);
    file_write(test, &other, block + 1, "other");
    assert_reads(test, &file, 0, (size_t)block, (size_t)block);
    expects(test, &file, 0, (size_t)block);
    expects(test, &other, 0, (size_t)block);
    assert_reads(test, &file, block, (size_t)block, (size_t)block);
    /* It is not read after all, or is beyond the end, or is no more. */
    expects(test, &file, 0, (size_t)block);
    expects(test, &file, 0, 0);
    trips = db_round_trips(test->store->db);
    assert_reads(test, &file, 0, 10, 10);
    assert_int_equal(db_round_trips(test->store->db), trips + 1);
    expects(test, &file, 2 * block, 100);
    assert_reads(test, &file, 2 * block, 100, 5);
    remove_file(test, &other);
    expects(test, &other, 0, (size_t)block);
    assert_absent(test, &other);
    /* Its connection ends meanwhile. */
    if (getenv("CONNECTION_END") != NULL) {
        expects(test, &file, block, (size_t)block);
        run("CONNECTION_END");
        assert_reads(test, &file, block, (size_t)block, (size_t)block);
        run("CONNECTION_END");
        expects(test, &file, block, (size_t)block);
        expects(test, &file, 0, 0);
        assert_reads(test, &file, block, (size_t)block, (size_t)block);
    }
    remove_file(test, &file);
}

static void an_outage_is_told_quickly_and_over_when_it_is_over(void **state)
{
    struct test *test = *state;
    struct file file, other;
    unsigned char byte;
    size_t length;
    int64_t size, start;
    const char *tag, *upload;
    struct object_listing listing;

    if (getenv("STORAGE_STOP") == NULL)
        skip();
    file_new(test, &file, -1, "outage");
    begin(test, &file);
    put_block(test, &file, 0, 0);
    run("STORAGE_STOP");
    start = clock_system.monotonic_us();
    REFUSED(test->ops->size(test->store, &test->arena, &file.object, &size, &test->err), ERR_DOWN, "");
    REFUSED(test->ops->read(test->store, &test->arena, &file.object, 0, &byte, 1, &length, &test->err), ERR_DOWN, "");
    REFUSED(test->ops->begin(test->store, &test->arena, &file.object, type, &upload, &test->err), ERR_DOWN, "");
    {
        unsigned char *bytes = content(test->world, 0, (size_t)file.object.block_bytes, 0);

        REFUSED(put(test, &file, 1, bytes, (size_t)file.object.block_bytes, &tag), ERR_DOWN, "");
        free(bytes);
    }
    REFUSED(finish(test, &file, 3), ERR_DOWN, "");
    REFUSED(test->ops->remove(test->store, &test->arena, &file.object, &test->err), ERR_DOWN, "");
    REFUSED(test->ops->list(test->store, &test->arena, "", 10, &listing, &test->err), ERR_DOWN, "");
    /* Seven of them: whoever waits for a storage holds others up. */
    assert_true(clock_system.monotonic_us() - start < 5 * 1000000);
    run("STORAGE_START");
    usleep(600 * 1000);
    GRANTED(finish(test, &file, 3));
    assert_whole(test, &file, file.object.block_bytes + 3);
    remove_file(test, &file);
    file_write(test, &other, 3, "after");
    assert_whole(test, &other, 3);
    remove_file(test, &other);
}

/* --- URLs, fetched by curl */

struct fetched {
    char status[8];
    char head[4096];
    unsigned char body[4096];
    size_t length;
};

/* curl ARGUMENTS URL */
static void fetch(struct test *test, const char *arguments, const char *url, struct fetched *fetched)
{
    char head[] = "/tmp/mayfly-head-XXXXXX", body[] = "/tmp/mayfly-body-XXXXXX";
    int head_fd = mkstemp(head), body_fd = mkstemp(body);
    const char *command = arena_printf(
        &test->arena, "curl -s --noproxy '*' -m 20 -D %s -o %s -w '%%{http_code}' %s '%s'", head, body, arguments, url);
    FILE *pipe = popen(command, "r");
    ssize_t length;

    *fetched = (struct fetched){.length = 0};
    assert_non_null(pipe);
    assert_non_null(fgets(fetched->status, sizeof fetched->status, pipe));
    pclose(pipe);
    length = read(head_fd, fetched->head, sizeof fetched->head - 1);
    assert_true(length >= 0);
    length = read(body_fd, fetched->body, sizeof fetched->body);
    assert_true(length >= 0);
    fetched->length = (size_t)length;
    close(head_fd);
    close(body_fd);
    unlink(head);
    unlink(body);
}

/* What is not as it was signed; whoever checks no signature does not see it. */
static void fetch_in_vain(struct test *test, const char *arguments, const char *url)
{
    struct fetched got;

    if (lacks("signatures"))
        return;
    fetch(test, arguments, url, &got);
    assert_string_equal(got.status, "403");
}

static const char *url_for(struct test *test, const struct file *file, struct object_grant grant)
{
    const char *url;

    if (grant.seconds == 0)
        grant.seconds = 60;
    GRANTED(test->ops->sign(test->store, &test->arena, &file->object, &grant, &url, &test->err));
    return url;
}

static void a_url_reads_the_object_until_it_expires(void **state)
{
    struct test *test = *state;
    struct fetched got;
    struct file file;
    unsigned char *right = content(test->world, 0, 2000, 0);
    const char *url, *short_lived;

    if (test->ops->sign == NULL)
        skip();
    file_write(test, &file, 2000, "a.url");
    short_lived = url_for(test, &file, (struct object_grant){.method = "GET", .seconds = 1});
    url = url_for(test, &file, (struct object_grant){.method = "GET"});
    fetch(test, "", url, &got);
    assert_string_equal(got.status, "200");
    assert_int_equal(got.length, 2000);
    assert_memory_equal(got.body, right, 2000);
    assert_contains(got.head, "application/x-mayfly-test");
    fetch(test, "-r 100-199", url, &got);
    assert_string_equal(got.status, "206");
    assert_int_equal(got.length, 100);
    assert_memory_equal(got.body, right + 100, 100);
    fetch(test, "-r 2000-", url, &got);
    assert_string_equal(got.status, "416");
    /* For nothing else, and for no other object. */
    fetch_in_vain(test, "-T /etc/hostname", url);
    fetch_in_vain(test, "-X DELETE", url);
    assert_whole(test, &file, 2000);
    fetch_in_vain(test, "", arena_printf(&test->arena, "%s0", url));
    fetch_in_vain(test, "",
                  arena_printf(&test->arena, "%.*s-other?%s", (int)strcspn(url, "?"), url, strchr(url, '?') + 1));
    fetch(test, "-I", url_for(test, &file, (struct object_grant){.method = "HEAD"}), &got);
    assert_string_equal(got.status, "200");
    assert_contains(got.head, "2000");
    sleep(2);
    fetch(test, "", short_lived, &got);
    assert_string_equal(got.status, "403");
    free(right);
    remove_file(test, &file);
    fetch(test, "", url, &got);
    assert_string_equal(got.status, "404");
}

static void a_url_says_what_the_answer_calls_itself(void **state)
{
    static const char disposition[] = "attachment; filename=\"a b.txt\"; filename*=UTF-8''%C3%A4%20%22b%22.txt";
    struct test *test = *state;
    struct fetched got;
    struct file file;

    if (test->ops->sign == NULL)
        skip();
    file_write(test, &file, 3, "named");
    fetch(test, "",
          url_for(
              test, &file,
              (struct object_grant){.method = "GET", .type = "text/plain; charset=utf-8", .disposition = disposition}),
          &got);
    assert_string_equal(got.status, "200");
    assert_contains(got.head, "text/plain; charset=utf-8");
    assert_contains(got.head, disposition);
    remove_file(test, &file);
}

static void a_url_writes_exactly_what_was_agreed(void **state)
{
    struct test *test = *state;
    struct fetched got;
    struct file file;
    const char *url, *any;

    if (test->ops->sign == NULL)
        skip();
    file_new(test, &file, 5, "by.url");
    url = url_for(test, &file, (struct object_grant){.method = "PUT", .type = "image/png"});
    fetch_in_vain(test, "-X PUT --data-binary 1234 -H 'Content-Type: image/png'", url);
    fetch_in_vain(test, "-X PUT --data-binary 123456 -H 'Content-Type: image/png'", url);
    fetch_in_vain(test, "-X PUT --data-binary 12345 -H 'Content-Type: text/html'", url);
    fetch_in_vain(test, "", url);
    assert_absent(test, &file);
    fetch(test, "-X PUT --data-binary 12345 -H 'Content-Type: image/png'", url, &got);
    assert_string_equal(got.status, "200");
    fetch(test, "", url_for(test, &file, (struct object_grant){.method = "GET"}), &got);
    assert_int_equal(got.length, 5);
    assert_memory_equal(got.body, "12345", 5);
    assert_contains(got.head, "image/png");
    /* Of a length that nobody knows yet. */
    file.object.size = -1;
    any = url_for(test, &file, (struct object_grant){.method = "PUT"});
    fetch(test, "-X PUT --data-binary 1234567", any, &got);
    assert_string_equal(got.status, "200");
    remove_file(test, &file);
    assert_nothing_left(test, &file);
}

/* What the client has to tell of a part where the storage does not. */
static const char *told_tag(struct test *test, const struct fetched *got)
{
    const char *line = strcasestr(got->head, "\nETag:"), *tag;

    assert_non_null(line);
    line += strlen("\nETag:");
    line += strspn(line, " ");
    tag = object_tag(&test->arena, arena_strndup(&test->arena, line, strcspn(line, "\r\n")));
    assert_non_null(tag);
    return tag;
}

/* A browser puts the blocks, the tail among them, by URLs of their own; the worker only begins and finishes. */
static void urls_write_the_blocks_of_a_large_object(void **state)
{
    char path[] = "/tmp/mayfly-block-XXXXXX";
    struct test *test = *state;
    struct fetched got;
    struct file file;
    struct object_block *blocks;
    size_t count;
    int fd = mkstemp(path);
    int64_t block = test->ops->block_bytes(test->store, -1), size = 2 * block + 321;

    if (test->ops->sign == NULL)
        skip();
    file_new(test, &file, size, "blocks.by.url");
    begin(test, &file);
    for (int64_t part = 1; part <= 3; part++) {
        size_t length = (size_t)(part < 3 ? block : 321);
        unsigned char *bytes = content(test->world, (part - 1) * block, length, 0);
        const char *url = url_for(test, &file, (struct object_grant){.method = "PUT", .browser = true, .part = part});

        assert_int_equal(ftruncate(fd, 0), 0);
        assert_true(pwrite(fd, bytes, length - 1, 0) == (ssize_t)length - 1);
        fetch_in_vain(test, arena_printf(&test->arena, "-T %s", path), url);
        assert_true(pwrite(fd, bytes, length, 0) == (ssize_t)length);
        fetch(test, arena_printf(&test->arena, "-T %s", path), url, &got);
        assert_string_equal(got.status, "200");
        file.blocks[part - 1] = (struct object_block){.number = part - 1, .tag = told_tag(test, &got)};
        free(bytes);
    }
    close(fd);
    unlink(path);
    if (lacks("parts")) {
        REFUSED(test->ops->blocks(test->store, &test->arena, &file.object, 0, 10, &blocks, &count, &test->err),
                ERR_METHOD, "");
        blocks = file.blocks;
        count = 3;
    } else {
        GRANTED(test->ops->blocks(test->store, &test->arena, &file.object, 1, 1, &blocks, &count, &test->err));
        assert_int_equal(count, 1);
        assert_int_equal(blocks[0].number, 1);
        GRANTED(test->ops->blocks(test->store, &test->arena, &file.object, 0, 10, &blocks, &count, &test->err));
        assert_int_equal(count, 3);
        for (size_t i = 0; i < count; i++)
            assert_string_equal(blocks[i].tag, file.blocks[i].tag);
    }
    GRANTED(test->ops->finish(test->store, &test->arena, &file.object, type, blocks, count, "", 0, &test->err));
    assert_whole(test, &file, size);
    remove_file(test, &file);
    assert_nothing_left(test, &file);
}

static void an_object_of_another_length_than_promised_is_not_finished(void **state)
{
    struct test *test = *state;
    struct file file;

    file_new(test, &file, 2 * test->ops->block_bytes(test->store, -1), "short");
    begin(test, &file);
    put_block(test, &file, 0, 0);
    REFUSED(finish(test, &file, 7), ERR_BUG, "");
    assert_absent(test, &file);
    REFUSED(finish(test, &file, 0), ERR_BUG, "");
    remove_file(test, &file);
    assert_nothing_left(test, &file);
    file_new(test, &file, 10, "short");
    REFUSED(finish(test, &file, 9), ERR_BUG, "");
    assert_nothing_left(test, &file);
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
        KEEPS(a_list_goes_on_after_a_thousand_keys),
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
