/* A request with its answer in the making, and the services that handlers may use. Handlers never see FastCGI. */
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
#include "store/session.h"

#include <sys/queue.h>

enum {
    /* A document of 64 KiB whose every byte was escaped by a form, and the fields around it. */
    BODY_MAX_BYTES = 256 * 1024,
    /*
     * Cookies of one name that are tried: each costs a look-up or a MAC. Browsers have one for each path and domain that ever set
     * it; the name's own rules (__Host-) leave one.
     */
    COOKIES_MAX = 8,
    /* A body, its tree, the answer and what it is sealed in; a worker holds a few of these at once. */
    ARENA_MAX_BYTES = 8 * 1024 * 1024,
};

struct thumbing_account;

/* Of one worker; app/file/api_thumbnail.c's. */
struct thumbings {
    LIST_HEAD(, thumbing_account) accounts; /* that have asked for some which are in hand */
    int children;
    int images[2]; /* in memory: of the object storage, and of PostgreSQL */
};

/* At once in one worker; each account has one of them, so that files of one that take long keep nobody else's waiting. */
enum { SNIFFS_AT_ONCE = 4 };

struct sniffing {
    struct {
        bool taken;
        struct uuid account;
    } places[SNIFFS_AT_ONCE];
    TAILQ_HEAD(, file_typing) line; /* those that wait for one in a coroutine */
};

/* One of each per worker, for its whole life. */
struct services {
    struct config config;
    struct secret secret;
    const struct clock *clock;
    struct log log;
    struct statsd statsd;
    struct coroutines *coroutines; /* NULL in mayflyctl, which has nobody to go on with while it waits */
    struct session_store sessions; /* holds db and cache too */
    struct file_store files;
    struct block_pool blocks; /* app/file/file_reader.c's */
    const char *worker;       /* "pool/pid" */
    int requests_aside;       /* that wait for another's lock */
    struct thumbings thumbings;
    struct sniffing sniffing; /* app/file/file_typing.c's */
    struct zygote sniffer;
    struct thumbnailer thumbnailer;
    void (*point)(const char *name);
};

/*
 * A body that a handler takes as it comes, in turns with other requests, instead of whole. The handler sets exchange.sink
 * and leaves the answer to end.
 */
struct body_sink {
    /* The next bytes, borrowed. After an error nothing more comes but drop. */
    bool (*take)(struct exchange *, const void *bytes, size_t length, struct err *);
    /*
     * The body is over; not whole: its sender is gone, and the answer reaches nobody. Fills the response, or sets x->job. When it
     * failed because of another's lock it is called again later, and goes on from there.
     */
    bool (*end)(struct exchange *, bool whole, struct err *);
    /* Taking, ending or the request as a whole failed: lets go of what was begun. */
    void (*drop)(struct exchange *);
    /* Memory for bytes that are not stored yet. A sink that has this keeps what came when end is called with less than all. */
    size_t (*holds)(const struct exchange *);
    /* With holds: gives back what of that has no bytes in it yet. */
    void (*rest)(struct exchange *);
    /* The same of a sink that keeps nothing then: what it may come to. take is not called before there is room for it. */
    size_t (*needs)(const struct exchange *);
};

/* At once: what a socket's buffer takes while it is half full, and a whole part of a block of the database. */
enum { ANSWER_PIECE_MAX_BYTES = BLOCK_POOL_BYTES / 4 };

/* A body that is longer than memory should hold: the handler sets exchange.source and answer_left. */
struct answer_source {
    /* The next 1..ANSWER_PIECE_MAX_BYTES bytes, alive until the next call. An error cuts the answer off. */
    bool (*next)(struct exchange *, const void **bytes, size_t *length, struct err *);
    /* The reader is slow and all that next gave was sent: lets go of memory until next is called. NULL: there is none. */
    void (*rest)(struct exchange *);
    /* The reader is fast: begins to read what next will give, while what it has given is sent. NULL: it can't. */
    void (*expect)(struct exchange *);
    /* With expect, before others get on: takes what was begun. */
    void (*settle)(struct exchange *);
};

