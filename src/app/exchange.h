/* A request with its answer, and the services that handlers use. Handlers never see FastCGI. */
#ifndef MAYFLY_APP_EXCHANGE_H
#define MAYFLY_APP_EXCHANGE_H

#include "base/block_pool.h"
#include "base/coroutine.h"
#include "base/secret.h"
#include "base/statsd.h"
#include "http/json.h"
#include "http/response.h"
#include "http/route.h"
#include "media/thumbnail.h"
#include "store/file.h"
#include "store/lookups.h"

#include <sys/queue.h>

enum {
    /* A document of 64 KiB, with each byte escaped by a form, and the fields around it. */
    BODY_MAX_BYTES = 256 * 1024,
    /*
     * Cookies of one name that are tried; each costs a look-up or a MAC. A browser may have one for each path and
     * domain that ever set it; the prefix __Host- leaves one.
     */
    COOKIES_MAX = 8,
    /* A body, its tree, the answer and the sealed outcome. A worker holds a few of these at a time. */
    ARENA_MAX_BYTES = 8 * 1024 * 1024,
};

struct thumbnail_account;

/* What requests for thumbnails use of one worker (app/file/thumbnail_request.h). */
struct thumbnail_load {
    LIST_HEAD(, thumbnail_account) accounts; /* that have such a request */
    int children;                            /* processes that decode */
    int images[2];                           /* in memory: from the object storage, and from PostgreSQL */
};

/* Children of libmagic in one worker. An account has at most one, so files that take long delay no other account. */
enum { SNIFFS_AT_ONCE = 4 };

struct sniffing {
    struct {
        bool taken;
        struct uuid account;
    } places[SNIFFS_AT_ONCE];
    TAILQ_HEAD(, file_typing) line; /* coroutines that wait for a child */
};

/* What a worker has for its whole life, one of each. */
struct services {
    struct config config;
    struct secret secret;
    const struct clock *clock;
    struct log log;
    struct statsd statsd;
    struct coroutines *coroutines; /* NULL in mayflyctl, which serves nothing else while it waits */
    struct session_store sessions; /* holds db and cache too */
    struct file_store files;
    struct block_pool blocks; /* used by app/file/file_reader.c */
    const char *worker;       /* "pool/pid" */
    int requests_aside;       /* requests that wait for another transaction's lock */
    struct thumbnail_load thumbnail_load;
    struct sniffing sniffing; /* used by app/file/file_typing.c */
    struct zygote sniffer;
    struct thumbnailer thumbnailer;
    /* Used by app/gate/gate.c, which logs requests for unknown sites from time to time. */
    int64_t no_site_told_us;
    int64_t no_site_untold;
    bool nginx_told; /* by app/nginx_number.c: this process has said that nginx's files are old */
    void (*point)(const char *name);
};

/*
 * A handler that takes its body as it comes, in turns with other requests, sets exchange.sink. The answer is then made
 * by `end`.
 */
struct body_sink {
    /* Takes the next bytes, which are borrowed. After an error only drop is called. */
    bool (*take)(struct exchange *, const void *bytes, size_t length, struct err *);
    /*
     * The body is over; whole is false when the client has gone, and then the answer reaches nobody. Fills the
     * response, or sets x->job. When it fails because of another transaction's lock, it is called again later and
     * continues from there.
     */
    bool (*end)(struct exchange *, bool whole, struct err *);
    /* take, end or the request has failed: frees what was begun. */
    void (*drop)(struct exchange *);
    /*
     * Memory for bytes that are not stored yet. A sink with this function keeps the bytes that came when the body is
     * cut off.
     */
    size_t (*holds)(const struct exchange *);
    /* With holds: frees the part of that memory that has no bytes in it. */
    void (*rest)(struct exchange *);
    /*
     * For a sink that keeps nothing of a body that is cut off: the most memory it will hold. take is not called before
     * there is room for it.
     */
    size_t (*needs)(const struct exchange *);
};

/* As much as the buffer of a socket takes when it is half empty; a block of the database is a multiple of it. */
enum { ANSWER_PIECE_MAX_BYTES = BLOCK_POOL_BYTES / 4 };

/* For an answer that is too long for memory: the handler sets exchange.source and answer_left. */
struct answer_source {
    /* Gives the next 1..ANSWER_PIECE_MAX_BYTES bytes, valid until the next call. An error cuts the answer off. */
    bool (*next)(struct exchange *, const void **bytes, size_t *length, struct err *);
    /* The client is slow, and all bytes that next gave were sent: frees memory until next is called. May be NULL. */
    void (*rest)(struct exchange *);
    /* The client is fast: begins to read what next will give, while what it gave is sent. May be NULL. */
    void (*expect)(struct exchange *);
    /* With expect, before other requests are served: takes what was read. */
    void (*settle)(struct exchange *);
};

