#include "store/s3_http.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Its soname since 2006: what was compiled by libcurl's headers needs this and no other. */
#define LIBCURL "libcurl.so.4"

enum {
    STALL_BYTES_PER_S = 1024, /* with s3_stall_s: no server that works is slower */
    CONNECTIONS_MAX = 2,      /* of one worker: the endpoint's, and one that is being closed */
};

/* libcurl's functions under their names without curl_. */
#define LIBCURL_FUNCTIONS(FUNCTION)                                                                                    \
    FUNCTION(global_init)                                                                                              \
    FUNCTION(global_cleanup)                                                                                           \
    FUNCTION(easy_init)                                                                                                \
    FUNCTION(easy_cleanup)                                                                                             \
    FUNCTION(easy_reset)                                                                                               \
    FUNCTION(easy_setopt)                                                                                              \
    FUNCTION(easy_perform)                                                                                             \
    FUNCTION(easy_getinfo)                                                                                             \
    FUNCTION(easy_header)                                                                                              \
    FUNCTION(easy_strerror)                                                                                            \
    FUNCTION(slist_append)                                                                                             \
    FUNCTION(slist_free_all)                                                                                           \
    FUNCTION(getdate)

struct libcurl {
#define MEMBER(name) __typeof__(curl_##name) *name;
    LIBCURL_FUNCTIONS(MEMBER)
#undef MEMBER
};

struct s3_http {
    struct libcurl lib;
    const struct config *config;
    bool secure;
    CURL *curl;
};

/* --- The library */

/* It stays loaded until the process ends, as does what it has loaded. */
static bool load(struct libcurl *lib, struct err *err)
{
    static const struct {
        const char *name;
        size_t at;
    } functions[] = {
#define ROW(name) {"curl_" #name, offsetof(struct libcurl, name)},
        LIBCURL_FUNCTIONS(ROW)
#undef ROW
    };
    void *library = dlopen(LIBCURL, RTLD_NOW);

    for (size_t i = 0; library != NULL && i < sizeof functions / sizeof functions[0]; i++) {
        void *function = dlsym(library, functions[i].name);

        if (function == NULL)
            return err_set(err, ERR_BUG, "%s has no %s; mayfly needs libcurl 7.84 or later", LIBCURL,
                           functions[i].name);
        memcpy((char *)lib + functions[i].at, &function, sizeof function);
    }
    return library != NULL || err_set(err, ERR_BUG, "%s; install libcurl", dlerror());
}

bool s3_http_check(struct err *err)
{
    struct libcurl lib;

    return load(&lib, err);
}

static bool start(struct s3_http *http, struct err *err)
{
    if (!load(&http->lib, err))
        return false;
    if (http->lib.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return err_set(err, ERR_DOWN, "libcurl can't start");
    http->curl = http->lib.easy_init();
    if (http->curl != NULL)
        return true;
    http->lib.global_cleanup();
    return err_memory(err);
}

bool s3_http_new(struct s3_http **httpp, const struct config *config, bool secure, struct err *err)
{
    struct s3_http *http = calloc(1, sizeof *http);

    *httpp = NULL;
    if (http == NULL)
        return err_memory(err);
    http->config = config;
    http->secure = secure;
    if (!start(http, err)) {
        free(http);
        return false;
    }
    *httpp = http;
    return true;
}

void s3_http_free(struct s3_http *http)
{
    if (http == NULL)
        return;
    http->lib.easy_cleanup(http->curl);
    http->lib.global_cleanup();
    free(http);
}

/* --- What is sent. One function for each type that options have, since libcurl's own takes anything. */

static void set_number(struct s3_http *http, CURLoption option, int64_t number)
{
    http->lib.easy_setopt(http->curl, option, (long)number);
}

static void set_text(struct s3_http *http, CURLoption option, const char *text)
{
    http->lib.easy_setopt(http->curl, option, text);
}

static void set_body(struct s3_http *http, const void *body, size_t length)
{
    /* From memory, so that libcurl can begin anew by itself on a kept connection that was closed. */
    set_number(http, CURLOPT_POST, 1);
    http->lib.easy_setopt(http->curl, CURLOPT_POSTFIELDS, length > 0 ? body : "");
    http->lib.easy_setopt(http->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)length);
}

static bool append(struct s3_http *http, struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = line == NULL ? NULL : http->lib.slist_append(*list, line);

    if (longer != NULL)
        *list = longer;
    return longer != NULL;
}

/* The headers as libcurl wants them, to be freed by the caller; NULL when memory is out. */
static struct curl_slist *header_list(struct s3_http *http, struct arena *arena, const struct s3_signed *what)
{
    struct curl_slist *list = NULL;
    /* Without a value: libcurl is not to add its own. It would wait a second for a server that does not know Expect. */
    bool ok = append(http, &list, "Expect:") && append(http, &list, "Accept:");

    for (size_t i = 0; i < what->header_count; i++)
        ok = ok && append(http, &list, arena_printf(arena, "%s: %s", what->headers[i].name, what->headers[i].value));
    if (ok)
        return list;
    http->lib.slist_free_all(list);
    return NULL;
}

