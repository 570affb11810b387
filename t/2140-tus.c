/* The header fields of tus 1.0.0: what its grammar allows is read, and of all else the client hears what is wrong. */
#include "http/tus.h"

#include "base/buf.h"

#include "corpus.h"

#include <sodium.h>

static const char *line_of(struct unit *unit, const char *text, size_t length)
{
    const char *line = arena_strndup(&unit->arena, text, length);

    if (line == NULL)
        err_memory(&unit->err);
    return line;
}

/* `key=value (length)` of each pair, then the name and the type that are found. */
static bool parse_metadata(struct unit *unit, const char *text, size_t length, const char **out)
{
    const char *line = line_of(unit, text, length);
    const struct tus_pair *name, *type;
    struct tus_metadata metadata;
    struct buf story;
    bool ok = true;

    if (line == NULL || !tus_metadata_read(&unit->arena, line, &metadata, &unit->err))
        return false;
    assert_true(metadata.count <= TUS_METADATA_PAIRS);
    buf_init(&story, &unit->arena, 2 * TUS_METADATA_BYTES);
    for (size_t i = 0; ok && i < metadata.count; i++) {
        const struct tus_pair *pair = &metadata.pairs[i];

        assert_true(pair->key[0] != '\0' && pair->value[pair->length] == '\0');
        assert_ptr_equal(tus_metadata_find(&metadata, pair->key), pair);
        ok = buf_printf(&story, "%s=%s (%zu) ", pair->key, pair->value, pair->length);
    }
    name = tus_metadata_name(&metadata);
    type = tus_metadata_type(&metadata);
    ok = ok && buf_printf(&story, "name %s type %s", name != NULL ? name->value : "none",
                          type != NULL ? type->value : "none");
    if (!ok)
        return err_memory(&unit->err);
    *out = story.bytes;
    return true;
}

static bool parse_checksum(struct unit *unit, const char *text, size_t length, const char **out)
{
    static const char *const names[] = {[TUS_NO_CHECKSUM] = "none", [TUS_SHA1] = "sha1", [TUS_SHA256] = "sha256"};
    static const size_t lengths[] = {[TUS_NO_CHECKSUM] = 0, [TUS_SHA1] = 20, [TUS_SHA256] = 32};
    const char *line = line_of(unit, text, length);
    char hex[2 * TUS_DIGEST_MAX + 1];
    struct tus_checksum checksum;

    if (line == NULL || !tus_checksum_read(line, &checksum, &unit->err))
        return false;
    assert_int_equal(checksum.length, lengths[checksum.algorithm]);
    sodium_bin2hex(hex, sizeof hex, checksum.digest, checksum.length);
    *out = arena_printf(&unit->arena, "%s %s", names[checksum.algorithm], hex);
    return *out != NULL || err_memory(&unit->err);
}

static bool parse_concat(struct unit *unit, const char *text, size_t length, const char **out)
{
    static const char *const kinds[] = {[TUS_WHOLE] = "whole", [TUS_PARTIAL] = "partial", [TUS_FINAL] = "final"};
    const char *line = line_of(unit, text, length);
    struct tus_concat concat;
    struct buf story;
    bool ok;

    if (line == NULL || !tus_concat_read(line, &concat, &unit->err))
        return false;
    assert_true(concat.count <= TUS_CONCAT_MAX && (concat.kind == TUS_FINAL) == (concat.count > 0));
    buf_init(&story, &unit->arena, 8192);
    ok = buf_add_string(&story, kinds[concat.kind]);
    for (size_t i = 0; ok && i < concat.count; i++) {
        char id[UUID_TEXT_BYTES];

        uuid_format(&concat.parts[i], id);
        ok = buf_printf(&story, " %s", id);
    }
    *out = story.bytes;
    if (!ok)
        *out = NULL;
    return ok || err_memory(&unit->err);
}

