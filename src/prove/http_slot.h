/* A request of prove/http.c that is under way, with the part of its answer that has arrived; for http.c alone. */
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

/* Sets slot->easy, a request to a site, to deliver its answer here. False: libcurl refuses. */
bool http_slot_begin(struct http_slot *, const struct prove_site *) MUST_CHECK;

/* Completes slot->answer when libcurl is done with the request. An incomplete answer counts as none. */
void http_slot_end(struct http_slot *, CURLcode);

#endif
