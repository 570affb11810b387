/* Multipart bodies: the same parts, bytes and errors however the network cuts the body. The samples' boundary is "edge". */
#include "http/multipart.h"

#include "base/buf.h"

#include "corpus.h"

static const char edge[] = "multipart/form-data; boundary=edge";

enum { STORY_MAX = 256 * 1024, SHOWN_MAX = 256 };

/* What was heard, as text; the bytes of a part are gathered, so that slices do not matter. */
struct listener {
    struct buf story, data;
    const char *body; /* what the offsets count in; NULL: not known */
    int64_t offset;
    bool in_part;
};

static bool add_quoted(struct buf *story, const char *bytes, size_t length)
{
    bool ok = buf_add_string(story, "\"");

    for (size_t i = 0; ok && i < length && i < SHOWN_MAX; i++)
        ok = bytes[i] >= ' ' && bytes[i] <= '~' && bytes[i] != '\\'
                 ? buf_add(story, &bytes[i], 1)
                 : buf_printf(story, "\\x%02X", (unsigned char)bytes[i]);
    return ok && buf_add_string(story, "\"");
}

static bool hear_begin(void *user, const struct multipart_part *part, struct err *err)
{
    struct listener *listener = user;

    assert_false(listener->in_part);
    listener->in_part = true;
    listener->data.length = 0;
    listener->offset = part->offset;
    if ((listener->story.length > 0 && !buf_add_string(&listener->story, "\n")) ||
        !add_quoted(&listener->story, part->name, strlen(part->name)) ||
        (part->filename != NULL && (!buf_add_string(&listener->story, " file ") ||
                                    !add_quoted(&listener->story, part->filename, part->filename_length))) ||
        !buf_printf(&listener->story, " type \"%s\" at %d: ", part->type, (int)part->offset))
        return err_memory(err);
    return true;
}

static bool hear_data(void *user, const void *bytes, size_t length, struct err *err)
{
    struct listener *listener = user;

    assert_true(listener->in_part);
    assert_true(length > 0);
    if (listener->body != NULL)
        assert_memory_equal(listener->body + listener->offset + (int64_t)listener->data.length, bytes, length);
    return buf_add(&listener->data, bytes, length) || err_memory(err);
}

static bool hear_end(void *user, struct err *err)
{
    struct listener *listener = user;

    assert_true(listener->in_part);
    listener->in_part = false;
    if (!buf_printf(&listener->story, "%zu bytes ", listener->data.length) ||
        !add_quoted(&listener->story, listener->data.bytes, listener->data.length))
        return err_memory(err);
    return true;
}

/* How a body is cut: a first slice of `first` bytes, then slices of `step`, or, when that is 0, of random lengths. */
struct cut {
    size_t first, step;
    uint64_t seed;
};

/* Feeds exact copies, so that the sanitizer sees every byte too many. */
static bool read_cut(struct unit *unit, const char *text, size_t length, struct cut cut, const char **story,
                     struct err *err)
{
    struct listener listener = {.body = text};
    struct multipart_events events = {hear_begin, hear_data, hear_end, &listener};
    struct multipart multipart;
    size_t size = cut.first, slices = 0;
    bool ok;

    buf_init(&listener.story, &unit->arena, STORY_MAX);
    buf_init(&listener.data, &unit->arena, STORY_MAX);
    ok = multipart_init(&multipart, edge, &events, err);
    for (size_t at = 0; ok && at < length; at += size) {
        char *exact;

        size = slices++ == 0 ? cut.first : cut.step > 0 ? cut.step : unit_random(&cut.seed) % 40;
        if (size > length - at)
            size = length - at;
        exact = unit_exact(text + at, size);
        ok = multipart_feed(&multipart, exact, size, err);
        free(exact);
    }
    assert_true(!ok || multipart.at == (int64_t)length);
    ok = ok && multipart_finish(&multipart, err);
    assert_true(!ok || !listener.in_part);
    *story = listener.story.bytes;
    return ok;
}