/*
 * For work that takes longer than other requests should wait: the handler sets exchange.job. The last step fills the
 * response.
 */
struct job {
    /* Does some milliseconds of the work. *done: it has filled the response. May set exchange.pause_ms. */
    bool (*step)(struct exchange *, bool *done, struct err *);
    /* Called instead of the next step when the client has gone or the worker ends. May be NULL. */
    void (*quit)(struct exchange *);
    /* The response is filled already, and is sent when there is no room for a job. */
    bool answered;
};

/* The state of a request that has met another transaction's lock (app/again.h). */
struct again {
    int times; /* times that it was put aside */
    int64_t until_us;
    bool is_aside;
    bool rests;   /* its pause has not begun */
    bool recalls; /* this run may use x->kept, and has not asked for it yet */
    bool whole;   /* for a body whose end is repeated: the body was whole */
    struct arena_mark mark;
    const void *kept; /* x->kept, body_read and fields at the time of the mark */
    bool body_read;
    const json_t *fields;
};

struct exchange {
    struct services *services;
    struct arena arena;
    struct request request;
    struct response response;
    struct route_match match;
    int64_t started_us;
    struct trace trace; /* members of each of its lines in the log */

    struct session_lookup lookup;
    struct session_lookup *others; /* look-ups of further cookies of the same name */
    size_t others_count;
    struct visit_scope visit_scope; /* of visits among them: the host of a route with AT_SITE */
    struct site_lookup *site;       /* of a route with AT_SITE; NULL: no site can be at this origin */
    bool has_token;                 /* lookup.token is well-formed; it may be invalid */
    bool by_cookie;                 /* the token came as a cookie, so changes need a proof of origin */
    bool by_key;                    /* the token is a key (store/key.h), and session is what it stands for */
    bool by_basic;                  /* a key that came as the password of Basic, which browsers send by themselves */
    const char *basic_name;         /* with by_basic: the name beside it */
    unsigned scopes;                /* bits of enum key_scope that the key opens as it came */
    bool has_session;               /* session is valid and live */
    struct session session;
    bool has_caller; /* the request is from a program of this site, proved by its key (app/session/app_caller.h) */
    struct uuid caller, site_key;

    struct buf body;
    bool body_read;
    json_t *fields;     /* the body as an object, after exchange_fields */
    struct buf meaning; /* for app/once.h: what a streamed body said beside its bytes */

    const struct body_sink *sink;
    const struct answer_source *source;
    const struct job *job;
    void *stream;        /* of the handler, for sink, source and job */
    int64_t pause_ms;    /* before the next step of the job; 0: after other requests have had their turn */
    int64_t answer_left; /* bytes of the body that source has yet to give */
    struct err failure;  /* of the sink or the job */
    bool has_waited;     /* it has waited for a slow client in a turn */

    struct again again;
    void *kept;         /* used by app/account/credentials.c: results that another run can use */
    bool attempt_taken; /* the registration was counted; another run is not counted again */

    struct session_ids forgets;  /* cached copies to remove after COMMIT (app/tombstones.h) */
    int64_t tombstones_until_us; /* until when a cache node that hangs is waited for */
    bool replayed;               /* the response is the kept answer of an earlier attempt */
    bool body_elsewhere;         /* the body of the answer is a document, of which the outcome keeps only the hash */
    /* with replayed: the hash of the body, which the handler must find; NULL: the answer is complete */
    const char *body_hash;
    bool ends_session; /* the effect ends the session of the request, so that need not be live at COMMIT */
};

/* Prepares x for a request. An error of the request is left in *err for serve. */
void exchange_open(struct exchange *, struct services *, const char *const *params, const struct body_source *,
                   struct err *);

/* Copies what x has borrowed from other requests of its batch, because x will outlive them. */
bool exchange_stay(struct exchange *, struct err *) MUST_CHECK;

/* Adds the look-ups of all tokens of the request, at most COOKIES_MAX. Returns how many. */
size_t exchange_lookups(struct exchange *, struct session_lookup **lookups);

/*
 * After the look-ups: makes x->lookup the first live session, if there is one. A key that came as the password of
 * another name is none; x->scopes is what a key opens.
 */
void exchange_choose(struct exchange *);

/* Frees everything that the request has. */
void exchange_close(struct exchange *);

/* Reads the body, once. ERR_LARGE, ERR_INPUT. */
bool exchange_body(struct exchange *, struct err *) MUST_CHECK;

/*
 * Reads the body, a form or JSON, as an object of fields. Without a body it has no fields. ERR_TYPE: it is of another
 * type.
 */
bool exchange_fields(struct exchange *, const json_t **fields, struct err *) MUST_CHECK;

/* A required text field of the body. ERR_VALUE: it is missing or empty. */
bool exchange_field(struct exchange *, const char *name, const char **text, struct err *) MUST_CHECK;

/* Whether the request may change something. */
bool exchange_mutates(const struct exchange *);

#endif