/* Upload-Length, and after a `/` Upload-Defer-Length. */
static bool parse_length(struct unit *unit, const char *text, size_t length, const char **out)
{
    const char *slash = memchr(text, '/', length);
    size_t first = slash != NULL ? (size_t)(slash - text) : length;
    const char *length_text = line_of(unit, text, first);
    const char *defer_text = slash != NULL ? line_of(unit, slash + 1, length - first - 1) : "";
    int64_t bytes;

    if (length_text == NULL || defer_text == NULL || !tus_length(length_text, defer_text, &bytes, &unit->err))
        return false;
    assert_true(bytes >= 0 || bytes == TUS_DEFERRED);
    *out = arena_printf(&unit->arena, "%lld", (long long)bytes);
    return *out != NULL || err_memory(&unit->err);
}

static bool parse_offset(struct unit *unit, const char *text, size_t length, const char **out)
{
    const char *line = line_of(unit, text, length);
    int64_t offset;

    if (line == NULL || !tus_offset(line, &offset, &unit->err))
        return false;
    assert_true(offset >= 0);
    *out = arena_printf(&unit->arena, "%lld", (long long)offset);
    return *out != NULL || err_memory(&unit->err);
}

static const struct parser parsers[] = {
    {"tus-metadata", parse_metadata, true, ", =aAZ0+/\t\x80"},
    {"tus-checksum", parse_checksum, true, "sha1256 =A+/"},
    {"tus-concat", parse_concat, true, "final; partial/uploads-0a"},
    {"tus-length", parse_length, true, "019/-+ ."},
    {"tus-offset", parse_offset, true, "019-+ ."},
};

static void only_this_version_is_spoken(void **state)
{
    static const char *const others[] = {"", "1.0", "1.0.1", "1.0.0 ", "0.2.2", "2.0.0", "1.0.00", "1.0.0, 1.0.1"};

    (void)state;
    assert_true(tus_version("1.0.0"));
    for (size_t i = 0; i < COUNT(others); i++)
        assert_false(tus_version(others[i]));
}

static void an_error_names_its_field(void **state)
{
    struct unit *unit = *state;
    struct tus_metadata metadata;
    struct tus_checksum checksum;
    struct tus_concat concat;
    int64_t number;

    assert_false(tus_offset("x", &number, &unit->err));
    assert_string_equal(unit->err.field, "Upload-Offset");
    err_clear(&unit->err);
    assert_false(tus_length("x", "", &number, &unit->err));
    assert_string_equal(unit->err.field, "Upload-Length");
    err_clear(&unit->err);
    assert_false(tus_length("", "2", &number, &unit->err));
    assert_string_equal(unit->err.field, "Upload-Defer-Length");
    err_clear(&unit->err);
    assert_false(tus_metadata_read(&unit->arena, "a !", &metadata, &unit->err));
    assert_string_equal(unit->err.field, "Upload-Metadata");
    err_clear(&unit->err);
    assert_false(tus_checksum_read("md5 x", &checksum, &unit->err));
    assert_string_equal(unit->err.field, "Upload-Checksum");
    err_clear(&unit->err);
    assert_false(tus_concat_read("x", &concat, &unit->err));
    assert_string_equal(unit->err.field, "Upload-Concat");
}

/* Whatever stands before /uploads/ID is kept as it came, and has to be text. */
static void urls_of_parts_are_visible_ascii(void **state)
{
    static const char rest[] = "final;https://a?/uploads/0190b1e0-0000-7000-8000-000000000000";
    struct unit *unit = *state;
    char text[sizeof rest];

    for (int byte = 1; byte < 256; byte++) {
        bool good = byte > ' ' && byte < 0x7F;
        struct tus_concat concat;

        memcpy(text, rest, sizeof rest);
        *strchr(text, '?') = (char)byte;
        assert_int_equal(tus_concat_read(text, &concat, &unit->err), good);
        if (!good) {
            assert_int_equal(unit->err.kind, ERR_INPUT);
            assert_string_equal(unit->err.field, "Upload-Concat");
        }
        err_clear(&unit->err);
    }
}