/* All at once, and byte by byte: the same is heard. */
static bool parse_multipart(struct unit *unit, const char *text, size_t length, const char **out)
{
    const char *whole, *bytes;
    struct err err = {.kind = ERR_NONE};
    bool ok = read_cut(unit, text, length, (struct cut){.first = length}, &whole, &unit->err);
    bool same;

    if (unit->err.kind == ERR_DOWN)
        return false;
    same = read_cut(unit, text, length, (struct cut){.first = 1, .step = 1}, &bytes, &err);
    if (err.kind == ERR_DOWN) {
        unit->err = err;
        return false;
    }
    assert_string_equal(bytes, whole);
    assert_string_equal(err.detail, unit->err.detail);
    assert_int_equal(same, ok);
    if (ok)
        *out = whole;
    return ok;
}

static const struct parser parsers[] = {{"multipart", parse_multipart, true, "\r\n-edge \"\\;=:%2nm\t\xC3"}};

static void a_body_cut_in_two_anywhere_is_read_as_a_whole(void **state)
{
    struct unit *unit = *state;

    for (size_t i = 0; i < sample_count; i++) {
        size_t length, step;
        char *text = read_file(samples[i].path, "", &length);
        struct err whole_err = {.kind = ERR_NONE}, err;
        const char *whole, *story;
        char *expected;
        bool ok;

        assert_non_null(text);
        ok = read_cut(unit, text, length, (struct cut){.first = length}, &whole, &whole_err);
        expected = formatted("%s", whole);
        step = 1 + length / 2000; /* the few long ones at some bytes only */
        for (size_t first = 0; first <= length; first += step) {
            arena_reset(&unit->arena);
            err_clear(&err);
            assert_int_equal(read_cut(unit, text, length, (struct cut){first, length + 1, 0}, &story, &err), ok);
            assert_string_equal(story, expected);
            assert_string_equal(err.detail, whole_err.detail);
        }
        free(expected);
        free(text);
    }
}

/* Bytes that look like the delimiter as often as they can. */
static size_t nasty_bytes(char *bytes, size_t size, uint64_t *seed)
{
    static const char *const pieces[] = {"\r\n--edg", "\r\n--",      "\r\n-", "\r", "\n",
                                         "--edge",    "\r\r\n--edg", "e",     "-",  "\0"};
    size_t length = 0;

    while (unit_random(seed) % 12 != 0) {
        const char *piece = pieces[unit_random(seed) % COUNT(pieces)];
        size_t piece_length = piece[0] == '\0' ? 1 : strlen(piece);

        if (length + piece_length > size)
            break;
        memcpy(bytes + length, piece, piece_length);
        length += piece_length;
    }
    return length;
}

/* Without a delimiter of its own; one at the very beginning would end the part at once. */
static bool is_plain(const char *bytes, size_t length)
{
    return memmem(bytes, length, "\r\n--edge", 8) == NULL && (length < 6 || memcmp(bytes, "--edge", 6) != 0);
}

static void whatever_bytes_a_part_has_are_given_as_they_are(void **state)
{
    struct unit *unit = *state;
    uint64_t seed = 2110;
    size_t tried = 0;

    for (int round = 0; round < 3000; round++) {
        struct buf body, expected;
        const char *story;
        int parts = (int)(unit_random(&seed) % 4);
        struct cut cut = {unit_random(&seed) % 30, 0, seed | 1};

        buf_init(&body, &unit->arena, 64 * 1024);
        buf_init(&expected, &unit->arena, 64 * 1024);
        for (int i = 0; i < parts; i++) {
            char bytes[100];
            size_t length = nasty_bytes(bytes, sizeof bytes, &seed);

            if (!is_plain(bytes, length))
                length = 0;
            assert_true(buf_printf(&body, "%s--edge\r\nContent-Disposition: form-data; name=\"n%d\"\r\n\r\n",
                                   i > 0 ? "\r\n" : "", i));
            assert_true(buf_printf(&expected, "%s\"n%d\" type \"\" at %zu: %zu bytes ", i > 0 ? "\n" : "", i,
                                   body.length, length));
            assert_true(add_quoted(&expected, bytes, length));
            assert_true(buf_add(&body, bytes, length));
            tried += length > 20;
        }
        assert_true(buf_printf(&body, "%s--edge--\r\n", parts > 0 ? "\r\n" : ""));
        assert_granted(read_cut(unit, body.bytes, body.length, cut, &story, &unit->err), &unit->err);
        assert_string_equal(story, expected.bytes);
        arena_reset(&unit->arena);
    }
    assert_true(tried > 500);
}