static void set_options(struct s3_http *http, const struct s3_request *request, const char *url, int64_t timeout_ms)
{
    const struct config *config = http->config;

    /* Keeps the connection. */
    http->lib.easy_reset(http->curl);
    set_text(http, CURLOPT_URL, url);
    set_number(http, CURLOPT_PATH_AS_IS, 1);
    set_text(http, CURLOPT_PROTOCOLS_STR, http->secure ? "https" : "http");
    set_number(http, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    set_number(http, CURLOPT_FOLLOWLOCATION, 0);
    /* Whatever the environment says of proxies was not meant for this. */
    set_text(http, CURLOPT_PROXY, "");
    set_number(http, CURLOPT_NOSIGNAL, 1);
    set_number(http, CURLOPT_MAXCONNECTS, CONNECTIONS_MAX);
    set_number(http, CURLOPT_TCP_KEEPALIVE, 1);
    set_number(http, CURLOPT_CONNECTTIMEOUT_MS, config->s3_connect_ms);
    set_number(http, CURLOPT_TIMEOUT_MS, timeout_ms);
    set_number(http, CURLOPT_LOW_SPEED_LIMIT, STALL_BYTES_PER_S);
    set_number(http, CURLOPT_LOW_SPEED_TIME, config->s3_stall_s);
    if (config->s3_ca_file[0] != '\0')
        set_text(http, CURLOPT_CAINFO, config->s3_ca_file);
    if (strcmp(request->method, "HEAD") == 0) {
        set_number(http, CURLOPT_NOBODY, 1);
        return;
    }
    if (request->method[0] == 'P')
        set_body(http, request->body, request->body_length);
    set_text(http, CURLOPT_CUSTOMREQUEST, request->method);
}

/* --- What comes */

struct answer {
    struct s3_http *http;
    s3_http_take *take;
    void *arg;
    struct err *err;
    bool head_whole;
};

/* libcurl takes a head that is cut off within a line for a whole one. */
static size_t on_head(char *line, size_t one, size_t length, void *arg)
{
    struct answer *answer = arg;

    (void)one;
    if (length >= 5 && memcmp(line, "HTTP/", 5) == 0)
        answer->head_whole = false;
    else if (length <= 2 && (line[0] == '\r' || line[0] == '\n'))
        answer->head_whole = true;
    return length;
}

static long status_of(const struct s3_http *http)
{
    long status = 0;

    http->lib.easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static size_t on_body(char *bytes, size_t one, size_t length, void *arg)
{
    struct answer *answer = arg;

    (void)one;
    return answer->take(answer->arg, status_of(answer->http), bytes, length, answer->err) ? length : 0;
}

static void set_callbacks(struct s3_http *http, struct answer *answer)
{
    curl_write_callback head = on_head, body = on_body;

    http->lib.easy_setopt(http->curl, CURLOPT_HEADERFUNCTION, head);
    http->lib.easy_setopt(http->curl, CURLOPT_HEADERDATA, answer);
    http->lib.easy_setopt(http->curl, CURLOPT_WRITEFUNCTION, body);
    http->lib.easy_setopt(http->curl, CURLOPT_WRITEDATA, answer);
}

/* What failed on the way; all else is a wrong setting or a flaw. */
static bool cut_off(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
        return true;
    default:
        return false;
    }
}

enum s3_http_outcome s3_http_exchange(struct s3_http *http, struct arena *arena, const struct s3_request *request,
                                      const struct s3_signed *what, int64_t timeout_ms, s3_http_take *take, void *arg,
                                      long *status, struct err *err)
{
    char message[CURL_ERROR_SIZE] = "";
    struct answer answer = {.http = http, .take = take, .arg = arg, .err = err};
    struct curl_slist *headers = header_list(http, arena, what);
    CURLcode code;

    *status = 0;
    if (headers == NULL) {
        err_memory(err);
        return S3_HTTP_FAILED;
    }
    set_options(http, request, what->url, timeout_ms);
    set_callbacks(http, &answer);
    http->lib.easy_setopt(http->curl, CURLOPT_HTTPHEADER, headers);
    http->lib.easy_setopt(http->curl, CURLOPT_ERRORBUFFER, message);
    code = http->lib.easy_perform(http->curl);
    *status = status_of(http);
    /* They are this frame's. */
    http->lib.easy_setopt(http->curl, CURLOPT_ERRORBUFFER, NULL);
    http->lib.easy_setopt(http->curl, CURLOPT_HTTPHEADER, NULL);
    http->lib.slist_free_all(headers);
    if (err->kind != ERR_NONE)
        return S3_HTTP_FAILED;
    if (code == CURLE_OK && !answer.head_whole)
        code = CURLE_PARTIAL_FILE;
    if (code == CURLE_OK)
        return S3_HTTP_ANSWERED;
    err_set(err, cut_off(code) ? ERR_DOWN : ERR_BUG, "%s: %s", request->name,
            message[0] != '\0' ? message : http->lib.easy_strerror(code));
    return cut_off(code) ? S3_HTTP_CUT : S3_HTTP_FAILED;
}

const char *s3_http_header(const struct s3_http *http, const char *name)
{
    struct curl_header *found;

    return http->lib.easy_header(http->curl, name, 0, CURLH_HEADER, -1, &found) == CURLHE_OK ? found->value : "";
}

bool s3_http_date(const struct s3_http *http, const char *text, int64_t *ms)
{
    time_t seconds = http->lib.getdate(text, NULL);

    *ms = (int64_t)seconds * 1000;
    return seconds != (time_t)-1;
}
