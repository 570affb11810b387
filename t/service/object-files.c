#include "object-contract.h"

#include <fcntl.h>

struct world *the_world;
pid_t main_process;

bool lacks(const char *what)
{
    const char *words = getenv("STORAGE_LACKS");
    size_t length = strlen(what);

    for (const char *at = words != NULL ? words : ""; *at != '\0'; at += strcspn(at, " "), at += strspn(at, " "))
        if (strcspn(at, " ") == length && strncmp(at, what, length) == 0)
            return true;
    return false;
}

struct world *world_open(int count, char **words)
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

int set_up(void **state)
{
    static struct test test;

    test = (struct test){.world = the_world, .store = &the_world->store, .ops = the_world->ops};
    arena_init(&test.arena, ARENA_BYTES);
    *state = &test;
    return 0;
}

int tear_down(void **state)
{
    struct test *test = *state;

    /* A writer that failed must not go on with the next test. */
    if (getpid() != main_process)
        _exit(3);
    arena_free(&test->arena);
    return 0;
}

void file_new(struct test *test, struct file *file, int64_t size, const char *name)
{
    char id[UUID_TEXT_BYTES];

    *file = (struct file){.object = {.id = uuid_new(&clock_system), .size = size}};
    uuid_format(&file->object.id, id);
    snprintf(file->key, sizeof file->key, OBJECT_PREFIX "%s/%s", id, name);
    file->object.key = file->key;
    file->object.upload = file->upload;
    file->object.block_bytes = test->ops->block_bytes(test->store, size);
}

unsigned char *content(const struct world *world, int64_t offset, size_t size, size_t seed)
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

void begin(struct test *test, struct file *file)
{
    const char *upload;

    GRANTED(test->ops->begin(test->store, &test->arena, &file->object, OBJECT_TYPE, &upload, &test->err));
    assert_true(strlen(upload) < sizeof file->upload);
    strcpy(file->upload, upload);
}

static bool put_within(struct db *db, void *arg, struct err *err)
{
    struct writing *writing = arg;
    struct test *test = writing->test;

    (void)db;
    return test->ops->put_block(test->store, &test->arena, &writing->file->object, writing->number, writing->bytes,
                                writing->length, &writing->tag, err);
}

bool put(struct test *test, struct file *file, int64_t number, const void *bytes, size_t length, const char **tag)
{
    struct writing writing = {test, file, number, bytes, length, ""};
    bool ok = object_write(test->store, test->ops, put_within, &writing, &test->err);

    *tag = writing.tag;
    return ok;
}

bool finish_within(struct db *db, void *arg, struct err *err)
{
    struct writing *writing = arg;
    struct test *test = writing->test;
    struct file *file = writing->file;

    (void)db;
    return test->ops->finish(test->store, &test->arena, &file->object, OBJECT_TYPE, file->blocks, file->block_count,
                             writing->bytes, writing->length, err);
}

void put_block(struct test *test, struct file *file, int64_t number, size_t seed)
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

bool finish(struct test *test, struct file *file, size_t tail_length)
{
    unsigned char *tail = content(test->world, (int64_t)file->block_count * file->object.block_bytes, tail_length, 0);
    struct writing writing = {test, file, 0, tail, tail_length, ""};
    bool ok = object_write(test->store, test->ops, finish_within, &writing, &test->err);

    free(tail);
    return ok;
}

void file_write(struct test *test, struct file *file, int64_t size, const char *name)
{
    file_new(test, file, size, name);
    if (size >= file->object.block_bytes)
        begin(test, file);
    for (int64_t number = 0; number < size / file->object.block_bytes; number++)
        put_block(test, file, number, 0);
    GRANTED(finish(test, file, (size_t)(size % file->object.block_bytes)));
}

void assert_reads(struct test *test, const struct file *file, int64_t offset, size_t asked, size_t wanted)
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

void assert_whole(struct test *test, const struct file *file, int64_t size)
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

void assert_absent(struct test *test, const struct file *file)
{
    unsigned char byte;
    size_t length;
    int64_t size;

    REFUSED(test->ops->size(test->store, &test->arena, &file->object, &size, &test->err), ERR_ABSENT, "");
    REFUSED(test->ops->read(test->store, &test->arena, &file->object, 0, &byte, 1, &length, &test->err), ERR_ABSENT,
            "");
}

void remove_file(struct test *test, const struct file *file)
{
    GRANTED(test->ops->remove(test->store, &test->arena, &file->object, &test->err));
}

bool is_key_of(const char *listed, const struct file *file)
{
    size_t length = strlen(listed);

    return strncmp(file->key, listed, length) == 0 && (file->key[length] == '\0' || file->key[length] == '/');
}

const struct object_entry *listed(struct test *test, const struct file *file, size_t page)
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

void assert_nothing_left(struct test *test, const struct file *file)
{
    assert_absent(test, file);
    if (listed(test, file, OBJECT_PAGE_MAX) != NULL)
        fail_msg("%s is still listed", file->key);
}
