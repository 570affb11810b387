/* First line: Content-Type; the rest a body. Whole and in slices, the same events, the same error. */
#include "http/multipart.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "http/disposition.h"

struct seen {
    uint64_t hash;
    size_t parts, ended, bytes;
    bool open;
};

static bool begin(void *user, const struct multipart_part *part, struct err *err)
{
    struct seen *seen = user;
    char safe[DISPOSITION_NAME_BYTES];

    (void)err;
    CHECK(!seen->open);
    CHECK(part->name != NULL && part->name[0] != '\0' && strlen(part->name) <= MULTIPART_NAME_MAX);
    CHECK(utf8_check(part->name, strlen(part->name)) == strlen(part->name));
    CHECK(part->type != NULL && strlen(part->type) <= MULTIPART_TYPE_MAX);
    seen->open = true;
    seen->parts++;
    seen->hash = mix(seen->hash, part->name, strlen(part->name) + 1);
    seen->hash = mix(seen->hash, part->type, strlen(part->type) + 1);
    seen->hash = mix(seen->hash, &part->offset, sizeof part->offset);
    if (part->filename != NULL) {
        seen->hash = mix(seen->hash, part->filename, part->filename_length);
        disposition_name(part->filename, part->filename_length, safe);
        seen->hash = mix(seen->hash, safe, strlen(safe));
    }
    return true;
}

static bool content(void *user, const void *bytes, size_t length, struct err *err)
{
    struct seen *seen = user;

    (void)err;
    CHECK(seen->open && length > 0);
    seen->hash = mix(seen->hash, bytes, length);
    seen->bytes += length;
    return true;
}

static bool end(void *user, struct err *err)
{
    struct seen *seen = user;

    (void)err;
    CHECK(seen->open);
    seen->open = false;
    seen->ended++;
    seen->hash = mix(seen->hash, "end", 3);
    return true;
}

static bool run(const char *type, const uint8_t *body, size_t size, size_t step, struct seen *seen, struct err *err)
{
    const struct multipart_events events = {begin, content, end, seen};
    struct multipart *multipart = malloc(sizeof *multipart);
    bool ok = multipart_init(multipart, type, &events, err);

    for (size_t at = 0; ok && at < size; at += step) {
        size_t length = size - at < step ? size - at : step;
        char *copy = exact(body + at, length);

        ok = multipart_feed(multipart, copy, length, err);
        if (!ok) {
            struct err more = {.kind = ERR_NONE};

            CHECK(!multipart_feed(multipart, copy, length, &more));
        }
        free(copy);
    }
    ok = ok && multipart_finish(multipart, err);
    free(multipart);
    CHECK(ok == (err->kind == ERR_NONE));
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen one = {.hash = 14695981039346656037u}, other = one;
    struct err err = {.kind = ERR_NONE}, err_sliced = err;
    const uint8_t *line;
    size_t step;
    char *type;
    bool ok, ok_sliced;

    if (size < 3 || (line = memchr(data + 1, '\n', size - 1)) == NULL)
        return 0;
    step = (size_t)data[0] % 61 + 1;
    type = text_of(data + 1, (size_t)(line - data) - 1);
    if (type == NULL)
        return 0;
    line++;
    size -= (size_t)(line - data);
    ok = run(type, line, size, size + 1, &one, &err);
    ok_sliced = run(type, line, size, step, &other, &err_sliced);
    CHECK(ok == ok_sliced && one.hash == other.hash && one.parts == other.parts && one.bytes == other.bytes);
    CHECK(strcmp(err.detail, err_sliced.detail) == 0);
    CHECK(!ok || (one.parts == one.ended && !one.open));
    free(type);
    return 0;
}
