/*
 * The parsers of what clients send. t/data/PARSER/valid holds inputs that are read, each with FILE.out beside it: what
 * they mean. t/data/PARSER/invalid holds inputs that are refused, each with FILE.err beside it: a word of the message;
 * none where the parser says no more than no. A new file is a new test. Beyond the files, random changes of them.
 */
#include "base/token.h"
#include "http/etag.h"
#include "http/form.h"
#include "http/json.h"
#include "http/request.h"

#include "unit.h"

#include <dirent.h>

enum { FILE_MAX_BYTES = 64 * 1024, CASES_MAX = 1024, CHANGES = 40 };

/* Reads length bytes; *out says what they mean. False without an error when the parser says no more than no. */
typedef bool parse(struct unit *unit, const char *text, size_t length, const char **out);

static bool parse_json(struct unit *unit, const char *text, size_t length, const char **out)
{
    json_t *json;

    if (!json_read(&unit->arena, text, length, &json, &unit->err))
        return false;
    *out = json_write(&unit->arena, json);
    return *out != NULL || err_memory(&unit->err);
}

static bool parse_form(struct unit *unit, const char *text, size_t length, const char **out)
{
    json_t *json;

    if (!form_read(&unit->arena, text, length, &json, &unit->err))
        return false;
    *out = json_write(&unit->arena, json);
    return *out != NULL || err_memory(&unit->err);
}

/* Against version 5; says by which comparison it is listed. */
static bool parse_etag(struct unit *unit, const char *text, size_t length, const char **out)
{
    char *list = arena_strndup(&unit->arena, text, length);
    bool strong, weak;

    if (list == NULL)
        return err_memory(&unit->err);
    if (!etag_listed(list, 5, false, &strong, &unit->err) || !etag_listed(list, 5, true, &weak, &unit->err))
        return false;
    *out = strong && weak ? "strong and weak" : weak ? "weak" : strong ? "strong" : "not listed";
    return true;
}

static bool parse_token(struct unit *unit, const char *text, size_t length, const char **out)
{
    static char id[UUID_TEXT_BYTES];
    struct token token;

    (void)unit;
    if (!token_parse(text, length, &token))
        return false;
    uuid_format(&token.id, id);
    *out = id;
    return true;
}

static bool parse_cookie(struct unit *unit, const char *text, size_t length, const char **out)
{
    struct request request = {.cookie = arena_strndup(&unit->arena, text, length)};
    const char *value;
    size_t value_length;

    if (request.cookie == NULL)
        return err_memory(&unit->err);
    value = request_cookie(&request, "__Host-mayfly", &value_length);
    if (value == NULL)
        return false;
    *out = arena_strndup(&unit->arena, value, value_length);
    return *out != NULL || err_memory(&unit->err);
}

static const struct parser {
    const char *name;
    parse *parse;
    bool speaks; /* says what is wrong */
} parsers[] = {
    {"json", parse_json, true},    {"form", parse_form, true},      {"etag", parse_etag, true},
    {"token", parse_token, false}, {"cookie", parse_cookie, false},
};

struct sample {
    const struct parser *parser;
    bool valid;
    char *path;
};

static char *formatted(const char *format, ...) PRINTF_LIKE(1, 2);

static char *formatted(const char *format, ...)
{
    va_list arguments;
    char *text = NULL;

    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        abort();
    va_end(arguments);
    return text;
}

/* Malloced, of exactly *length bytes; NULL when there is no such file. */
static char *read_file(const char *path, const char *suffix, size_t *length)
{
    static char bytes[FILE_MAX_BYTES];
    char *name = formatted("%s%s", path, suffix);
    FILE *file = fopen(name, "re");

    free(name);
    if (file == NULL)
        return NULL;
    *length = fread(bytes, 1, sizeof bytes, file);
    assert_true(*length < sizeof bytes);
    fclose(file);
    return unit_exact(bytes, *length);
}

/* The line in the file beside a sample, without its end; "" without such a file. */
static void read_beside(const struct sample *sample, char *line, size_t size)
{
    size_t length = 0;
    char *bytes = read_file(sample->path, sample->valid ? ".out" : ".err", &length);

    assert_true(length < size);
    if (length > 0 && bytes[length - 1] == '\n')
        length--;
    if (length > 0)
        memcpy(line, bytes, length);
    line[length] = '\0';
    free(bytes);
}

/* The parser's promise whatever it is given: a meaning, or a refusal that says why. */
static bool parse_soundly(struct unit *unit, const struct parser *parser, const char *text, size_t length,
                          const char **out)
{
    bool ok;

    *out = NULL;
    err_clear(&unit->err);
    ok = parser->parse(unit, text, length, out);
    assert_int_equal(ok, *out != NULL);
    if (ok || !parser->speaks)
        assert_string_equal(err_word(unit->err.kind), "none");
    else
        assert_true(unit->err.kind != ERR_NONE && unit->err.detail[0] != '\0');
    return ok;
}

