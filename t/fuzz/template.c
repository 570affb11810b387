/* First line a template, the rest values as JSON. No value may come out as markup. */
#include "http/template.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line = memchr(data, '\n', size);
    struct template_page page = {.name = "p"};
    const struct template_set set = {.pages = &page, .count = 1};
    struct arena arena;
    struct err err = {.kind = ERR_NONE};
    struct buf out;
    json_t *values;
    char *text, *copy;

    if (line == NULL || (text = text_of(data, (size_t)(line - data))) == NULL)
        return 0;
    arena_init(&arena, 4 * 1024 * 1024);
    copy = exact(line + 1, size - (size_t)(line + 1 - data));
    page.text = text;
    if (json_read(&arena, copy, size - (size_t)(line + 1 - data), &values, &err)) {
        buf_init(&out, &arena, 256 * 1024);
        if (template_render(&set, "p", values, &out, &err)) {
            if (strpbrk(text, "<>\"'") == NULL)
                CHECK(strpbrk(out.bytes, "<>\"'") == NULL);
        } else
            CHECK(err.kind == ERR_BUG);
        /* The product's own pages with any values. */
        buf_init(&out, &arena, 256 * 1024);
        err_clear(&err);
        (void)!template_render(&template_pages, "files", values, &out, &err);
        buf_init(&out, &arena, 256 * 1024);
        err_clear(&err);
        (void)!template_render(&template_pages, "account", values, &out, &err);
    }
    arena_free(&arena);
    free(copy);
    free(text);
    return 0;
}
