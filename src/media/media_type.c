#include "media/media_type.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char UNKNOWN[] = "application/octet-stream";
static const char PLAIN[] = "text/plain";

/* --- by our own rules */

struct signature {
    size_t offset;
    size_t length;
    const char *bytes;
    const char *type;
};

#define SIGNATURE(offset, bytes, type)                                                                                 \
    {                                                                                                                  \
        offset, sizeof(bytes) - 1, bytes, type                                                                         \
    }

static const struct signature signatures[] = {
    SIGNATURE(0, "\xFF\xD8\xFF", "image/jpeg"),
    SIGNATURE(0, "\x89PNG\r\n\x1A\n", "image/png"),
    SIGNATURE(0, "GIF87a", "image/gif"),
    SIGNATURE(0, "GIF89a", "image/gif"),
    SIGNATURE(4, "ftypavif", "image/avif"),
    SIGNATURE(4, "ftypavis", "image/avif"),
    SIGNATURE(0, "%PDF-", "application/pdf"),
    SIGNATURE(0, "\x1A\x45\xDF\xA3", "video/webm"), /* or Matroska: see media_type_known */
    SIGNATURE(0, "\x1F\x8B\x08", "application/gzip"),
};

/*
 * Beginnings of HTML after white space, in any case; the tag's name ends with a space or '>', but a comment's does not.
 */
static const char *const html_tags[] = {
    "<!doctype html", "<html", "<head",  "<script", "<iframe", "<h1",    "<div",  "<font",
    "<table",         "<a",    "<style", "<title",  "<b",      "<body",  "<br",   "<p",
    "<img",           "<form", "<meta",  "<link",   "<object", "<embed", "<base", "<!--",
};

static const char *by_signature(const char *bytes, size_t length)
{
    for (size_t i = 0; i < sizeof signatures / sizeof signatures[0]; i++) {
        const struct signature *one = &signatures[i];

        if (length >= one->offset + one->length && memcmp(bytes + one->offset, one->bytes, one->length) == 0)
            return one->type;
    }
    if (length >= 15 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WEBPVP8", 7) == 0)
        return "image/webp";
    return NULL;
}

static const char *skip_space(const char *at, const char *end)
{
    while (at < end && memchr("\t\n\f\r ", *at, 5) != NULL)
        at++;
    return at;
}

static bool begins(const char *at, const char *end, const char *text)
{
    return (size_t)(end - at) >= strlen(text) && strncasecmp(at, text, strlen(text)) == 0;
}

/* Whether text occurs anywhere, in any case. */
static bool holds(const char *at, const char *end, const char *text)
{
    for (; (size_t)(end - at) >= strlen(text); at++)
        if (begins(at, end, text))
            return true;
    return false;
}

static bool is_html(const char *at, const char *end)
{
    for (size_t i = 0; i < sizeof html_tags / sizeof html_tags[0]; i++) {
        const char *after = at + strlen(html_tags[i]);

        if (begins(at, end, html_tags[i]) &&
            (strcmp(html_tags[i], "<!--") == 0 || after == end || memchr("\t\n\f\r />", *after, 7) != NULL))
            return true;
    }
    return false;
}

/*
 * Markup, which may contain scripts. A file that looks like several kinds becomes the one that is served most
 * restrictively. All are attachments, so only the name of the type differs.
 */
static const char *by_markup(const char *bytes, size_t length)
{
    const char *end = bytes + length;
    const char *at = bytes;

    if (length >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0)
        at += 3;
    at = skip_space(at, end);
    if (at == end || *at != '<')
        return NULL;
    /* Before comments and HTML: an SVG often begins with either, or with its own DOCTYPE. */
    if (holds(at, end, "<svg") && (begins(at, end, "<svg") || begins(at, end, "<?xml") || begins(at, end, "<!--") ||
                                   begins(at, end, "<!doctype svg")))
        return "image/svg+xml";
    if (begins(at, end, "<?xml"))
        return holds(at, end, "http://www.w3.org/1999/xhtml") ? "application/xhtml+xml" : "application/xml";
    return is_html(at, end) ? "text/html" : NULL;
}

const char *media_type_known(const void *first, size_t length)
{
    const char *bytes = first, *type;

    if (length > MEDIA_TYPE_SNIFF_BYTES)
        length = MEDIA_TYPE_SNIFF_BYTES;
    if (length == 0)
        return UNKNOWN;
    type = by_signature(bytes, length);
    if (type != NULL && strcmp(type, "video/webm") == 0 && !holds(bytes, bytes + (length < 64 ? length : 64), "webm"))
        return "video/x-matroska";
    return type != NULL ? type : by_markup(bytes, length);
}

/* --- names */

static bool starts_with(const char *text, const char *part)
{
    return strncmp(text, part, strlen(part)) == 0;
}

/*
 * Other names of the same types, as browsers and libmagic use them, and guesses of libmagic that browsers would trust
 * too much.
 */
static const char *known_as(const char *type)
{
    static const struct {
        const char *name, *better;
    } names[] = {
        {"text/xml", "application/xml"},
        {"application/x-gzip", "application/gzip"},
        {"audio/x-wav", "audio/wav"},
        {"audio/x-flac", "audio/flac"},
        {"audio/x-m4a", "audio/mp4"},
        {"video/x-m4v", "video/mp4"},
        {"image/x-ms-bmp", "image/bmp"},
        {"image/vnd.microsoft.icon", "image/x-icon"},
        {"application/x-rar", "application/vnd.rar"},
        {"application/csv", "text/csv"},
        {"application/javascript", PLAIN},
        {"text/javascript", PLAIN},
        {"image/svg", "image/svg+xml"},
        {"image/jpg", "image/jpeg"},
        {"image/pjpeg", "image/jpeg"},
        {"image/x-png", "image/png"},
        {"application/x-pdf", "application/pdf"},
        {"application/x-zip-compressed", "application/zip"},
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i].name, type) == 0)
            return names[i].better;
    /* A language of programs guessed from a few words: prose has been taken for C. */
    if (starts_with(type, "text/x-"))
        return PLAIN;
    if (starts_with(type, "inode/") || starts_with(type, "application/x-empty"))
        return UNKNOWN;
    return type;
}

