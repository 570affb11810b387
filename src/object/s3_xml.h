/*
 * Reads the XML that S3 answers with, piece by piece as it comes, and gives each element when it ends. Strict: UTF-8, no
 * document type (so no entities of its own), bounded in depth, in the length of a text and as a whole. The one file that
 * knows expat.
 */
#ifndef MAYFLY_OBJECT_S3_XML_H
#define MAYFLY_OBJECT_S3_XML_H

#include "base/arena.h"
#include "base/err.h"

enum {
    S3_XML_DEPTH_MAX = 8,         /* S3's deepest answer has 5 */
    S3_XML_PATH_MAX = 256,        /* names of elements from the root on, with '/' between */
    S3_XML_TEXT_MAX = 4096,       /* a key of 1,024 bytes, each of them escaped */
    S3_XML_MAX = 2 * 1024 * 1024, /* a list of 1,000 keys of the greatest length */
};

struct s3_xml;

/*
 * An element ended: path is such as "ListPartsResult/Part/ETag", text what stood directly in it, "" when it only had
 * elements. Both are borrowed for the call. False with an error ends the reading.
 */
typedef bool s3_xml_element(void *arg, const char *path, const char *text, struct err *);

/* Lives in the arena. */
bool s3_xml_new(struct s3_xml **, struct arena *, s3_xml_element *, void *arg, struct err *) MUST_CHECK;

/* ERR_BUG when this is no such XML: nobody who uses mayfly can do anything about it. */
bool s3_xml_feed(struct s3_xml *, const char *bytes, size_t length, struct err *) MUST_CHECK;
bool s3_xml_end(struct s3_xml *, struct err *) MUST_CHECK;

#endif
