/*
 * A request for a thumbnail, from its beginning to its answer. All of it is a job (app/exchange.h), so the worker
 * serves others while the image is copied, while the child process decodes it, and while the request waits.
 *
 *   api_thumbnail.c            looks for the thumbnail, sends it, or claims the making of it
 *   thumbnail_request_queue.c  the requests of each account in this worker, in the order in which they came
 *   thumbnail_request_wait.c   decides for how long a request waits, and when it gives up
 *   thumbnail_request_make.c   copies the image into memory, has a child process decode it, stores the thumbnail
 *
 * The image goes to the child process as memory without a name (memfd_create). It is freed with the request, and needs
 * no folder that can be written to, which the units do not give.
 *
 * Child processes and images in memory are limited. A request that waits for the object storage has no child process,
 * and images from the storage are counted separately from those from PostgreSQL, so a slow storage delays only requests
 * that use it.
 */
#ifndef MAYFLY_APP_FILE_THUMBNAIL_REQUEST_H
#define MAYFLY_APP_FILE_THUMBNAIL_REQUEST_H

#include "app/exchange.h"
#include "app/file/file_reader.h"
#include "media/thumbnail.h"
#include "store/file_thumbnail.h"

#include <sys/queue.h>

/* What a request waits for. */
enum thumbnail_awaits {
    THUMBNAIL_AWAITS_NOTHING,
    THUMBNAIL_AWAITS_ROOM,  /* for one more image in the memory of this worker */
    THUMBNAIL_AWAITS_CHILD, /* for one more child process of this worker */
    THUMBNAIL_AWAITS_MAKER, /* another request that makes this thumbnail */
    THUMBNAIL_AWAITS_SHARE, /* another thumbnail of the account */
};

struct thumbnail_request {
    struct file original;
    int box;
    int64_t until_us; /* when it stops waiting */
    int64_t pause_ms;
    enum thumbnail_awaits awaits;
    bool is_crowded; /* it has waited for another thumbnail of its account */
    bool (*stage)(struct exchange *, struct thumbnail_request *, bool *done, struct err *);
    struct thumbnail_load *load;
    struct thumbnail_account *account;
    bool is_queued;
    TAILQ_ENTRY(thumbnail_request) in_queue;
    /* The following are used only by a request that makes the thumbnail. */
    bool has_claim;
    struct uuid id, lease;
    struct file_reader *reader;
    int *images; /* the count for the place where this image is stored */
    int image;   /* descriptor; -1 */
    struct zygote_job *child;
    int64_t child_since_us;
};

/* --- thumbnail_request_queue.c */

/*
 * Counts the request for its account, from now until the end of its arena. ERR_LIMIT: the account has too many.
 */
bool thumbnail_request_enter(struct exchange *, struct thumbnail_request *, struct err *) MUST_CHECK;

void thumbnail_request_queue(struct thumbnail_request *);
void thumbnail_request_unqueue(struct thumbnail_request *);

/* How many requests of its account, in this worker, come before it. */
int thumbnail_request_ahead(const struct services *, const struct thumbnail_request *);

/*
 * Set what is counted: the child process or NULL, the image's descriptor or -1 (the one before is closed), the claim.
 */
void thumbnail_request_set_child(struct thumbnail_request *, struct zygote_job *);
void thumbnail_request_set_image(struct thumbnail_request *, int image);
void thumbnail_request_set_claim(struct thumbnail_request *, bool has_claim);

/* --- thumbnail_request_wait.c */

/* Sets the pause of the job. ERR_LIMIT or ERR_DOWN: the request has waited long enough. */
bool thumbnail_request_wait(struct exchange *, struct thumbnail_request *, enum thumbnail_awaits,
                            struct err *) MUST_CHECK;

/* When a request that waits from now on for the thumbnail itself gives up. */
int64_t thumbnail_request_deadline_us(const struct services *);

/* --- thumbnail_request_make.c */

/* Whether there is room in memory for one more image. */
bool thumbnail_request_has_room(const struct thumbnail_request *);

/* With the claim: begins to make the thumbnail. The next stages make, store and send it. */
bool thumbnail_request_make(struct exchange *, struct thumbnail_request *, struct err *) MUST_CHECK;

/* For how long a claim lasts: as long as making takes at most. */
int64_t thumbnail_request_claim_ms(const struct config *);

/* Whether the image is, or was last, with the child process: an error is then about the image. */
bool thumbnail_request_is_decoded(const struct thumbnail_request *);

#endif
