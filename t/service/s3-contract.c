/*
 * store/s3 against a real storage, beyond what objects need of it (object-contract.c):
 *
 *     s3-contract CONFIGURATION HTTPS-ENDPOINT CA-FILE VIRTUAL-HOST-ENDPOINT
 */
#include "base/clock.h"
#include "base/uuid.h"
#include "object/access_key.h"
#include "object/s3.h"

#include "../unit.h"

#include <fcntl.h>
#include <sodium.h>

enum { MIB = 1024 * 1024, PART = 5 * MIB };

struct test {
    struct arena arena;
    struct err err;
    struct config config;
    struct log log;
    struct s3 *s3;
    char prefix[96]; /* of this test's keys */
};

static char **arguments;

/* The log, which is looked through for the secret. */
static int log_fd = -1, true_stderr = -1;

static int set_up(void **state)
{
    static struct test test;
    struct uuid id = uuid_new(&clock_system);
    char text[UUID_TEXT_BYTES];

    memset(&test, 0, sizeof test);
    arena_init(&test.arena, 64 * MIB);
    if (!config_load(&test.config, arguments[1], &test.err)) {
        fprintf(stderr, "%s\n", test.err.detail);
        return -1;
    }
    test.log = (struct log){.clock = &clock_system, .level = LOG_DEBUG};
    uuid_format(&id, text);
    snprintf(test.prefix, sizeof test.prefix, "trial/%s/", text);
    true_stderr = dup(STDERR_FILENO);
    log_fd = memfd_create("log", MFD_CLOEXEC);
    dup2(log_fd, STDERR_FILENO);
    *state = &test;
    return 0;
}

static int tear_down(void **state)
{
    static char text[1024 * 1024];
    struct test *test = *state;
    struct access_key *key;
    ssize_t length = pread(log_fd, text, sizeof text - 1, 0);
    bool shown = true;

    dup2(true_stderr, STDERR_FILENO);
    close(true_stderr);
    close(log_fd);
    text[length < 0 ? 0 : length] = '\0';
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n')
        if (*line != '{')
            fprintf(stderr, "%.*s\n", (int)strcspn(line, "\n"), line);
    err_clear(&test->err);
    if (access_key_load(&key, test->config.s3_credentials, &test->err)) {
        shown = strstr(text, key->secret) != NULL;
        access_key_free(key);
    }
    s3_free(test->s3);
    arena_free(&test->arena);
    return shown ? -1 : 0;
}

static struct s3 *open_with(struct test *test, const struct clock *clock)
{
    s3_free(test->s3);
    assert_granted(s3_new(&test->s3, &test->config, clock, &test->log, NULL, &test->err), &test->err);
    return test->s3;
}

static struct s3 *open_s3(struct test *test)
{
    return open_with(test, &clock_system);
}

static const char *key_of(struct test *test, const char *name)
{
    const char *key = arena_printf(&test->arena, "%s%s", test->prefix, name);

    assert_non_null(key);
    return key;
}

static void set(struct test *test, const char *name, const char *value)
{
    assert_granted(config_set(&test->config, name, value, &test->err), &test->err);
}

#define GRANTED(call) assert_granted(call, &test->err)
#define REFUSED(call, kind, part) assert_refused(call, &test->err, kind, part)

/* Writes, reads, measures, lists and removes one object. */
static void assert_works(struct test *test, const char *name)
{
    const char *key = key_of(test, name);
    struct s3_page page;
    char bytes[16];
    size_t length;
    int64_t size;

    GRANTED(s3_put(test->s3, &test->arena, key, "text/plain", "ten bytes.", 10, &test->err));
    GRANTED(s3_head(test->s3, &test->arena, key, &size, &test->err));
    assert_int_equal(size, 10);
    GRANTED(s3_get(test->s3, &test->arena, key, 4, -1, bytes, sizeof bytes, &length, &test->err));
    assert_int_equal(length, 6);
    assert_memory_equal(bytes, "bytes.", 6);
    GRANTED(s3_objects(test->s3, &test->arena, key, "", 10, &page, &test->err));
    assert_int_equal(page.count, 1);
    assert_string_equal(page.items[0].key, key);
    assert_int_equal(page.items[0].size, 10);
    GRANTED(s3_delete(test->s3, &test->arena, key, &test->err));
    GRANTED(s3_delete(test->s3, &test->arena, key, &test->err));
    REFUSED(s3_head(test->s3, &test->arena, key, &size, &test->err), ERR_ABSENT, "there is no such object");
}

