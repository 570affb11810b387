/*
 * A scenario of mayfly-prove, and behind a NUL the body of an answer to its requests: whatever is in them, each error
 * has its place in the file, what is said is one line of UTF-8, and an answer is right or wrong.
 */
#include "base/utf8.h"
#include "fuzz.h"
#include "prove/scenario_answer.h"

enum { MEMORY_BYTES = 64 * 1024 * 1024 };

static void check_words(const char *words)
{
    CHECK(utf8_check(words, strlen(words)) == strlen(words));
}

static void ask(const struct scenario_entry *entry, const struct scenario_answer *answer, struct variables *variables,
                struct arena *arena)
{
    struct scenario_wrong wrong;

    if (!scenario_answer_is_right(entry, answer, variables, arena, &wrong))
        CHECK(wrong.place.line > 0 && wrong.why[0] != '\0');
    if (!scenario_answer_capture(entry, answer, variables, arena, &wrong))
        CHECK(wrong.place.line > 0 && wrong.why[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = memchr(data, '\0', size);
    size_t length = nul != NULL ? (size_t)(nul - data) : size;
    size_t body_length = nul != NULL ? size - length - 1 : 0;
    char *text = exact(data, length), *body = exact(nul != NULL ? nul + 1 : data, body_length);
    const struct scenario_answer answer = {.status = 200,
                                           .head =
                                               "Set-Cookie: sid=a; Path=/; Secure\r\nX-Token: mfs_1/x\r\nSet-Cookie: b",
                                           .body = body,
                                           .length = body_length,
                                           .url = "http://a"};
    struct variables variables = {.count = 0};
    const struct scenario_entry *entry;
    struct scenario scenario;
    struct arena arena;
    struct err err = {.kind = ERR_NONE};

    arena_init(&arena, MEMORY_BYTES);
    CHECK(variables_set(&variables, "user", "ann", 3, &err));
    if (scenario_parse(&scenario, &arena, "a", text, length, &err)) {
        STAILQ_FOREACH(entry, &scenario.entries, next)
        ask(entry, &answer, &variables, &arena);
    } else {
        int line, column;

        CHECK(
            err.kind == ERR_LARGE || err.kind == ERR_DOWN ||
            (err.kind == ERR_INPUT && sscanf(err.detail, "a:%d:%d: ", &line, &column) == 2 && line > 0 && column > 0));
        check_words(err.detail);
    }
    variables_free(&variables);
    arena_free(&arena);
    free(text);
    free(body);
    return 0;
}
