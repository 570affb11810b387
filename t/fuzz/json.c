/* What is read can be written and read again as the same; forms become objects of strings. */
#include "http/json.h"
#include "base/json_text.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "http/form.h"
#include "http/json_show.h"

/* Longer than most inputs become, so that both are met: what is shown whole, and what is cut. */
enum { SHOWN_MAX = 4096 };

static void json(struct arena *arena, const char *text, size_t length)
{
    struct err err = {.kind = ERR_NONE};
    json_t *tree, *again;
    const char *written, *shown;
    bool cut;

    if (!json_read(arena, text, length, &tree, &err)) {
        CHECK(err.kind != ERR_NONE && tree == NULL);
        return;
    }
    written = json_write(arena, tree);
    if (written == NULL)
        return; /* out of the arena's bound */
    CHECK(json_read(arena, written, strlen(written), &again, &err));
    CHECK(json_equal(tree, again));
    shown = json_show(arena, written, SHOWN_MAX, &cut);
    if (shown == NULL)
        return;
    CHECK(strlen(shown) <= SHOWN_MAX);
    if (cut)
        return;
    CHECK(json_read(arena, shown, strlen(shown), &again, &err));
    CHECK(json_equal(tree, again));
}

static void form(struct arena *arena, const char *text, size_t length)
{
    struct err err = {.kind = ERR_NONE};
    json_t *fields, *value;
    const char *name;

    if (!form_read(arena, text, length, &fields, &err)) {
        CHECK(err.kind != ERR_NONE);
        return;
    }
    CHECK(json_object_size(fields) <= FORM_MAX_FIELDS);
    json_object_foreach(fields, name, value)
    {
        const char *member;
        char quoted[256];

        CHECK(json_is_string(value));
        CHECK(json_text(fields, name, &member, &err) && member != NULL);
        (void)json_flag(fields, name);
        CHECK(json_text_quote(quoted, sizeof quoted, member) < sizeof quoted);
        CHECK(utf8_check(quoted, strlen(quoted)) == strlen(quoted));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    char *copy;

    if (size == 0)
        return 0;
    arena_init(&arena, 8 * 1024 * 1024);
    copy = exact(data + 1, size - 1);
    if (data[0] % 2 == 0)
        json(&arena, copy, size - 1);
    else
        form(&arena, copy, size - 1);
    arena_free(&arena);
    free(copy);
    return 0;
}
