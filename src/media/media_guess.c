#include "media/media_guess.h"

#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

static bool begins(const char *text, const char *part)
{
    return strncmp(text, part, strlen(part)) == 0;
}

/*
 * Types that libmagic recognises by at least four bytes, or by the structure of the whole file. It recognises the
 * others by two bytes, which random files have too.
 */
static bool has_signature(const char *type)
{
    static const char *const prefixes[] = {"application/vnd.openxmlformats-",
                                           "application/vnd.oasis.",
                                           "application/vnd.ms-",
                                           "application/vnd.rar",
                                           "application/vnd.sqlite3",
                                           "application/vnd.debian.",
                                           "application/vnd.android.",
                                           "application/vnd.apple.",
                                           "font/woff",
                                           "video/mp4",
                                           "video/3gpp",
                                           "audio/ogg",
                                           "video/ogg",
                                           "message/"};
    static const char *const types[] = {
        "application/zip",
        "application/epub+zip",
        "application/java-archive",
        "application/x-7z-compressed",
        "application/x-xz",
        "application/zstd",
        "application/x-bzip2",
        "application/x-tar",
        "application/x-executable",
        "application/x-pie-executable",
        "application/x-sharedlib",
        "application/x-object",
        "application/x-mach-binary",
        "application/msword",
        "application/cdfv2",
        "application/x-ole-storage",
        "application/x-sqlite3",
        "application/ogg",
        "application/x-rpm",
        "application/x-shockwave-flash",
        "application/x-hdf5",
        "application/x-java-applet",
        "application/wasm",
        "application/x-iso9660-image",
        "application/json",
        "application/x-ndjson",
        "application/pgp-keys",
        "audio/flac",
        "audio/wav",
        "audio/mp4",
        "audio/midi",
        "audio/amr",
        "audio/x-aiff",
        "video/quicktime",
        "video/x-msvideo",
        "video/x-ms-asf",
        "video/x-flv",
        "image/tiff",
        "image/heic",
        "image/heif",
        "image/jp2",
        "image/vnd.adobe.photoshop",
        "image/x-xcf",
        "image/x-exr",
        "font/sfnt",
        "font/ttf",
        "font/otf",
    };

    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        if (begins(type, prefixes[i]))
            return true;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(types[i], type) == 0)
            return true;
    return false;
}

/* UTF-8 to the end, at which a character may be cut when the file goes on. */
static bool is_utf8(const char *bytes, size_t length)
{
    size_t good = utf8_check(bytes, length);

    return good == length || (length == MEDIA_TYPE_SNIFF_BYTES && length - good < 4);
}

static bool begins_with(const char *bytes, size_t length, const char *signature)
{
    return length >= strlen(signature) && memcmp(bytes, signature, strlen(signature)) == 0;
}

/* Types that are recognised by two bytes, but have further ones by which the guess can be checked. */
static bool is_confirmed(const char *type, const char *bytes, size_t length)
{
    static const struct {
        const char *type, *signature;
    } confirmed[] = {
        {"audio/mpeg", "ID3"},      {"application/postscript", "%!PS"}, {"application/x-dosexec", "MZ"},
        {"text/rtf", "{\\rtf"},     {"text/plain", "\xFF\xFE"}, /* UTF-16 */
        {"text/plain", "\xFE\xFF"},
    };

    for (size_t i = 0; i < sizeof confirmed / sizeof confirmed[0]; i++)
        if (strcmp(confirmed[i].type, type) == 0 && begins_with(bytes, length, confirmed[i].signature))
            return true;
    return media_type_is_text(type) && is_utf8(bytes, length);
}

const char *media_guess_weigh(const char *guess, const char *claimed, const void *bytes, size_t length)
{
    bool fits = strcmp(guess, claimed) == 0 || (media_type_is_text(guess) && media_type_is_text(claimed));

    return fits || has_signature(guess) || is_confirmed(guess, bytes, length) ? guess : "application/octet-stream";
}

void media_guess_write(const char *type, const void *bytes, size_t length, char written[MEDIA_TYPE_WRITTEN_BYTES])
{
    bool text = begins(type, "text/") && length > 0 && is_utf8(bytes, length);

    snprintf(written, MEDIA_TYPE_WRITTEN_BYTES, "%s%s", type, text ? "; charset=utf-8" : "");
}
