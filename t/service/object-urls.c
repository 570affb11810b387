/* Promises of back ends of objects that sign URLs. */
#include "object-contract.h"

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

void a_url_reads_the_object_until_it_expires(void **state)
{
    struct test *test = *state;
    struct fetched got;
    struct file file;
    unsigned char *right;
    const char *url, *short_lived;

    if (test->ops->sign == NULL)
        skip();
    right = content(test->world, 0, 2000, 0);
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

void a_url_says_what_the_answer_calls_itself(void **state)
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

void a_url_writes_exactly_what_was_agreed(void **state)
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
void urls_write_the_blocks_of_a_large_object(void **state)
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
    GRANTED(test->ops->finish(test->store, &test->arena, &file.object, OBJECT_TYPE, blocks, count, "", 0, &test->err));
    assert_whole(test, &file, size);
    remove_file(test, &file);
    assert_nothing_left(test, &file);
}

void an_object_of_another_length_than_promised_is_not_finished(void **state)
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