static bool ignore_begin(void *user, const struct multipart_part *part, struct err *err)
{
    (void)part, (void)err;
    ++*(size_t *)user;
    return true;
}

static bool ignore_data(void *user, const void *bytes, size_t length, struct err *err)
{
    (void)user, (void)bytes, (void)length, (void)err;
    return true;
}

static bool ignore_end(void *user, struct err *err)
{
    (void)user, (void)err;
    return true;
}

static void a_boundary_is_taken_as_mime_allows_it(void **state)
{
    static const struct {
        const char *type, *boundary;
    } cases[] = {
        {"multipart/form-data; boundary=edge", "edge"},
        {"Multipart/Form-Data;BOUNDARY=\"edge\"", "edge"},
        {"multipart/form-data ; charset=utf-8 ; boundary=edge ;", "edge"},
        {"multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
         "----WebKitFormBoundary7MA4YWxkTrZu0gW"},
        {"multipart/form-data; boundary=\"a b'()+_,-./:=?\"", "a b'()+_,-./:=?"},
        {"multipart/form-data; boundary=a:b=c", "a:b=c"},
        {"multipart/form-data; boundary=1234567890123456789012345678901234567890123456789012345678901234567890",
         "1234567890123456789012345678901234567890123456789012345678901234567890"},
    };
    struct unit *unit = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t parts = 0;
        struct multipart_events events = {ignore_begin, ignore_data, ignore_end, &parts};
        struct multipart multipart;
        char *body = formatted("--%s\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--%s--", cases[i].boundary,
                               cases[i].boundary);

        assert_granted(multipart_init(&multipart, cases[i].type, &events, &unit->err), &unit->err);
        assert_granted(multipart_feed(&multipart, body, strlen(body), &unit->err), &unit->err);
        assert_granted(multipart_finish(&multipart, &unit->err), &unit->err);
        assert_int_equal(parts, 1);
        free(body);
    }
}

static void any_other_content_type_is_refused(void **state)
{
    static const struct {
        const char *type, *why;
    } cases[] = {
        {"", "not multipart/form-data"},
        {"multipart/mixed; boundary=edge", "not multipart/form-data"},
        {"multipart/form-datax; boundary=edge", "not multipart/form-data"},
        {"application/x-www-form-urlencoded", "not multipart/form-data"},
        {"multipart/form-data", "no boundary"},
        {"multipart/form-data; xboundary=edge", "no boundary"},
        {"multipart/form-data; boundary=", "can't be read"},
        {"multipart/form-data; boundary=\"edge", "can't be read"},
        {"multipart/form-data; boundary", "can't be read"},
        {"multipart/form-data boundary=edge", "can't be read"},
        {"multipart/form-data; boundary=\"\"", "1 to 70"},
        {"multipart/form-data; boundary=12345678901234567890123456789012345678901234567890123456789012345678901",
         "1 to 70"},
        {"multipart/form-data; boundary=\"edge \"", "end in a space"},
        {"multipart/form-data; boundary=\"ed\\ge\"", "character 3"},
        {"multipart/form-data; boundary=ed\xC3\xA9", "character 3"},
        {"multipart/form-data; boundary=\"a\r\nb\"", "character 2"},
        {"multipart/form-data; boundary=edge; boundary=edge", "two boundaries"},
    };
    struct unit *unit = *state;
    struct multipart_events events = {ignore_begin, ignore_data, ignore_end, NULL};

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct multipart multipart;

        assert_refused(multipart_init(&multipart, cases[i].type, &events, &unit->err), &unit->err, ERR_INPUT,
                       cases[i].why);
    }
}