static void keys_may_have_any_character(void **state)
{
    static const char *const names[] = {
        "plain",      "a b",       "ä€🦟",  "a+b&c=d?e#f", "100%",      "%2F%41", "a//b",
        "(!*'$@:;,)", "~tilde-._", "\"quoted\"", "<xml>&amp;",  "trailing/", "a/../b", "a/./b/..",
    };
    struct test *test = *state;

    open_s3(test);
    for (size_t i = 0; i < COUNT(names); i++)
        assert_works(test, names[i]);
}

static void the_bucket_answers(void **state)
{
    struct test *test = *state;

    GRANTED(s3_ping(open_s3(test), &test->arena, &test->err));
    set(test, "s3_bucket", "no-such-bucket");
    REFUSED(s3_ping(open_s3(test), &test->arena, &test->err), ERR_BUG, "S3 has no bucket 'no-such-bucket'");
    REFUSED(s3_put(test->s3, &test->arena, "k", "t/t", "", 0, &test->err), ERR_DOWN, "404 NoSuchBucket");
}

static void a_wrong_key_is_refused_at_once(void **state)
{
    char path[] = "/tmp/mayfly-unit-XXXXXX";
    struct test *test = *state;
    struct access_key *key;
    int fd = mkstemp(path);
    int64_t start = clock_system.monotonic_us();

    assert_true(fd >= 0);
    GRANTED(access_key_load(&key, test->config.s3_credentials, &test->err));
    dprintf(fd, "AWS_ACCESS_KEY_ID=%s\nAWS_SECRET_ACCESS_KEY=wrong\n", key->id);
    set(test, "s3_credentials", path);
    REFUSED(s3_put(open_s3(test), &test->arena, "k", "t/t", "", 0, &test->err), ERR_DOWN, "403 SignatureDoesNotMatch");
    assert_int_equal(ftruncate(fd, 0), 0);
    lseek(fd, 0, SEEK_SET);
    dprintf(fd, "AWS_ACCESS_KEY_ID=nobody\nAWS_SECRET_ACCESS_KEY=%s\n", key->secret);
    REFUSED(s3_put(open_s3(test), &test->arena, "k", "t/t", "", 0, &test->err), ERR_DOWN, "403 InvalidAccessKeyId");
    assert_true(clock_system.monotonic_us() - start < 1000000);
    close(fd);
    unlink(path);
    set(test, "s3_credentials", "/dev/null");
    access_key_free(key);
    /* tear_down looks for the true secret. */
    assert_true(config_load(&test->config, arguments[1], &test->err));
}

static void tls_needs_a_certificate_that_is_believed(void **state)
{
    struct test *test = *state;

    set(test, "s3_endpoint", arguments[2]);
    REFUSED(s3_ping(open_s3(test), &test->arena, &test->err), ERR_DOWN, "certificate");
    set(test, "s3_ca_file", arguments[3]);
    open_s3(test);
    assert_works(test, "over TLS");
    set(test, "s3_ca_file", "/nowhere/ca.pem");
    REFUSED(s3_ping(open_s3(test), &test->arena, &test->err), ERR_DOWN, "");
}

static void the_bucket_may_be_in_the_host_s_name(void **state)
{
    const struct s3_grant grant = {.method = "GET", .seconds = 60, .length = -1};
    struct test *test = *state;
    const char *url;

    set(test, "s3_endpoint", arguments[4]);
    set(test, "s3_path_style", "no");
    open_s3(test);
    assert_works(test, "a b");
    GRANTED(s3_ping(test->s3, &test->arena, &test->err));
    GRANTED(s3_presign(test->s3, &test->arena, key_of(test, "a b"), &grant, &url, &test->err));
    assert_contains(url, "://mayfly.localhost:");
}