/* --- claims */

/* restricted-name-chars of RFC 6838. */
static size_t name_length(const char *text)
{
    size_t length = 0;

    while (isalnum((unsigned char)text[length]) != 0 ||
           (text[length] != '\0' && strchr("!#$&-^_.+", text[length]) != NULL))
        length++;
    return length;
}

void media_type_normalise(const char *claimed, char type[MEDIA_TYPE_BYTES])
{
    size_t left, right, length;
    const char *better;

    snprintf(type, MEDIA_TYPE_BYTES, "%s", UNKNOWN);
    if (claimed == NULL)
        return;
    claimed += strspn(claimed, " \t");
    left = name_length(claimed);
    if (left == 0 || claimed[left] != '/')
        return;
    right = name_length(claimed + left + 1);
    length = left + 1 + right;
    if (right == 0 || length >= MEDIA_TYPE_BYTES || strchr("; \t\n", claimed[length]) == NULL)
        return;
    for (size_t i = 0; i < length; i++)
        type[i] = (char)tolower((unsigned char)claimed[i]);
    type[length] = '\0';
    better = known_as(type);
    if (better != type)
        snprintf(type, MEDIA_TYPE_BYTES, "%s", better);
}

/* Types in which scripts may run, or that a browser may show in place: no claim makes a file one of these. */
static bool needs_proof(const char *type)
{
    static const char *const active[] = {"text/html",       "text/xsl",         "text/css",      "application/xml",
                                         "application/pdf", "application/wasm", "message/rfc822"};

    for (size_t i = 0; i < sizeof active / sizeof active[0]; i++)
        if (strcmp(active[i], type) == 0)
            return true;
    return media_type_inline(type) || starts_with(type, "multipart/") || strstr(type, "+xml") != NULL ||
           strstr(type, "script") != NULL;
}

