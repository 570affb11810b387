/* What kind of file bytes are, what becomes of a claim, and what a browser may show in place. */
#include "media/media_guess.h"
#include "media/media_sniff.h"

#include "unit.h"

struct sample {
    const char *bytes;
    size_t length;
    const char *type;
};

#define SAMPLE(bytes, type)                                                                                            \
    {                                                                                                                  \
        bytes, sizeof(bytes) - 1, type                                                                                 \
    }

/* One for all files, as a worker has it. */
static struct zygote sniffer;
static struct config config;

/* As whoever takes a file finds it: by our own rules, else by the program. */
static const char *sniff(struct unit *unit, const void *bytes, size_t length)
{
    static const struct log log = {.clock = &clock_system, .level = LOG_ERROR, .worker = "unit/1"};
    static char type[MEDIA_TYPE_BYTES];
    void *exact = unit_exact(bytes, length);
    const char *known = media_type_known(exact, length);
    struct zygote_job *job;
    bool over = known != NULL;

    memset(type, 'x', sizeof type);
    if (over)
        strcpy(type, known);
    if (!over)
        assert_granted(media_sniff_start(&sniffer, &unit->arena, exact,
                                         length < MEDIA_TYPE_SNIFF_BYTES ? length : MEDIA_TYPE_SNIFF_BYTES, &job,
                                         &unit->err),
                       &unit->err);
    while (!over)
        media_sniff_attend(&log, job, 10000, &over, type);
    free(exact);
    return type;
}

static void bytes_decide(void **state)
{
    static const struct sample samples[] = {
        SAMPLE("\xFF\xD8\xFF\xE0", "image/jpeg"),
        SAMPLE("\x89PNG\r\n\x1A\n\0\0\0\rIHDR", "image/png"),
        SAMPLE("GIF89a\1\0\1\0", "image/gif"),
        SAMPLE("GIF87a\1\0\1\0", "image/gif"),
        SAMPLE("RIFF\x24\0\0\0WEBPVP8 ", "image/webp"),
        SAMPLE("\0\0\0\x1C"
               "ftypavif\0\0\0\0",
               "image/avif"),
        SAMPLE("%PDF-1.7\n", "application/pdf"),
        SAMPLE("\x1F\x8B\x08\0\0\0\0\0\0\3", "application/gzip"),
        SAMPLE("PK\3\4\x14\0\0\0\0\0\x21\x58\x21\x58\1\2\3\4\1\0\0\0\1\0\0\0\5\0\0\0a."
               "txtxPK\1\2\x14\3\x14\0\0\0\0\0\x21\x58",
               "application/zip"),
        SAMPLE("PK\3\4\x14\0\0\0\0\0\x21\x58\x21\x58\1\2\3\4\x14\0\0\0\x14\0\0\0\x8\0\0\0mimetypeapplication/"
               "epub+zipPK\3\4",
               "application/epub+zip"),
        SAMPLE("\x1A\x45\xDF\xA3\x9F\x42\x86\x81\1\x42\x82\x84webm", "video/webm"),
        SAMPLE("\x1A\x45\xDF\xA3\x9F\x42\x86\x81\1\x42\x82\x88matroska", "video/x-matroska"),
        SAMPLE("RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\2\0", "audio/wav"),
        SAMPLE("fLaC\0\0\0\x22\x10\0\x10\0", "audio/flac"),
        SAMPLE("\0\0\0\x18"
               "ftypmp42\0\0\0\0mp42isom",
               "video/mp4"),
        SAMPLE("{\"a\": [1, 2, 3]}\n", "application/json"),
        SAMPLE("Just a few words of plain text.\nAnd a second line.\n", "text/plain"),
        SAMPLE("\xEF\xBB\xBFGr\xC3\xBC\xC3\x9F"
               "e aus K\xC3\xB6ln, mit BOM\n",
               "text/plain"),
        SAMPLE("#include <stdio.h>\nint main(void) { return 0; }\n", "text/plain"),
        SAMPLE("function f() { return document.cookie; }\n", "text/plain"),
        SAMPLE("", "application/octet-stream"),
        SAMPLE("\x91\x02\xF7\x8C\0\x13\x99\xEE\xA0\xBC\x01\xDE\x80", "application/octet-stream"),
    };
    struct unit *unit = *state;

    for (size_t i = 0; i < COUNT(samples); i++)
        assert_string_equal(sniff(unit, samples[i].bytes, samples[i].length), samples[i].type);
}

