/*
 * Signatures against the published ones: the examples of Amazon's S3 documentation and cases of Amazon's signing test
 * suite. t/data/sigv4 has a file for each: lines of a word and its value; `expires` makes it a URL. A new file is a new
 * test.
 */
#include "object/sigv4.h"

#include "unit.h"

#include <dirent.h>
#include <sodium.h>
#include <time.h>

enum { PAIRS_MAX = 16, LINE_BYTES = 2048, CASES_MAX = 128 };

struct example {
    struct access_key key;
    struct sigv4_signer signer;
    struct sigv4_request request;
    struct sigv4_pair query[PAIRS_MAX], headers[PAIRS_MAX];
    char payload[SHA256_HEX_BYTES];
    int64_t expires;
    const char *canonical, *signature;
};

static void set_pair(struct arena *arena, struct sigv4_pair *pair, const char *value, char between)
{
    size_t length = strcspn(value, (char[]){between, '\0'});

    pair->name = arena_strndup(arena, value, length);
    pair->value = arena_strdup(arena, value + length + 1);
}

static void read_line(struct arena *arena, struct example *example, const char *word, const char *value)
{
    struct sigv4_request *request = &example->request;
    unsigned char digest[SHA256_BYTES];
    struct tm utc = {.tm_sec = 0};

    if (strcmp(word, "service") == 0)
        example->signer.service = value;
    else if (strcmp(word, "region") == 0)
        example->signer.region = value;
    else if (strcmp(word, "time") == 0 && strptime(value, "%Y%m%dT%H%M%SZ", &utc) != NULL)
        example->signer.now_ms = timegm(&utc) * 1000 + 999;
    else if (strcmp(word, "key") == 0)
        strcpy(example->key.id, value);
    else if (strcmp(word, "secret") == 0)
        strcpy(example->key.secret, value);
    else if (strcmp(word, "token") == 0)
        strcpy(example->key.token, value);
    else if (strcmp(word, "method") == 0)
        request->method = value;
    else if (strcmp(word, "path") == 0)
        request->path = value;
    else if (strcmp(word, "query") == 0)
        set_pair(arena, &example->query[request->query_count++], value, '=');
    else if (strcmp(word, "header") == 0)
        set_pair(arena, &example->headers[request->header_count++], value, ':');
    else if (strcmp(word, "payload") == 0)
        request->payload = value;
    else if (strcmp(word, "body") == 0) {
        sha256_of(value, strlen(value), digest);
        sha256_hex(digest, example->payload);
    } else if (strcmp(word, "expires") == 0)
        example->expires = atoll(value);
    else if (strcmp(word, "canonical-sha256") == 0)
        example->canonical = value;
    else if (strcmp(word, "signature") == 0)
        example->signature = value;
    else
        fail_msg("there is no word \"%s\"", word);
}

static void read_example(struct arena *arena, const char *name, struct example *example)
{
    char path[512], line[LINE_BYTES];
    unsigned char digest[SHA256_BYTES];
    FILE *file;

    *example = (struct example){.signer = {.key = &example->key}};
    example->request =
        (struct sigv4_request){.query = example->query, .headers = example->headers, .payload = example->payload};
    sha256_of("", 0, digest);
    sha256_hex(digest, example->payload);
    snprintf(path, sizeof path, TEST_DATA "/sigv4/%s", name);
    file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        char *value = strchr(line, ' ');

        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#')
            continue;
        assert_non_null(value);
        *value = '\0';
        read_line(arena, example, line, arena_strdup(arena, value + 1));
    }
    fclose(file);
}

