/* Whole and in slices: the same elements. */
#include "object/s3_xml.h"
#include "fuzz.h"

struct seen {
    uint64_t hash;
    size_t count;
};

static bool element(void *arg, const char *path, const char *text, struct err *err)
{
    struct seen *seen = arg;

    CHECK(strlen(path) <= S3_XML_PATH_MAX && strlen(text) <= S3_XML_TEXT_MAX);
    seen->hash = mix(mix(seen->hash, path, strlen(path) + 1), text, strlen(text) + 1);
    return ++seen->count < 5000 || err_set(err, ERR_BUG, "enough");
}

static bool run(const uint8_t *data, size_t size, size_t step, struct seen *seen)
{
    struct arena arena;
    struct err err = {.kind = ERR_NONE};
    struct s3_xml *xml;
    bool ok;

    arena_init(&arena, 16 * 1024 * 1024);
    ok = s3_xml_new(&xml, &arena, element, seen, &err);
    for (size_t at = 0; ok && at < size; at += step) {
        size_t length = size - at < step ? size - at : step;
        char *copy = exact(data + at, length);

        ok = s3_xml_feed(xml, copy, length, &err);
        free(copy);
    }
    ok = ok && s3_xml_end(xml, &err);
    CHECK(ok == (err.kind == ERR_NONE));
    arena_free(&arena);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen one = {14695981039346656037u, 0}, other = one;
    bool ok, sliced;

    if (size == 0)
        return 0;
    ok = run(data + 1, size - 1, size + 1, &one);
    sliced = run(data + 1, size - 1, (size_t)data[0] % 29 + 1, &other);
    CHECK(ok == sliced);
    if (ok)
        CHECK(one.hash == other.hash && one.count == other.count);
    return 0;
}
