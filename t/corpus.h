/*
 * Parsers tried on samples. t/data/PARSER/valid holds inputs that are read, each with FILE.out beside it: what they
 * mean. t/data/PARSER/invalid holds inputs that are refused, each with FILE.err beside it: a word of the message; none
 * where the parser says no more than no. A new file is a new test. Beyond the files, random changes of them.
 */
#ifndef MAYFLY_T_CORPUS_H
#define MAYFLY_T_CORPUS_H

#include "unit.h"

#include <dirent.h>

enum { FILE_MAX_BYTES = 64 * 1024, CASES_MAX = 1024, CHANGES = 40 };

/* Reads length bytes; *out says what they mean. False without an error when the parser says no more than no. */
typedef bool parse(struct unit *unit, const char *text, size_t length, const char **out);

struct parser {
    const char *name; /* of the folder */
    parse *parse;
    bool speaks;         /* says what is wrong */
    const char *telling; /* bytes that mean something to it */
};

struct sample {
    const struct parser *parser;
    bool valid;
    char *path;
};

static inline char *formatted(const char *format, ...) PRINTF_LIKE(1, 2);

static inline char *formatted(const char *format, ...)
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
static inline char *read_file(const char *path, const char *suffix, size_t *length)
{
    static char bytes[FILE_MAX_BYTES];
    char *name = formatted("%s%s", path, suffix);
    FILE *file = fopen(name, "re");

    free(name);
    *length = 0;
    if (file == NULL)
        return NULL;
    *length = fread(bytes, 1, sizeof bytes, file);
    assert_true(*length < sizeof bytes);
    fclose(file);
    return unit_exact(bytes, *length);
}

/* The line in the file beside a sample, without its end; "" without such a file. */
static inline void read_beside(const struct sample *sample, char *line, size_t size)
{
    size_t length;
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
static inline bool parse_soundly(struct unit *unit, const struct parser *parser, const char *text, size_t length,
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

static inline void a_sample_is_read_or_refused(void **state)
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

static inline void promise(const char *name, CMUnitTestFunction function, CMFixtureFunction set_up,
                           CMFixtureFunction tear_down, void *initial_state)
{
    if (promise_count == COUNT(promises))
        abort();
    promises[promise_count++] = (struct CMUnitTest){name, function, set_up, tear_down, initial_state};
}

static inline int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static inline int is_sample(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');

    return entry->d_name[0] != '.' && (dot == NULL || (strcmp(dot, ".err") != 0 && strcmp(dot, ".out") != 0));
}

/* One test for each sample of a folder, named as a sentence. */
static inline void promise_folder(const struct parser *parser, bool valid)
{
    char *folder = formatted("%s/%s/%s", TEST_DATA, parser->name, valid ? "valid" : "invalid");
    struct dirent **entries;
    int count = scandir(folder, &entries, is_sample, by_name);

    /* Nothing can be wrong for some parsers. */
    if (count < 0 && !valid && !parser->speaks) {
        free(folder);
        return;
    }
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

static inline void change(char *text, size_t length, const char *telling, uint64_t *seed)
{
    size_t at = unit_random(seed) % length;

    /* With the NUL at its end. */
    if (unit_random(seed) % 2 == 0)
        text[at] = telling[unit_random(seed) % (strlen(telling) + 1)];
    else
        text[at] = (char)unit_random(seed);
}

static inline void random_changes_of_every_sample_are_read_or_refused_soundly(void **state)
{
    struct unit *unit = *state;
    uint64_t seed = 2010;

    for (size_t i = 0; i < sample_count; i++) {
        size_t length;
        char *text = read_file(samples[i].path, "", &length);
        const char *out;

        assert_non_null(text);
        for (int round = 0; round < CHANGES && length > 0; round++) {
            change(text, length, samples[i].parser->telling, &seed);
            parse_soundly(unit, samples[i].parser, text, length, &out);
            arena_reset(&unit->arena);
        }
        free(text);
    }
}

static inline void every_sample_cut_at_any_byte_is_read_or_refused_soundly(void **state)
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
static inline void without_memory_a_parser_says_so(void **state)
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

#define ALSO(name) promise(#name, name, unit_set_up, unit_tear_down, NULL)

/* Every sample of these parsers, and what holds for all of them. */
static inline void promise_samples(const struct parser *parsers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        promise_folder(&parsers[i], true);
        promise_folder(&parsers[i], false);
    }
    ALSO(random_changes_of_every_sample_are_read_or_refused_soundly);
    ALSO(every_sample_cut_at_any_byte_is_read_or_refused_soundly);
    ALSO(without_memory_a_parser_says_so);
}

#endif