static void a_sample_is_read_or_refused(void **state)
{
    struct sample *sample = *state;
    struct unit unit = {.err = {.kind = ERR_NONE}};
    char expected[4096];
    const char *out;
    size_t length;
    char *text = read_file(sample->path, "", &length);
    bool ok;

    arena_init(&unit.arena, 1024 * 1024);
    read_beside(sample, expected, sizeof expected);
    assert_non_null(text);
    ok = parse_soundly(&unit, sample->parser, text, length, &out);
    if (sample->valid && !ok)
        fail_msg("refused: %s", unit.err.detail);
    if (!sample->valid && ok)
        fail_msg("read as: %s", out);
    if (ok)
        assert_string_equal(out, expected);
    else if (sample->parser->speaks) {
        assert_true(expected[0] != '\0');
        assert_true(unit.err.kind == ERR_INPUT);
        assert_contains(unit.err.detail, expected);
    }
    free(text);
    arena_free(&unit.arena);
}

static struct sample samples[CASES_MAX];
static size_t sample_count;
static struct CMUnitTest promises[CASES_MAX + 64];
static size_t promise_count;

static void promise(const char *name, CMUnitTestFunction function, CMFixtureFunction set_up,
                    CMFixtureFunction tear_down, void *initial_state)
{
    if (promise_count == COUNT(promises))
        abort();
    promises[promise_count++] = (struct CMUnitTest){name, function, set_up, tear_down, initial_state};
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_sample(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');

    return entry->d_name[0] != '.' && (dot == NULL || (strcmp(dot, ".err") != 0 && strcmp(dot, ".out") != 0));
}

/* One test for each sample of a folder, named as a sentence. */
static void promise_folder(const struct parser *parser, bool valid)
{
    char *folder = formatted("%s/%s/%s", TEST_DATA, parser->name, valid ? "valid" : "invalid");
    struct dirent **entries;
    int count = scandir(folder, &entries, is_sample, by_name);

    if (count <= 0) {
        fprintf(stderr, "%s: no samples\n", folder);
        exit(1);
    }
    for (int i = 0; i < count; i++) {
        struct sample *sample = &samples[sample_count++];

        if (sample_count == CASES_MAX)
            abort();
        sample->parser = parser;
        sample->valid = valid;
        sample->path = formatted("%s/%s", folder, entries[i]->d_name);
        promise(formatted("%s_%s_%s", parser->name, valid ? "reads" : "refuses", entries[i]->d_name),
                a_sample_is_read_or_refused, NULL, NULL, sample);
        free(entries[i]);
    }
    free(entries);
    free(folder);
}

static void change(char *text, size_t length, uint64_t *seed)
{
    static const char telling[] = "{}[]\",:\\%&=+;* \0\x7F\x80\xC2\xED\xF4\xFF"
                                  "0eu-W/";
    size_t at = unit_random(seed) % length;

    if (unit_random(seed) % 2 == 0)
        text[at] = telling[unit_random(seed) % (sizeof telling - 1)];
    else
        text[at] = (char)unit_random(seed);
}

static void random_changes_of_every_sample_are_read_or_refused_soundly(void **state)
{
    struct unit *unit = *state;
    uint64_t seed = 2010;

    for (size_t i = 0; i < sample_count; i++) {
        size_t length;
        char *text = read_file(samples[i].path, "", &length);
        const char *out;

        assert_non_null(text);
        for (int round = 0; round < CHANGES && length > 0; round++) {
            change(text, length, &seed);
            parse_soundly(unit, samples[i].parser, text, length, &out);
            arena_reset(&unit->arena);
        }
        free(text);
    }
}

static void every_sample_cut_at_any_byte_is_read_or_refused_soundly(void **state)
{
    struct unit *unit = *state;

    for (size_t i = 0; i < sample_count; i++) {
        size_t length, step;
        char *text = read_file(samples[i].path, "", &length);
        const char *out;

        assert_non_null(text);
        step = 1 + length / 256; /* the few long ones at some bytes only */
        for (size_t cut = 0; cut < length; cut += step) {
            char *exact = unit_exact(text, cut);

            parse_soundly(unit, samples[i].parser, exact, cut, &out);
            arena_reset(&unit->arena);
            free(exact);
        }
        free(text);
    }
}

/* Each way to run out of memory is tried: a little more of it each time, until there is enough. */
static void without_memory_a_parser_says_so(void **state)
{
    struct unit *unit = *state;

    for (size_t i = 0; i < sample_count; i++) {
        size_t length, limit = 0;
        char *text = read_file(samples[i].path, "", &length);
        const char *out;
        bool ok = false;

        assert_non_null(text);
        for (; samples[i].valid && samples[i].parser->speaks && length < 1000 && !ok; limit += 16) {
            arena_free(&unit->arena);
            arena_init(&unit->arena, limit);
            ok = parse_soundly(unit, samples[i].parser, text, length, &out);
            if (!ok)
                assert_string_equal(unit->err.detail, "out of memory");
        }
        free(text);
    }
}

static void an_object_is_asked_for_and_nothing_else_is_taken(void **state)
{
    static const char *const others[] = {"[]", "1", "\"{}\"", "null", "true", " [ {} ] "};
    struct unit *unit = *state;
    json_t *json;

    for (size_t i = 0; i < COUNT(others); i++)
        assert_refused(json_read_object(&unit->arena, others[i], strlen(others[i]), &json, &unit->err), &unit->err,
                       ERR_VALUE, "must be a JSON object");
    assert_refused(json_read_object(&unit->arena, "{", 1, &json, &unit->err), &unit->err, ERR_INPUT, "line 1, column");
    assert_granted(json_read_object(&unit->arena, " {} ", 4, &json, &unit->err), &unit->err);
}

static const json_t *object_of(struct unit *unit, const char *text)
{
    json_t *json;

    assert_granted(json_read_object(&unit->arena, text, strlen(text), &json, &unit->err), &unit->err);
    return json;
}

static void a_text_member_is_text_or_absent(void **state)
{
    struct unit *unit = *state;
    const json_t *object = object_of(unit, "{\"a\":\"x\",\"empty\":\"\",\"null\":null,\"n\":1,\"l\":[],\"t\":true}");
    static const char *const wrong[] = {"n", "l", "t"};
    const char *text;

    assert_granted(json_text(object, "a", &text, &unit->err), &unit->err);
    assert_string_equal(text, "x");
    assert_granted(json_text(object, "empty", &text, &unit->err), &unit->err);
    assert_string_equal(text, "");
    assert_granted(json_text(object, "null", &text, &unit->err), &unit->err);
    assert_null(text);
    assert_granted(json_text(object, "absent", &text, &unit->err), &unit->err);
    assert_null(text);
    for (size_t i = 0; i < COUNT(wrong); i++) {
        assert_false(json_text(object, wrong[i], &text, &unit->err));
        assert_null(text);
        assert_string_equal(unit->err.field, wrong[i]);
        assert_refused(json_text(object, wrong[i], &text, &unit->err), &unit->err, ERR_VALUE, "must be a string");
    }
}

static void a_flag_is_set_by_a_form_and_by_json_alike(void **state)
{
    const json_t *object = object_of(*state, "{\"json\":true,\"form\":\"on\",\"word\":\"true\",\"digit\":\"1\","
                                             "\"off\":\"off\",\"false\":false,\"null\":null,\"one\":1,\"empty\":\"\"}");
    static const char *const set[] = {"json", "form", "word", "digit"};
    static const char *const clear[] = {"off", "false", "null", "one", "empty", "absent"};

    for (size_t i = 0; i < COUNT(set); i++)
        assert_true(json_flag(object, set[i]));
    for (size_t i = 0; i < COUNT(clear); i++)
        assert_false(json_flag(object, clear[i]));
}

static void a_tag_is_listed_as_it_was_written(void **state)
{
    static const int64_t versions[] = {0, 1, 5, 55, 123456789, INT64_MAX, INT64_MIN};
    struct unit *unit = *state;

    for (size_t i = 0; i < COUNT(versions); i++) {
        char tag[ETAG_BYTES];

        etag_format(versions[i], tag);
        for (size_t k = 0; k < COUNT(versions); k++) {
            bool listed;

            assert_granted(etag_listed(tag, versions[k], false, &listed, &unit->err), &unit->err);
            assert_int_equal(listed, i == k);
        }
    }
}

static void a_star_means_that_something_is_there(void **state)
{
    struct unit *unit = *state;
    bool listed;

    assert_granted(etag_listed("*", 1, false, &listed, &unit->err), &unit->err);
    assert_true(listed);
    assert_granted(etag_listed("*", 0, true, &listed, &unit->err), &unit->err);
    assert_false(listed);
}

int main(void)
{
#define ALSO(name) promise(#name, name, unit_set_up, unit_tear_down, NULL)
    for (size_t i = 0; i < COUNT(parsers); i++) {
        promise_folder(&parsers[i], true);
        promise_folder(&parsers[i], false);
    }
    ALSO(random_changes_of_every_sample_are_read_or_refused_soundly);
    ALSO(every_sample_cut_at_any_byte_is_read_or_refused_soundly);
    ALSO(without_memory_a_parser_says_so);
    ALSO(an_object_is_asked_for_and_nothing_else_is_taken);
    ALSO(a_text_member_is_text_or_absent);
    ALSO(a_flag_is_set_by_a_form_and_by_json_alike);
    ALSO(a_tag_is_listed_as_it_was_written);
    ALSO(a_star_means_that_something_is_there);
    /* What follows the last promise is empty and passed over. */
    return KEEP_PROMISES(promises);
}
