/* The parts of t/object-contract: object-contract.c has the promises, object-files.c what they share. */
#ifndef MAYFLY_T_SERVICE_OBJECT_CONTRACT_H
#define MAYFLY_T_SERVICE_OBJECT_CONTRACT_H

#include "base/clock.h"
#include "db/db.h"
#include "object/object.h"
#include "object/s3.h"

#include "../unit.h"

enum { ARENA_BYTES = 64 * 1024 * 1024, PATTERN_BYTES = 1048573 /* prime, so that no two blocks are alike */ };

enum { LANDING_US = 100000 };

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

/* Within a transaction or outside of any, as they are to be called. */
struct writing {
    struct test *test;
    struct file *file;
    int64_t number;
    const void *bytes;
    size_t length;
    const char *tag;
};

#define OBJECT_TYPE "application/x-mayfly-test"

extern struct world *the_world;
extern pid_t main_process;

#define GRANTED(call) assert_granted(call, &test->err)
#define REFUSED(call, kind, part) assert_refused(call, &test->err, kind, part)

/* --- object-files.c */

/*
 * Whether STORAGE_LACKS has the word. abort: uploads can't be aborted. uploads, parts: they are not listed. signatures:
 * they are not checked. long-keys: keys of 512 bytes are too long. empty-ranges: no part of an empty object can be read.
 */
bool lacks(const char *what);

struct world *world_open(int count, char **words);

int set_up(void **state);

int tear_down(void **state);

void file_new(struct test *test, struct file *file, int64_t size, const char *name);

bool finish_within(struct db *db, void *arg, struct err *err);

/* Back ends that keep no names list the id alone. */
bool is_key_of(const char *listed, const struct file *file);

/* size bytes of the pattern from offset on; seed tells two contents of one place apart. */
unsigned char *content(const struct world *world, int64_t offset, size_t size, size_t seed);

void begin(struct test *test, struct file *file);

bool put(struct test *test, struct file *file, int64_t number, const void *bytes, size_t length, const char **tag);

bool finish(struct test *test, struct file *file, size_t tail_length);

void put_block(struct test *test, struct file *file, int64_t number, size_t seed);

/* A finished object of this size. */
void file_write(struct test *test, struct file *file, int64_t size, const char *name);

void assert_reads(struct test *test, const struct file *file, int64_t offset, size_t asked, size_t wanted);

void assert_whole(struct test *test, const struct file *file, int64_t size);

void assert_absent(struct test *test, const struct file *file);

void remove_file(struct test *test, const struct file *file);

/* The entry of a file in the whole list, read in pages; NULL when there is none. */
const struct object_entry *listed(struct test *test, const struct file *file, size_t page);

void assert_nothing_left(struct test *test, const struct file *file);

/* --- Promises: object-crashes.c */

void many_write_at_once(void **state);
void a_writer_that_is_killed_within_a_block_leaves_nothing(void **state);
void another_goes_on_where_a_writer_was_killed(void **state);
void what_is_expected_is_begun_before_it_is_read(void **state);
void an_outage_is_told_quickly_and_over_when_it_is_over(void **state);

/* --- Promises: object-urls.c */

void a_url_reads_the_object_until_it_expires(void **state);
void a_url_says_what_the_answer_calls_itself(void **state);
void a_url_writes_exactly_what_was_agreed(void **state);
void urls_write_the_blocks_of_a_large_object(void **state);
void an_object_of_another_length_than_promised_is_not_finished(void **state);

#endif
