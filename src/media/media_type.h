/*
 * The type of a file by its bytes, and what a browser may do with it. Names and claimed types come from the client that
 * uploads, so the bytes decide. Formats that matter to browsers are recognised here by the rules of the WHATWG's "MIME
 * Sniffing", since libmagic misses some that can contain a script. For all other formats libmagic is asked, in a
 * separate process.
 */
#ifndef MAYFLY_MEDIA_MEDIA_TYPE_H
#define MAYFLY_MEDIA_MEDIA_TYPE_H

#include <stdbool.h>
#include <stddef.h>

enum {
    /* "type/subtype" and NUL. RFC 6838 allows 127 characters on each side; what has more than this is no known type. */
    MEDIA_TYPE_BYTES = 128,
    /*
     * The number of first bytes that are needed, if the file has as many: Office documents can't be recognised by
     * fewer.
     */
    MEDIA_TYPE_SNIFF_BYTES = 16 * 1024,
};

/*
 * The type of a file that begins so by the rules here, a constant: lower case, no parameters;
 * "application/octet-stream" for an empty file. NULL: libmagic is to be asked (media/media_sniff.h). length beyond
 * MEDIA_TYPE_SNIFF_BYTES is not looked at.
 */
const char *media_type_known(const void *bytes, size_t length);

/*
 * Makes a type that was claimed comparable: lower case, without parameters, of the grammar of RFC 6838. What is not,
 * such as NULL or "", becomes "application/octet-stream", which claims nothing.
 */
void media_type_normalise(const char *claimed, char type[MEDIA_TYPE_BYTES]);

/*
 * What to keep as a file's type, given two normalised ones. The claim counts only where it says more about what was
 * found: text/csv of text/plain, an EPUB of a ZIP, sound of a film's format, anything harmless of unknown bytes. One of
 * the two pointers. *contradicted, when not NULL: the claim was a different one and can't be true.
 */
const char *media_type_settle(const char *claimed, const char *sniffed, bool *contradicted);

/* Whether it is text of any kind, markup included. Normalised. */
bool media_type_is_text(const char *type);

/*
 * May a browser show this type, which may have charset=utf-8, on its own page, served from the site's own address, with
 * nosniff and a sandbox policy? Raster images and plain text: no script can be in them. All others are for
 * "Content-Disposition: attachment" (ASVS 3.2.1): HTML, SVG, XML and PDF run scripts in the site's name or have done
 * so; sound and video lose nothing, since a page that embeds them, like an image, goes by the bytes and not by the
 * disposition.
 */
bool media_type_inline(const char *type);

#endif
