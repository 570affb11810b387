/* How much of the stored data a page shows. app/limits.c compares it with the size of an answer. */
#ifndef MAYFLY_APP_PAGE_PAGE_LIMIT_H
#define MAYFLY_APP_PAGE_PAGE_LIMIT_H

enum {
    /* Files: some 2 KB each, which fits nginx's buffers; a thumbnail is asked for each image among them. */
    PAGE_FILES_MAX = 30,
    /* Sessions. The page can end all others at once. */
    PAGE_SESSIONS_MAX = 40,
    /* Keys, the newest. GET /keys lists all. */
    PAGE_KEYS_MAX = 15,
    /*
     * Sites that the front page considers, in their order. Each is read with its rules, at most some 40 KB, which must
     * fit into the request's memory.
     */
    PAGE_SITES_MAX = 100,
    /* Bytes of an indented document. The whole document is at its own address. */
    PAGE_DOCUMENT_BYTES = 16 * 1024,
    /* Bytes of an input that are shown again after a form was refused. Names, addresses and paths are shorter. */
    PAGE_TYPED_BYTES = 1024,
};

#endif