static void after_an_error_nothing_more_is_read(void **state)
{
    struct unit *unit = *state;
    size_t parts = 0;
    struct multipart_events events = {ignore_begin, ignore_data, ignore_end, &parts};
    struct multipart multipart;
    static const char rest[] = "--edge\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--edge--";

    assert_granted(multipart_init(&multipart, edge, &events, &unit->err), &unit->err);
    assert_refused(multipart_feed(&multipart, "--edgeX", 7, &unit->err), &unit->err, ERR_INPUT, "byte 7 of the body");
    assert_refused(multipart_feed(&multipart, rest, strlen(rest), &unit->err), &unit->err, ERR_INPUT, "refused before");
    assert_refused(multipart_finish(&multipart, &unit->err), &unit->err, ERR_INPUT, "refused before");
    assert_int_equal(parts, 0);
}

static bool refuse_begin(void *user, const struct multipart_part *part, struct err *err)
{
    (void)user, (void)part;
    return err_set(err, ERR_LARGE, "no more");
}

static void what_the_listener_refuses_ends_the_reading(void **state)
{
    struct unit *unit = *state;
    struct multipart_events events = {refuse_begin, ignore_data, ignore_end, NULL};
    struct multipart multipart;
    static const char body[] = "--edge\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--edge--";

    assert_granted(multipart_init(&multipart, edge, &events, &unit->err), &unit->err);
    assert_refused(multipart_feed(&multipart, body, strlen(body), &unit->err), &unit->err, ERR_LARGE, "no more");
    assert_refused(multipart_finish(&multipart, &unit->err), &unit->err, ERR_INPUT, "refused before");
}

static void parts_and_headers_are_bounded(void **state)
{
    struct unit *unit = *state;

    for (int parts = MULTIPART_PARTS_MAX; parts <= MULTIPART_PARTS_MAX + 1; parts++) {
        struct multipart multipart;
        size_t seen = 0;
        struct multipart_events events = {ignore_begin, ignore_data, ignore_end, &seen};
        bool ok;

        assert_granted(multipart_init(&multipart, edge, &events, &unit->err), &unit->err);
        ok = multipart_feed(&multipart, "--edge", 6, &unit->err);
        for (int i = 0; ok && i < parts; i++) {
            static const char part[] = "\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n--edge";

            ok = multipart_feed(&multipart, part, sizeof part - 1, &unit->err);
        }
        if (parts > MULTIPART_PARTS_MAX) {
            assert_refused(ok, &unit->err, ERR_INPUT, "too many parts");
        } else {
            assert_granted(ok && multipart_feed(&multipart, "--", 2, &unit->err), &unit->err);
            assert_granted(multipart_finish(&multipart, &unit->err), &unit->err);
        }
        assert_int_equal(seen, MULTIPART_PARTS_MAX);
    }
    for (size_t size = MULTIPART_HEADER_MAX - 1; size <= MULTIPART_HEADER_MAX + 1; size++) {
        static const char begin[] = "Content-Disposition: form-data; name=a\r\nX: ";
        char header[MULTIPART_HEADER_MAX + 16];
        struct multipart multipart;
        size_t seen = 0;
        struct multipart_events events = {ignore_begin, ignore_data, ignore_end, &seen};
        bool ok;

        memset(header, 'x', sizeof header);
        memcpy(header, begin, sizeof begin - 1);
        memcpy(header + size - 4, "\r\n\r\n", 4);
        assert_granted(multipart_init(&multipart, edge, &events, &unit->err), &unit->err);
        assert_granted(multipart_feed(&multipart, "--edge\r\n", 8, &unit->err), &unit->err);
        ok = multipart_feed(&multipart, header, size, &unit->err);
        if (size > MULTIPART_HEADER_MAX)
            assert_refused(ok, &unit->err, ERR_INPUT, "byte 4105 of the body: the header of a part is too long");
        else
            assert_granted(ok, &unit->err);
    }
}

int main(void)
{
    promise_samples(parsers, COUNT(parsers));
    ALSO(a_body_cut_in_two_anywhere_is_read_as_a_whole);
    ALSO(whatever_bytes_a_part_has_are_given_as_they_are);
    ALSO(a_boundary_is_taken_as_mime_allows_it);
    ALSO(any_other_content_type_is_refused);
    ALSO(after_an_error_nothing_more_is_read);
    ALSO(what_the_listener_refuses_ends_the_reading);
    ALSO(parts_and_headers_are_bounded);
    return KEEP_PROMISES(promises);
}