static void any_bytes_go_through_metadata_and_come_back(void **state)
{
    struct unit *unit = *state;
    uint64_t seed = 2140;

    for (int round = 0; round < 2000; round++) {
        unsigned char values[TUS_METADATA_PAIRS][60];
        size_t lengths[TUS_METADATA_PAIRS], count = 1 + unit_random(&seed) % TUS_METADATA_PAIRS;
        struct tus_metadata metadata;
        struct buf text;

        buf_init(&text, &unit->arena, TUS_METADATA_BYTES);
        for (size_t i = 0; i < count; i++) {
            char base64[100];

            lengths[i] = unit_random(&seed) % sizeof values[i];
            for (size_t k = 0; k < lengths[i]; k++)
                values[i][k] = (unsigned char)unit_random(&seed);
            sodium_bin2base64(base64, sizeof base64, values[i], lengths[i], sodium_base64_VARIANT_ORIGINAL);
            assert_true(buf_printf(&text, "%skey%zu%s%s", i > 0 ? "," : "", i,
                                   lengths[i] > 0 || unit_random(&seed) % 2 == 0 ? " " : "", base64));
        }
        assert_granted(tus_metadata_read(&unit->arena, text.bytes, &metadata, &unit->err), &unit->err);
        assert_int_equal(metadata.count, count);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(metadata.pairs[i].length, lengths[i]);
            assert_memory_equal(metadata.pairs[i].value, values[i], lengths[i]);
        }
        arena_reset(&unit->arena);
    }
}

static void metadata_and_parts_are_bounded(void **state)
{
    struct unit *unit = *state;

    for (int more = 0; more < 2; more++) {
        struct tus_metadata metadata;
        struct tus_concat concat;
        struct buf pairs, parts, bytes;

        buf_init(&pairs, &unit->arena, 64 * 1024);
        buf_init(&parts, &unit->arena, 64 * 1024);
        buf_init(&bytes, &unit->arena, 64 * 1024);
        for (int i = 0; i < TUS_METADATA_PAIRS + more; i++)
            assert_true(buf_printf(&pairs, "%sk%d", i > 0 ? "," : "", i));
        assert_true(buf_add_string(&parts, "final;"));
        for (int i = 0; i < TUS_CONCAT_MAX + more; i++)
            assert_true(buf_printf(&parts, " https://example.org/uploads/00000000-0000-7000-8000-%012d", i));
        for (int i = 0; i < TUS_METADATA_BYTES + more; i++)
            assert_true(buf_add(&bytes, "k", 1));
        if (more == 0) {
            assert_granted(tus_metadata_read(&unit->arena, pairs.bytes, &metadata, &unit->err), &unit->err);
            assert_int_equal(metadata.count, TUS_METADATA_PAIRS);
            assert_granted(tus_metadata_read(&unit->arena, bytes.bytes, &metadata, &unit->err), &unit->err);
            assert_granted(tus_concat_read(parts.bytes, &concat, &unit->err), &unit->err);
            assert_int_equal(concat.count, TUS_CONCAT_MAX);
        } else {
            assert_refused(tus_metadata_read(&unit->arena, pairs.bytes, &metadata, &unit->err), &unit->err, ERR_INPUT,
                           "more than 32 pairs");
            assert_refused(tus_metadata_read(&unit->arena, bytes.bytes, &metadata, &unit->err), &unit->err, ERR_INPUT,
                           "more than 4096 bytes");
            assert_refused(tus_concat_read(parts.bytes, &concat, &unit->err), &unit->err, ERR_INPUT,
                           "more than 64 parts");
        }
    }
}

int main(void)
{
    promise_samples(parsers, COUNT(parsers));
    ALSO(only_this_version_is_spoken);
    ALSO(an_error_names_its_field);
    ALSO(urls_of_parts_are_visible_ascii);
    ALSO(any_bytes_go_through_metadata_and_come_back);
    ALSO(metadata_and_parts_are_bounded);
    return sodium_init() < 0 ? 1 : KEEP_PROMISES(promises);
}