static void the_signature_is_the_published_one(void **state)
{
    static struct unit unit;
    static struct example example;
    struct sigv4_signed result;
    unsigned char digest[SHA256_BYTES];
    char hex[SHA256_HEX_BYTES];

    unit_set_up((void *[]){&unit});
    arena_init(&unit.arena, 1024 * 1024);
    err_clear(&unit.err);
    read_example(&unit.arena, *state, &example);
    if (example.expires > 0)
        assert_granted(
            sigv4_presign(&unit.arena, &example.signer, &example.request, example.expires, &result, &unit.err),
            &unit.err);
    else
        assert_granted(sigv4_sign(&unit.arena, &example.signer, &example.request, &result, &unit.err), &unit.err);
    sha256_of(result.canonical, strlen(result.canonical), digest);
    sha256_hex(digest, hex);
    if (strcmp(hex, example.canonical) != 0)
        fail_msg("the canonical request differs:\n%s", result.canonical);
    assert_string_equal(result.signature, example.signature);
    if (example.expires > 0)
        assert_contains(result.query, example.signature);
    else
        assert_contains(result.authorization, example.signature);
    arena_free(&unit.arena);
}

static const struct access_key some_key = {.id = "AKID", .secret = "secret"};
static const struct sigv4_signer some_signer = {.key = &some_key, .region = "r", .service = "s3"};

static void the_authorization_header_is_spelled_as_documented(void **state)
{
    const struct sigv4_pair headers[] = {{"x-amz-date", "19700101T000000Z"}, {"host", "h"}};
    const struct sigv4_request request = {
        .method = "GET", .path = "/", .headers = headers, .header_count = 2, .payload = SIGV4_UNSIGNED};
    struct unit *unit = *state;
    struct sigv4_signed result;

    assert_granted(sigv4_sign(&unit->arena, &some_signer, &request, &result, &unit->err), &unit->err);
    assert_string_equal(result.date, "19700101T000000Z");
    assert_string_equal(arena_printf(&unit->arena,
                                     "AWS4-HMAC-SHA256 Credential=AKID/19700101/r/s3/aws4_request, "
                                     "SignedHeaders=host;x-amz-date, Signature=%s",
                                     result.signature),
                        result.authorization);
    assert_string_equal(result.query, "");
}

static void every_byte_that_is_not_unreserved_is_encoded_in_capitals(void **state)
{
    struct unit *unit = *state;
    char text[256] = "", wanted[1024] = "";

    for (int byte = 1; byte < 256; byte++) {
        char *end = wanted + strlen(wanted);

        text[byte - 1] = (char)byte;
        if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~", byte) != NULL)
            sprintf(end, "%c", byte);
        else
            sprintf(end, "%%%02X", (unsigned)byte);
    }
    assert_string_equal(sigv4_encode(&unit->arena, text, '\0'), wanted);
    assert_string_equal(sigv4_encode(&unit->arena, "/a b/", '/'), "/a%20b/");
    assert_string_equal(sigv4_encode(&unit->arena, "/a b/", '\0'), "%2Fa%20b%2F");
}

static void parameters_are_sorted_as_they_are_encoded(void **state)
{
    const struct sigv4_pair query[] = {{"b", "2"}, {"a b", ""}, {"b", "1"}, {"uploads", ""}, {"a", "/"}, {"A", "é"}};
    const struct sigv4_pair headers[] = {{"host", "h"}};
    const struct sigv4_request request = {.method = "GET",
                                          .path = "/",
                                          .query = query,
                                          .query_count = COUNT(query),
                                          .headers = headers,
                                          .header_count = 1,
                                          .payload = SIGV4_UNSIGNED};
    struct unit *unit = *state;
    struct sigv4_signed result;

    assert_granted(sigv4_sign(&unit->arena, &some_signer, &request, &result, &unit->err), &unit->err);
    assert_string_equal(result.query, "A=%C3%A9&a=%2F&a%20b=&b=1&b=2&uploads=");
}

