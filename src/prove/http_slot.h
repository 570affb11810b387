/* A request of prove/http.c that is under way, and what has come of its answer; for http.c alone. */
#ifndef MAYFLY_PROVE_HTTP_SLOT_H
#define MAYFLY_PROVE_HTTP_SLOT_H

#include "prove/http.h"

#include <curl/curl.h>

struct http_slot {
    CURL *easy;
    struct curl_slist *headers;
    struct prove_answer answer;
    size_t length;
    bool too_long;
    struct curl_slist *peer;
    const struct prove_site *site;
    bool keeps_cookies;
    size_t head_length;
    char trouble[PROVE_TROUBLE_BYTES];
    char head[PROVE_HEAD_BYTES];
    size_t capacity; /* of body, which grows up to the site's answer_bytes_max; a NUL is behind it */
    char *body;
};

/* Makes room for a body of so many bytes, and a NUL. */
bool http_slot_reserve(struct http_slot *, size_t bytes) MUST_CHECK;

/* Has the answer to slot->easy, of a site, come here. False: libcurl refuses. */
bool http_slot_begin(struct http_slot *, const struct prove_site *) MUST_CHECK;

/* libcurl is done with it: completes slot->answer. An answer that is not complete counts as none. */
void http_slot_end(struct http_slot *, CURLcode);

#endif
