/* Promises of back ends of objects: many writers, writers that are killed, and outages. */
#include "object-contract.h"

#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <sys/wait.h>

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

void many_write_at_once(void **state)
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

void a_writer_that_is_killed_within_a_block_leaves_nothing(void **state)
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

void another_goes_on_where_a_writer_was_killed(void **state)
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

void what_is_expected_is_begun_before_it_is_read(void **state)
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

void an_outage_is_told_quickly_and_over_when_it_is_over(void **state)
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
    REFUSED(test->ops->begin(test->store, &test->arena, &file.object, OBJECT_TYPE, &upload, &test->err), ERR_DOWN, "");
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
