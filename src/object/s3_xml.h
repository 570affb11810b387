/*
 * Reads the XML of S3's answers, in pieces as it comes, and reports each element at its end. It is strict: UTF-8, no
 * document type (so no entities), with limits for the depth, the length of a text and the whole. The only file that
 * uses expat.
 */
#ifndef MAYFLY_OBJECT_S3_XML_H
#define MAYFLY_OBJECT_S3_XML_H

#include "base/arena.h"
#include "base/err.h"

enum {
    S3_XML_DEPTH_MAX = 8,         /* S3's deepest answer has 5 */
    S3_XML_PATH_MAX = 256,        /* names of the elements from the root, with '/' between them */
    S3_XML_TEXT_MAX = 4096,       /* a key of 1,024 bytes, each of them escaped */
    S3_XML_MAX = 2 * 1024 * 1024, /* a list of 1,000 keys of the greatest length */
};

struct s3_xml;

/*
 * Reports the end of an element. path is such as "ListPartsResult/Part/ETag". text is the text directly in the element;
 * "" when it has only elements. Both are borrowed for the call. False with an error ends the reading.
 */
typedef bool s3_xml_element(void *arg, const char *path, const char *text, struct err *);

/* Lives in the arena. */
bool s3_xml_new(struct s3_xml **, struct arena *, s3_xml_element *, void *arg, struct err *) MUST_CHECK;

/* ERR_BUG: this is not such XML. No user of mayfly can do anything about it. */
bool s3_xml_feed(struct s3_xml *, const char *bytes, size_t length, struct err *) MUST_CHECK;
bool s3_xml_end(struct s3_xml *, struct err *) MUST_CHECK;

#endif
