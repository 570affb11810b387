#include "app/file/thumbnail_request.h"

enum {
    /* What another worker does is asked of the database: first after PAUSE_MIN_MS, then twice as late each time. */
    PAUSE_MIN_MS = 20,
    PAUSE_MAX_MS = 250,
    /* What this worker does is known without a question: so long for each request that comes before. */
    PAUSE_HERE_MS = 20,
    PAUSE_HERE_MAX_MS = 500,
    /* Beyond the deadline of the child process: to see another maker fail, and to try. */
    PATIENCE_BEYOND_MS = 5000,
    /* A hundred photographs of an account, one after the other, take 20 s; nginx waits for 120 (t/9000). */
    SHARE_PATIENCE_MS = 30000,
};

int64_t thumbnail_request_deadline_us(const struct services *services)
{
    return services->clock->monotonic_us() + (services->config.thumbnail_timeout_ms + PATIENCE_BEYOND_MS) * 1000;
}

/* Waits for something that this worker decides itself: other requests of the account, room, a child process. */
static bool wait_here(struct exchange *x, struct thumbnail_request *request, int ahead)
{
    int64_t pause_ms = (int64_t)PAUSE_HERE_MS * (1 + ahead);

    x->pause_ms = pause_ms < PAUSE_HERE_MAX_MS ? pause_ms : PAUSE_HERE_MAX_MS;
    request->pause_ms = 0;
    return true;
}

bool thumbnail_request_wait(struct exchange *x, struct thumbnail_request *request, enum thumbnail_awaits awaits,
                            struct err *err)
{
    int ahead = 0;

    request->awaits = awaits;
    if (awaits == THUMBNAIL_AWAITS_SHARE || awaits == THUMBNAIL_AWAITS_ROOM) {
        thumbnail_request_queue(request);
        ahead = thumbnail_request_ahead(x->services, request);
    }
    if (awaits == THUMBNAIL_AWAITS_SHARE && !request->is_crowded) {
        request->is_crowded = true;
        request->until_us = x->started_us + SHARE_PATIENCE_MS * INT64_C(1000);
    }
    if (x->services->clock->monotonic_us() > request->until_us)
        return request->is_crowded
                   ? err_set(err, ERR_LIMIT, "other thumbnails of this account come first; ask again later")
                   : err_set(err, ERR_DOWN, "the thumbnail was not made in time");
    if (awaits == THUMBNAIL_AWAITS_ROOM || awaits == THUMBNAIL_AWAITS_CHILD || ahead > 0)
        return wait_here(x, request, ahead);
    x->pause_ms = request->pause_ms > 0 ? request->pause_ms : PAUSE_MIN_MS;
    request->pause_ms = x->pause_ms * 2 < PAUSE_MAX_MS ? x->pause_ms * 2 : PAUSE_MAX_MS;
    return true;
}
