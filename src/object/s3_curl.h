/*
 * libcurl, loaded at the first request to S3. With all that it links to it would take a tenth of each worker's start,
 * and a site whose files are in PostgreSQL does not need it. With a bucket in the settings, `mayfly-worker --test`
 * loads it, so that a missing library shows at the start. (libpq takes half of the start, but every worker needs it
 * soon.) For s3_http and s3_multi only.
 */
#ifndef MAYFLY_OBJECT_S3_CURL_H
#define MAYFLY_OBJECT_S3_CURL_H

#include "base/err.h"

#include <curl/curl.h>

/* Its functions; the members have their names without curl_. */
#define LIBCURL_FUNCTIONS(FUNCTION)                                                                                    \
    FUNCTION(global_init)                                                                                              \
    FUNCTION(global_cleanup)                                                                                           \
    FUNCTION(easy_init)                                                                                                \
    FUNCTION(easy_cleanup)                                                                                             \
    FUNCTION(easy_setopt)                                                                                              \
    FUNCTION(easy_getinfo)                                                                                             \
    FUNCTION(easy_header)                                                                                              \
    FUNCTION(easy_strerror)                                                                                            \
    FUNCTION(slist_append)                                                                                             \
    FUNCTION(slist_free_all)                                                                                           \
    FUNCTION(getdate)                                                                                                  \
    FUNCTION(multi_init)                                                                                               \
    FUNCTION(multi_cleanup)                                                                                            \
    FUNCTION(multi_setopt)                                                                                             \
    FUNCTION(multi_add_handle)                                                                                         \
    FUNCTION(multi_remove_handle)                                                                                      \
    FUNCTION(multi_socket_action)                                                                                      \
    FUNCTION(multi_timeout)                                                                                            \
    FUNCTION(multi_info_read)                                                                                          \
    FUNCTION(multi_strerror)

struct libcurl {
#define LIBCURL_MEMBER(name) __typeof__(curl_##name) *name;
    LIBCURL_FUNCTIONS(LIBCURL_MEMBER)
#undef LIBCURL_MEMBER
};

/* Loads it until the process ends. ERR_BUG says what is missing. */
bool s3_curl_load(struct libcurl *, struct err *) MUST_CHECK;

#endif