static void markup_that_can_carry_a_script_is_never_taken_for_text(void **state)
{
    static const struct sample samples[] = {
        SAMPLE("<!DOCTYPE html><p>x", "text/html"),
        SAMPLE("<!doctype HTML>", "text/html"),
        SAMPLE("\n\t \f\r<sCrIpT>alert(1)</script>", "text/html"),
        SAMPLE("\xEF\xBB\xBF  <html>", "text/html"),
        SAMPLE("<b>bold</b>", "text/html"),
        SAMPLE("<img src=x onerror=alert(1)>", "text/html"),
        SAMPLE("<script/src=//example.org>", "text/html"),
        SAMPLE("<iframe\tsrc=x>", "text/html"),
        SAMPLE("<!-- a comment --><script>alert(1)</script>", "text/html"),
        SAMPLE("<body", "text/html"),
        SAMPLE("<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
        SAMPLE("  <SVG onload=alert(1)>", "image/svg+xml"),
        SAMPLE("<?xml version='1.0'?><!-- x --><svg/>", "image/svg+xml"),
        SAMPLE("<!-- x --><svg onload=alert(1)>", "image/svg+xml"),
        SAMPLE("<!DOCTYPE svg PUBLIC '-//W3C//DTD SVG 1.1//EN' ''><svg/>", "image/svg+xml"),
        SAMPLE("<?xml version='1.0'?><feed/>", "application/xml"),
        SAMPLE("<?xml version='1.0'?><?xml-stylesheet href='x.xsl' type='text/xsl'?><a/>", "application/xml"),
        SAMPLE("<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'/>", "application/xhtml+xml"),
    };
    struct unit *unit = *state;

    for (size_t i = 0; i < COUNT(samples); i++) {
        const char *type = sniff(unit, samples[i].bytes, samples[i].length);

        assert_string_equal(type, samples[i].type);
        assert_false(media_type_inline(type));
    }
    assert_string_equal(sniff(unit, "<bold claims> are made here\n", 28), "text/plain");
    assert_string_equal(sniff(unit, "a < b, and <p> is a tag\n", 24), "text/plain");
}

static void an_image_cut_after_its_first_bytes_is_not_read_beyond_them(void **state)
{
    static const char heads[][17] = {"\xFF\xD8\xFF\xE0\0\x10JFIF\0\1\1\1\0H", "\x89PNG\r\n\x1A\n\0\0\0\rIHDR",
                                     "RIFF\x24\0\0\0WEBPVP8 ", "\0\0\0\034ftypavif\0\0\0\0", "<!doctype html> "};
    struct unit *unit = *state;

    for (size_t i = 0; i < COUNT(heads); i++)
        for (size_t length = 0; length < sizeof heads[i]; length++)
            assert_non_null(strchr(sniff(unit, heads[i], length), '/'));
}

static void any_bytes_have_some_type_of_the_right_form(void **state)
{
    static const char markup[] = "<>/!-?xmlsvghtd\n \"0=";
    struct unit *unit = *state;
    uint64_t seed = 170;
    unsigned char bytes[2048];
    char again[MEDIA_TYPE_BYTES];

    for (int i = 0; i < 300; i++) {
        size_t length = unit_random(&seed) % sizeof bytes;
        const char *type;

        for (size_t at = 0; at < length; at++)
            bytes[at] = i % 2 == 0 ? (unsigned char)unit_random(&seed)
                                   : (unsigned char)markup[unit_random(&seed) % strlen(markup)];
        type = sniff(unit, bytes, length);
        media_type_normalise(type, again);
        assert_string_equal(again, type);
    }
}

static void only_the_first_bytes_are_looked_at(void **state)
{
    struct unit *unit = *state;
    size_t length = 3 * 1024 * 1024;
    char *bytes = malloc(length);

    assert_non_null(bytes);
    memset(bytes, 'a', length);
    memset(bytes + MEDIA_TYPE_SNIFF_BYTES, 0, length - MEDIA_TYPE_SNIFF_BYTES);
    assert_string_equal(sniff(unit, bytes, length), "text/plain");
    free(bytes);
}

static void claims_become_comparable(void **state)
{
    static const char *const cases[][2] = {
        {"image/PNG", "image/png"},
        {"  Text/CSV ; charset=utf-8", "text/csv"},
        {"text/plain\t", "text/plain"},
        {"image/jpg", "image/jpeg"},
        {"image/pjpeg", "image/jpeg"},
        {"application/x-zip-compressed", "application/zip"},
        {"application/vnd.oasis.opendocument.text", "application/vnd.oasis.opendocument.text"},
        {"text/javascript", "text/plain"},
        {NULL, "application/octet-stream"},
        {"", "application/octet-stream"},
        {"png", "application/octet-stream"},
        {"image/", "application/octet-stream"},
        {"/png", "application/octet-stream"},
        {"image/png, text/html", "application/octet-stream"},
        {"image/png\r\nSet-Cookie: a", "application/octet-stream"},
        {"im age/png", "application/octet-stream"},
        {"image/p\xC3\xB1g", "application/octet-stream"},
        {"*/*", "application/octet-stream"},
    };
    char type[MEDIA_TYPE_BYTES], longest[400];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        media_type_normalise(cases[i][0], type);
        assert_string_equal(type, cases[i][1]);
    }
    memset(longest, 'a', sizeof longest);
    longest[5] = '/';
    longest[MEDIA_TYPE_BYTES] = '\0';
    media_type_normalise(longest, type);
    assert_string_equal(type, "application/octet-stream");
    longest[MEDIA_TYPE_BYTES - 1] = '\0';
    media_type_normalise(longest, type);
    assert_string_equal(type, longest);
}