static int64_t fast(void)
{
    return clock_system.now_ms() + 25 * 60 * 1000;
}

static void a_wrong_clock_is_found_out(void **state)
{
    const struct clock wrong = {.now_ms = fast, .monotonic_us = clock_system.monotonic_us};
    struct test *test = *state;

    open_with(test, &wrong);
    assert_works(test, "late");
}

static void an_upload_s_parts_are_listed_in_pages(void **state)
{
    struct test *test = *state;
    const char *key = key_of(test, "parts"), *upload, *tags[5];
    struct s3_part_page page;
    int64_t after = 0;
    size_t found = 0;

    open_s3(test);
    GRANTED(s3_upload_begin(test->s3, &test->arena, key, "t/t", &upload, &test->err));
    for (size_t i = 0; i < COUNT(tags); i++)
        GRANTED(
            s3_upload_part(test->s3, &test->arena, key, upload, (int64_t)i + 1, "12345", i + 1, &tags[i], &test->err));
    do {
        GRANTED(s3_upload_parts(test->s3, &test->arena, key, upload, after, 2, &page, &test->err));
        assert_true(page.count > 0 && page.count <= 2);
        for (size_t i = 0; i < page.count; i++, found++) {
            assert_int_equal(page.parts[i].number, found + 1);
            assert_int_equal(page.parts[i].size, found + 1);
            assert_string_equal(page.parts[i].tag, tags[found]);
        }
        after = page.parts[page.count - 1].number;
    } while (page.more);
    assert_int_equal(found, COUNT(tags));
    GRANTED(s3_upload_abort(test->s3, &test->arena, key, upload, &test->err));
    GRANTED(s3_upload_abort(test->s3, &test->arena, key, upload, &test->err));
    REFUSED(s3_upload_parts(test->s3, &test->arena, key, upload, 0, 2, &page, &test->err), ERR_ABSENT,
            "there is no such");
}

static void parts_can_be_copied_from_another_object(void **state)
{
    struct test *test = *state;
    const char *from = key_of(test, "from ä"), *to = key_of(test, "to"), *upload;
    struct s3_part parts[2] = {{.number = 1}, {.number = 2}};
    char *bytes = malloc(PART + 100), read[8];
    size_t length;
    int64_t size;

    assert_non_null(bytes);
    for (size_t i = 0; i < PART + 100; i++)
        bytes[i] = (char)(i * 31 + i / 256);
    open_s3(test);
    GRANTED(s3_put(test->s3, &test->arena, from, "t/t", bytes, PART + 100, &test->err));
    GRANTED(s3_upload_begin(test->s3, &test->arena, to, "t/t", &upload, &test->err));
    GRANTED(s3_upload_copy(test->s3, &test->arena, to, upload, 1, from, 0, PART, &parts[0].tag, &test->err));
    GRANTED(s3_upload_copy(test->s3, &test->arena, to, upload, 2, from, PART, 100, &parts[1].tag, &test->err));
    GRANTED(s3_upload_complete(test->s3, &test->arena, to, upload, parts, 2, &test->err));
    GRANTED(s3_head(test->s3, &test->arena, to, &size, &test->err));
    assert_int_equal(size, PART + 100);
    GRANTED(s3_get(test->s3, &test->arena, to, PART - 4, -1, read, 8, &length, &test->err));
    assert_memory_equal(read, bytes + PART - 4, 8);
    GRANTED(s3_delete(test->s3, &test->arena, from, &test->err));
    GRANTED(s3_delete(test->s3, &test->arena, to, &test->err));
    free(bytes);
}

