/*
 * What kind of file these bytes are, and what a browser may do with it. Names and claims come from whoever uploads; the
 * bytes decide. The formats that matter to browsers are told here, as the WHATWG's "MIME Sniffing" tells them, since
 * libmagic misses some of those that can carry a script; for everything else it is asked.
 */
#ifndef MAYFLY_BASE_MEDIA_TYPE_H
#define MAYFLY_BASE_MEDIA_TYPE_H

#include "base/attr.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    /* "type/subtype" and NUL. RFC 6838 allows 127 characters on each side; what has more than this is no known type. */
    MEDIA_TYPE_BYTES = 128,
    /* Give media_type_sniff so many first bytes when there are as many: Office documents show their kind only here. */
    MEDIA_TYPE_SNIFF_BYTES = 16 * 1024,
};

/*
 * The type of a file that begins so: lower case, no parameters; "application/octet-stream" for what nobody knows, an empty
 * file with it. length beyond MEDIA_TYPE_SNIFF_BYTES is not looked at. Asks libmagic only when it has to, and lets it
 * and its tables go before it returns: 0.5 to 10 ms, and nothing to carry for workers that see no uploads.
 * ERR_DOWN: libmagic's table can't be loaded.
 */
bool media_type_sniff(const void *bytes, size_t length, char type[MEDIA_TYPE_BYTES], struct err *) MUST_CHECK;

/*
 * Makes a type that was claimed comparable: lower case, without parameters, of the grammar of RFC 6838. What is not, such
 * as NULL or "", becomes "application/octet-stream", which claims nothing.
 */
void media_type_normalise(const char *claimed, char type[MEDIA_TYPE_BYTES]);

/*
 * What to keep as a file's type, given two normalised ones. The claim counts only where it says more about what was
 * found: text/csv of text/plain, an EPUB of a ZIP, anything harmless of unknown bytes. One of the two pointers.
 * *contradicted, when not NULL: the claim was a different one and can't be true.
 */
const char *media_type_settle(const char *claimed, const char *sniffed, bool *contradicted);

/*
 * May a browser show this type on its own page, served from the site's own address, with nosniff and a sandbox policy? Raster images
 * and plain text: no script can be in them. All others are for "Content-Disposition: attachment" (ASVS 3.2.1): HTML, SVG,
 * XML and PDF run scripts in the site's name or have done so; sound and video lose nothing, since a page that embeds
 * them, like an image, goes by the bytes and not by the disposition.
 */
bool media_type_inline(const char *type);

#endif