static void a_claim_counts_only_where_it_says_more(void **state)
{
    static const struct {
        const char *claimed, *sniffed, *kept;
        bool contradicted;
    } cases[] = {
        {"image/png", "image/png", "image/png", false},
        {"application/octet-stream", "image/png", "image/png", false},
        {"text/csv", "text/plain", "text/csv", false},
        {"text/markdown", "text/plain", "text/markdown", false},
        {"application/json", "text/plain", "application/json", false},
        {"text/plain", "text/csv", "text/csv", false},
        {"text/plain", "application/json", "application/json", false},
        {"application/epub+zip", "application/zip", "application/epub+zip", false},
        {"application/zip", "application/vnd.oasis.opendocument.text", "application/vnd.oasis.opendocument.text",
         false},
        {"application/vnd.openxmlformats-officedocument.wordprocessingml.document", "application/zip",
         "application/vnd.openxmlformats-officedocument.wordprocessingml.document", false},
        {"model/gltf-binary", "application/octet-stream", "model/gltf-binary", false},
        {"application/geo+json", "application/json", "application/geo+json", false},
        {"text/csv", "application/json", "text/csv", false},
        {"audio/webm", "video/webm", "audio/webm", false},
        {"audio/mp4", "video/mp4", "audio/mp4", false},
        {"video/ogg", "application/ogg", "video/ogg", false},
        {"application/gpx+xml", "application/xml", "application/gpx+xml", false},
        {"application/x-msdownload", "application/x-dosexec", "application/x-msdownload", false},
        {"application/vnd.google-earth.kmz", "application/zip", "application/vnd.google-earth.kmz", false},
        {"application/vnd.ms-excel.sheet.macroenabled.12", "application/zip",
         "application/vnd.ms-excel.sheet.macroenabled.12", false},
        /* From here on the claim is not true. */
        {"image/png", "text/html", "text/html", true},
        {"image/png", "image/jpeg", "image/jpeg", true},
        {"image/png", "application/octet-stream", "application/octet-stream", true},
        {"text/plain", "application/octet-stream", "application/octet-stream", true},
        {"text/plain", "text/html", "text/html", true},
        {"text/csv", "text/html", "text/html", true},
        {"text/csv", "image/svg+xml", "image/svg+xml", true},
        {"text/html", "text/plain", "text/plain", true},
        {"text/html", "application/octet-stream", "application/octet-stream", true},
        {"image/svg+xml", "text/plain", "text/plain", true},
        {"application/ecmascript", "text/plain", "text/plain", true},
        {"text/css", "text/plain", "text/plain", true},
        {"application/pdf", "application/octet-stream", "application/octet-stream", true},
        {"application/atom+xml", "text/plain", "text/plain", true},
        {"video/mp4", "text/plain", "text/plain", true},
        {"application/xhtml+xml", "application/xml", "application/xml", true},
        {"image/svg+xml", "application/xml", "application/xml", true},
        {"text/html", "application/json", "application/json", true},
        {"image/png", "video/mp4", "video/mp4", true},
        {"application/vnd.ms-excel", "application/zip", "application/zip", true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        bool contradicted = !cases[i].contradicted;

        assert_string_equal(media_type_settle(cases[i].claimed, cases[i].sniffed, &contradicted), cases[i].kept);
        if (contradicted != cases[i].contradicted)
            fail_msg("%s for %s", cases[i].claimed, cases[i].sniffed);
        assert_string_equal(media_type_settle(cases[i].claimed, cases[i].sniffed, NULL), cases[i].kept);
    }
}

/* For every pair: a file is shown in place only when its bytes are such that it may be. */
static void a_guess_by_two_bytes_counts_only_with_what_was_claimed(void **state)
{
    static const char UNKNOWN[] = "application/octet-stream";
    static const struct {
        const char *guess, *claimed, *bytes, *kept;
    } cases[] = {
        {"application/zip", "application/octet-stream", "PK\3\4", "application/zip"},
        {"audio/mpeg", "application/octet-stream", "\xFF\xFB", UNKNOWN},
        {"audio/mpeg", "audio/mpeg", "\xFF\xFB", "audio/mpeg"},
        {"audio/mpeg", "application/octet-stream", "ID3", "audio/mpeg"},
        {"application/zlib", "image/png", "x\x9C", UNKNOWN},
        {"application/x-dosexec", "application/octet-stream", "\xE9", UNKNOWN},
        {"application/x-dosexec", "application/octet-stream", "MZ", "application/x-dosexec"},
        {"text/plain", "application/octet-stream", "words", "text/plain"},
        {"text/plain", "application/octet-stream", "Gr\xFC\xDF", UNKNOWN},
        {"text/plain", "text/csv", "Gr\xFC\xDF", "text/plain"},
        {"text/plain", "application/octet-stream", "\xFF\xFEG", "text/plain"},
        {"image/x-own", "application/octet-stream", "own", UNKNOWN},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_string_equal(media_guess_weigh(cases[i].guess, cases[i].claimed, cases[i].bytes, strlen(cases[i].bytes)),
                            cases[i].kept);
}

static void text_of_utf_8_says_so(void **state)
{
    char written[MEDIA_TYPE_WRITTEN_BYTES], *long_one = malloc(MEDIA_TYPE_SNIFF_BYTES);
    static const struct {
        const char *type, *bytes, *written;
    } cases[] = {
        {"text/plain", "words", "text/plain; charset=utf-8"},
        {"text/csv",
         "Gr\xC3\xB6\xC3\x9F"
         "e",
         "text/csv; charset=utf-8"},
        {"text/plain", "Gr\xFC\xDF", "text/plain"},
        {"text/plain", "cut \xC3", "text/plain"},
        {"text/plain", "", "text/plain"},
        {"application/json", "{}", "application/json"},
    };

    (void)state;
    assert_non_null(long_one);
    for (size_t i = 0; i < COUNT(cases); i++) {
        media_guess_write(cases[i].type, cases[i].bytes, strlen(cases[i].bytes), written);
        assert_string_equal(written, cases[i].written);
    }
    memset(long_one, 'a', MEDIA_TYPE_SNIFF_BYTES);
    long_one[MEDIA_TYPE_SNIFF_BYTES - 1] = '\xC3'; /* the file goes on */
    media_guess_write("text/plain", long_one, MEDIA_TYPE_SNIFF_BYTES, written);
    assert_string_equal(written, "text/plain; charset=utf-8");
    long_one[100] = '\xC3';
    media_guess_write("text/plain", long_one, MEDIA_TYPE_SNIFF_BYTES, written);
    assert_string_equal(written, "text/plain");
    free(long_one);
}

static void no_claim_makes_a_file_shown_in_place(void **state)
{
    static const char *const types[] = {"image/jpeg",      "image/png",        "image/gif",
                                        "image/webp",      "image/avif",       "text/plain",
                                        "text/html",       "image/svg+xml",    "application/xml",
                                        "application/pdf", "text/csv",         "application/json",
                                        "application/zip", "application/gzip", "application/octet-stream",
                                        "video/mp4",       "text/xml",         "application/xhtml+xml"};

    (void)state;
    for (size_t claimed = 0; claimed < COUNT(types); claimed++)
        for (size_t sniffed = 0; sniffed < COUNT(types); sniffed++) {
            const char *kept = media_type_settle(types[claimed], types[sniffed], NULL);

            if (media_type_inline(kept))
                assert_string_equal(kept, types[sniffed]);
        }
}

static void images_and_plain_text_are_shown_and_nothing_else(void **state)
{
    static const char *const shown[] = {
        "text/plain; charset=utf-8", "image/jpeg", "image/png", "image/gif", "image/webp", "image/avif", "text/plain"};
    static const char *const attached[] = {
        "image/svg+xml", "text/html", "application/pdf",          "application/xml", "text/xml",
        "text/csv",      "video/mp4", "application/octet-stream", "image/tiff",      "",
        "image/png2",    "IMAGE/PNG", "text/plain; charset=utf-7"};

    (void)state;
    for (size_t i = 0; i < COUNT(shown); i++)
        assert_true(media_type_inline(shown[i]));
    for (size_t i = 0; i < COUNT(attached); i++)
        assert_false(media_type_inline(attached[i]));
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(bytes_decide),
        PROMISE(markup_that_can_carry_a_script_is_never_taken_for_text),
        PROMISE(an_image_cut_after_its_first_bytes_is_not_read_beyond_them),
        PROMISE(any_bytes_have_some_type_of_the_right_form),
        PROMISE(only_the_first_bytes_are_looked_at),
        PROMISE(claims_become_comparable),
        PROMISE(a_claim_counts_only_where_it_says_more),
        PROMISE(a_guess_by_two_bytes_counts_only_with_what_was_claimed),
        PROMISE(text_of_utf_8_says_so),
        PROMISE(no_claim_makes_a_file_shown_in_place),
        PROMISE(images_and_plain_text_are_shown_and_nothing_else),
    };

    int failed;

    config_init(&config);
    strcpy(config.sniff_program, SNIFF_PROGRAM);
    media_sniffer_init(&sniffer, &config);
    failed = KEEP_PROMISES(promises);
    zygote_end(&sniffer);
    return failed;
}