/* Why the header says so: these are this storage's ways, which others need not share. */
static void the_traps_of_completing_are_as_described(void **state)
{
    struct test *test = *state;
    const char *key = key_of(test, "traps"), *upload, *surplus;
    struct s3_part parts[2] = {{.number = 1}, {.number = 2}};
    char *bytes = calloc(1, PART);

    assert_non_null(bytes);
    open_s3(test);
    GRANTED(s3_upload_begin(test->s3, &test->arena, key, "t/t", &upload, &test->err));
    GRANTED(s3_upload_part(test->s3, &test->arena, key, upload, 1, "small", 5, &parts[0].tag, &test->err));
    GRANTED(s3_upload_part(test->s3, &test->arena, key, upload, 2, "tail", 4, &parts[1].tag, &test->err));
    REFUSED(s3_upload_complete(test->s3, &test->arena, key, upload, parts, 2, &test->err), ERR_BUG,
            "400 EntityTooSmall");
    GRANTED(s3_upload_part(test->s3, &test->arena, key, upload, 1, bytes, PART, &parts[0].tag, &test->err));
    GRANTED(s3_upload_part(test->s3, &test->arena, key, upload, 3, "surplus", 7, &surplus, &test->err));
    REFUSED(s3_upload_complete(test->s3, &test->arena, key, upload, parts, 2, &test->err), ERR_CONFLICT,
            "400 InvalidPart");
    GRANTED(s3_upload_abort(test->s3, &test->arena, key, upload, &test->err));
    GRANTED(s3_upload_begin(test->s3, &test->arena, key, "t/t", &upload, &test->err));
    GRANTED(s3_upload_part(test->s3, &test->arena, key, upload, 1, "only", 4, &parts[0].tag, &test->err));
    GRANTED(s3_upload_complete(test->s3, &test->arena, key, upload, parts, 1, &test->err));
    GRANTED(s3_upload_complete(test->s3, &test->arena, key, upload, parts, 1, &test->err));
    GRANTED(s3_delete(test->s3, &test->arena, key, &test->err));
    free(bytes);
}

static void uploads_of_one_key_do_not_stop_a_list(void **state)
{
    struct test *test = *state;
    const char *names[] = {"u1", "u1", "u1", "u2", "u3"}, *uploads[COUNT(names)], *after = "";
    struct s3_page page;
    size_t seen = 0;

    open_s3(test);
    for (size_t i = 0; i < COUNT(names); i++)
        GRANTED(s3_upload_begin(test->s3, &test->arena, key_of(test, names[i]), "t/t", &uploads[i], &test->err));
    do {
        GRANTED(s3_uploads(test->s3, &test->arena, test->prefix, after, 1, &page, &test->err));
        if (page.count > 0) {
            assert_true(strcmp(page.items[0].key, after) > 0);
            after = page.items[0].key;
            seen++;
        }
    } while (page.more && seen < 10);
    assert_int_equal(seen, 3);
    for (size_t i = 0; i < COUNT(names); i++)
        GRANTED(s3_upload_abort(test->s3, &test->arena, key_of(test, names[i]), uploads[i], &test->err));
    GRANTED(s3_uploads(test->s3, &test->arena, test->prefix, "", 10, &page, &test->err));
    assert_int_equal(page.count, 0);
}

#define KEEPS(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int count, char **words)
{
    const struct CMUnitTest promises[] = {
        KEEPS(keys_may_have_any_character),
        KEEPS(the_bucket_answers),
        KEEPS(a_wrong_key_is_refused_at_once),
        KEEPS(tls_needs_a_certificate_that_is_believed),
        KEEPS(the_bucket_may_be_in_the_host_s_name),
        KEEPS(a_wrong_clock_is_found_out),
        KEEPS(an_upload_s_parts_are_listed_in_pages),
        KEEPS(parts_can_be_copied_from_another_object),
        KEEPS(the_traps_of_completing_are_as_described),
        KEEPS(uploads_of_one_key_do_not_stop_a_list),
    };

    arguments = words;
    if (count != 5 || sodium_init() < 0) {
        fprintf(stderr, "s3-contract CONFIGURATION HTTPS-ENDPOINT CA-FILE VIRTUAL-HOST-ENDPOINT\n");
        return 2;
    }
    return KEEP_PROMISES(promises);
}
