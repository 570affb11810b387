/* How much a page shows of what may be stored; app/limits.c holds it against what an answer may have. */
#ifndef MAYFLY_APP_PAGE_PAGE_LIMIT_H
#define MAYFLY_APP_PAGE_PAGE_LIMIT_H

enum {
    /* Files: some 2 KB each, within nginx's buffers, and each image among them asks for its thumbnail. */
    PAGE_FILES_MAX = 30,
    /* Sessions; who has more ends the others all at once. */
    PAGE_SESSIONS_MAX = 50,
    /* Bytes of a document, indented. Its own address gives the whole. */
    PAGE_DOCUMENT_BYTES = 16 * 1024,
    /* Bytes of an input of a form that was refused, to be shown again: more is no name, address or path. */
    PAGE_TYPED_BYTES = 1024,
};

#endif