static void a_url_lives_between_a_second_and_a_week(void **state)
{
    static const int64_t wrong[] = {INT64_MIN, -1, 0, SIGV4_SECONDS_MAX + 1, INT64_MAX};
    const struct sigv4_pair headers[] = {{"host", "h"}};
    const struct sigv4_request request = {
        .method = "GET", .path = "/", .headers = headers, .header_count = 1, .payload = SIGV4_UNSIGNED};
    struct unit *unit = *state;
    struct sigv4_signed result;

    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_refused(sigv4_presign(&unit->arena, &some_signer, &request, wrong[i], &result, &unit->err), &unit->err,
                       ERR_BUG, "can't be signed for");
    assert_granted(sigv4_presign(&unit->arena, &some_signer, &request, 1, &result, &unit->err), &unit->err);
    assert_granted(sigv4_presign(&unit->arena, &some_signer, &request, SIGV4_SECONDS_MAX, &result, &unit->err),
                   &unit->err);
    assert_contains(result.query, "X-Amz-Expires=604800&");
}

static void too_many_parameters_or_headers_are_refused(void **state)
{
    static struct sigv4_pair many[64];
    struct unit *unit = *state;
    struct sigv4_request request = {.method = "GET", .path = "/", .query = many, .headers = many, .payload = ""};
    struct sigv4_signed result;

    for (size_t i = 0; i < COUNT(many); i++)
        many[i] = (struct sigv4_pair){"n", "v"};
    request.query_count = COUNT(many);
    assert_refused(sigv4_sign(&unit->arena, &some_signer, &request, &result, &unit->err), &unit->err, ERR_BUG,
                   "64 parameters");
    request.query_count = 0;
    request.header_count = COUNT(many);
    assert_refused(sigv4_presign(&unit->arena, &some_signer, &request, 60, &result, &unit->err), &unit->err, ERR_BUG,
                   "64 headers");
}

/* At each size of the arena, so that every allocation fails once. */
static void without_memory_nothing_is_signed(void **state)
{
    const struct sigv4_pair pairs[] = {{"host", "h"}};
    const struct sigv4_request request = {.method = "GET",
                                          .path = "/key",
                                          .query = pairs,
                                          .query_count = 1,
                                          .headers = pairs,
                                          .header_count = 1,
                                          .payload = SIGV4_UNSIGNED};
    struct unit *unit = *state;
    size_t failed = 0;
    bool ok = false;

    for (size_t limit = 0; !ok; limit += 16) {
        struct sigv4_signed result;
        struct arena small;
        bool one, other;

        arena_init(&small, limit);
        err_clear(&unit->err);
        one = sigv4_sign(&small, &some_signer, &request, &result, &unit->err);
        arena_free(&small);
        arena_init(&small, limit);
        other = sigv4_presign(&small, &some_signer, &request, 60, &result, &unit->err);
        arena_free(&small);
        ok = one && other;
        failed += !ok;
        assert_true(ok || unit->err.kind == ERR_DOWN);
    }
    assert_true(failed > 20);
}

static int is_example(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int main(void)
{
    static struct CMUnitTest promises[CASES_MAX];
    static const struct CMUnitTest others[] = {
        PROMISE(the_authorization_header_is_spelled_as_documented),
        PROMISE(every_byte_that_is_not_unreserved_is_encoded_in_capitals),
        PROMISE(parameters_are_sorted_as_they_are_encoded),
        PROMISE(a_url_lives_between_a_second_and_a_week),
        PROMISE(too_many_parameters_or_headers_are_refused),
        PROMISE(without_memory_nothing_is_signed),
    };
    struct dirent **entries;
    int count = scandir(TEST_DATA "/sigv4", &entries, is_example, alphasort);
    size_t total = 0;

    if (count <= 0 || (size_t)count + COUNT(others) > CASES_MAX || sodium_init() < 0)
        return 1;
    for (int i = 0; i < count; i++)
        promises[total++] =
            (struct CMUnitTest){entries[i]->d_name, the_signature_is_the_published_one, NULL, NULL, entries[i]->d_name};
    for (size_t i = 0; i < COUNT(others); i++)
        promises[total++] = others[i];
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return _cmocka_run_group_tests("sigv4", promises, total, NULL, NULL);
}