bool media_type_is_text(const char *type)
{
    static const char *const kinds[] = {"application/json", "application/x-ndjson", "application/yaml",
                                        "application/toml", "application/sql",      "application/x-sh"};

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i], type) == 0)
            return true;
    return starts_with(type, "text/") || strstr(type, "+json") != NULL;
}

/* Kinds of XML that no browser shows. Those that a browser shows have rules of their own above. */
static bool is_other_xml(const char *type)
{
    size_t length = strlen(type);

    return length > 4 && strcmp(type + length - 4, "+xml") == 0 && strcmp(type, "image/svg+xml") != 0 &&
           strcmp(type, "application/xhtml+xml") != 0;
}

/*
 * Formats that are a ZIP, or a compound document of old Office, with rules for what is in it; sound or film of one
 * format.
 */
static bool is_container(const char *type, const char *container)
{
    static const struct {
        const char *container, *types[8];
    } families[] = {
        {"application/gzip", {"application/x-compressed-tar", "application/x-tgz"}},
        {"application/cdfv2", {"application/msword", "application/vnd.ms-", "application/x-msi"}},
        {"application/x-ole-storage", {"application/msword", "application/vnd.ms-", "application/x-msi"}},
        {"application/x-dosexec", {"application/x-msdownload", "application/vnd.microsoft.portable-executable"}},
        {"application/xml", {"application/", "image/", "model/"}}, /* of these only +xml: see below */
        {"video/webm", {"audio/webm"}},
        {"video/x-matroska", {"audio/x-matroska", "audio/webm", "video/webm"}},
        {"video/mp4", {"audio/mp4", "audio/aac", "audio/3gpp", "video/3gpp", "video/quicktime"}},
        {"application/ogg", {"audio/ogg", "video/ogg", "audio/opus"}},
        {"audio/ogg", {"video/ogg", "audio/opus"}},
    };
    bool office = strstr(type, "macroenabled") != NULL;

    if (strcmp(container, "application/zip") == 0)
        return starts_with(type, "application/x-") || strstr(type, "+zip") != NULL ||
               strcmp(type, "application/java-archive") == 0 ||
               (starts_with(type, "application/vnd.") && (office || !starts_with(type, "application/vnd.ms-")));
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        for (size_t k = 0; strcmp(families[i].container, container) == 0 && families[i].types[k] != NULL; k++)
            if (starts_with(type, families[i].types[k]))
                return strcmp(container, "application/xml") != 0 || is_other_xml(type);
    return false;
}

/* Whether a claim that differs from what was found is the more exact one. */
static bool says_more(const char *claimed, const char *sniffed)
{
    if (strcmp(sniffed, "application/xml") == 0 && is_container(claimed, sniffed))
        return true;
    if (needs_proof(claimed))
        return false;
    if (strcmp(sniffed, UNKNOWN) == 0)
        return true;
    if (media_type_is_text(claimed))
        return strcmp(sniffed, PLAIN) == 0 || (media_type_is_text(sniffed) && !needs_proof(sniffed));
    return is_container(claimed, sniffed);
}

/* Whether the claim is less exact but true. */
static bool says_less(const char *claimed, const char *sniffed)
{
    return strcmp(claimed, UNKNOWN) == 0 ||
           (strcmp(claimed, PLAIN) == 0 && media_type_is_text(sniffed) && !needs_proof(sniffed)) ||
           is_container(sniffed, claimed);
}

const char *media_type_settle(const char *claimed, const char *sniffed, bool *contradicted)
{
    bool same = strcmp(claimed, sniffed) == 0;
    bool more = !same && says_more(claimed, sniffed);

    if (contradicted != NULL)
        *contradicted = !same && !more && !says_less(claimed, sniffed);
    return more ? claimed : sniffed;
}

bool media_type_inline(const char *type)
{
    /* With no other charset: in UTF-7 plain text can be read as markup. */
    static const char *const shown[] = {
        "image/jpeg", "image/png", "image/gif", "image/webp", "image/avif", PLAIN, "text/plain; charset=utf-8"};

    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
        if (strcmp(shown[i], type) == 0)
            return true;
    return false;
}