/* Work that takes longer than others should wait: the handler sets exchange.job and leaves the answer to its last step. */
struct job {
    /* A step of some milliseconds; *done when it has filled the response. May set exchange.pause_ms. */
    bool (*step)(struct exchange *, bool *done, struct err *);
    /* Instead of the next step: nobody is there any more to read the answer, or this worker ends. NULL: nothing to do. */
    void (*quit)(struct exchange *);
    /* The response is filled already, and is what is sent when there is no room for a job. */
    bool answered;
};

/* Of a request that met another's lock: app/again.h. */
struct again {
    int times; /* that it was put aside */
    int64_t until_us;
    bool is_aside;
    bool rests;   /* its pause has still to begin */
    bool recalls; /* x->kept counts: this is a repetition that has not asked for it yet */
    bool whole;   /* the body, of one whose end is repeated */
    struct arena_mark mark;
    const void *kept; /* what was kept, and read, when the mark was set */
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
    struct trace trace; /* what each line of the log about it says */

    struct session_lookup lookup;
    struct session_lookup *others; /* of further cookies of our name */
    size_t others_count;
    bool has_token;   /* lookup.token is well-formed; whether it is good is not known yet */
    bool by_cookie;   /* it came as a cookie, so mutations need a proof of origin */
    bool has_session; /* session is live */
    struct session session;

    struct buf body;
    bool body_read;
    json_t *fields;     /* the body as an object, once asked for */
    struct buf meaning; /* what a body that came in turns said beside its bytes, for app/once.h */

    const struct body_sink *sink;
    const struct answer_source *source;
    const struct job *job;
    void *stream;        /* the handler's own, for sink, source and job */
    int64_t pause_ms;    /* until the job's next step; 0: as soon as others had their turn */
    int64_t answer_left; /* bytes of the body that source has still to give */
    struct err failure;  /* of the sink or the job */
    bool has_waited;     /* for somebody slow, in one of its turns */

    struct again again;
    void *kept;         /* by app/account/credentials.c: what a repetition need not find out anew */
    bool attempt_taken; /* a registration's; a repetition is no further one */

    struct session_ids forgets;  /* cached copies to be removed after COMMIT: app/tombstones.h */
    int64_t tombstones_until_us; /* so long a node that hangs is waited for */
    bool replayed;               /* the answer is an earlier one */
    bool body_elsewhere;         /* the answer's body is a document: its outcome keeps the hash only */
    const char *body_hash; /* with replayed: of the body, which the handler has to find; NULL: the answer is whole */
    bool ends_session;     /* the effect ends the session that asks for it, so it need not live at COMMIT */
};

/* Readies x for a request; what is wrong with the request is kept in *err for serve. */
void exchange_open(struct exchange *, struct services *, const char *const *params, const struct body_source *,
                   struct err *);

/* Copies what x borrowed from the others of its batch, since it will outlive them. */
bool exchange_stay(struct exchange *, struct err *) MUST_CHECK;

/* Adds the look-ups of all tokens that came; at most COOKIES_MAX. Returns how many. */
size_t exchange_lookups(struct exchange *, struct session_lookup **lookups);

/* They were looked up: from now on x->lookup is the first that is live, if any is. */
void exchange_choose(struct exchange *);

/* Lets go of everything that the request held. */
void exchange_close(struct exchange *);

/* The body, read once; ERR_LARGE, ERR_INPUT. */
bool exchange_body(struct exchange *, struct err *) MUST_CHECK;

/* The body as an object of fields: a form or JSON; no body is no field. ERR_TYPE for anything else. */
bool exchange_fields(struct exchange *, const json_t **fields, struct err *) MUST_CHECK;

/* A required text field of the body: ERR_VALUE when it is missing or empty. */
bool exchange_field(struct exchange *, const char *name, const char **text, struct err *) MUST_CHECK;

/* Whether the request may change something. */
bool exchange_mutates(const struct exchange *);

#endif
