#include "app/file/thumbnail_request.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    /*
     * Requests of one account in one worker, most of which wait. A page of GET /files may have FILE_PAGE_MAX images,
     * and a browser asks for all of them at once over HTTP/2. nginx lets an address have as many requests (limit_conn
     * mayfly_address), and worker_streams_max is larger.
     */
    ACCOUNT_WAITING_MAX = 256,
};

_Static_assert((int)ACCOUNT_WAITING_MAX >= (int)FILE_PAGE_MAX, "a page is shown whole");

struct thumbnail_account {
    struct uuid id;
    int count;  /* requests in this worker */
    int making; /* of these, thumbnails that are being made */
    /*
     * Requests that want to make a thumbnail, in the order in which they came. Only the first asks the database for a
     * claim.
     */
    TAILQ_HEAD(, thumbnail_request) queue;
    LIST_ENTRY(thumbnail_account) in_all;
};

static struct thumbnail_account *account_of(struct thumbnail_load *load, const struct uuid *id)
{
    struct thumbnail_account *account;

    LIST_FOREACH(account, &load->accounts, in_all)
    if (memcmp(&account->id, id, sizeof *id) == 0)
        return account;
    account = calloc(1, sizeof *account);
    if (account == NULL)
        return NULL;
    account->id = *id;
    TAILQ_INIT(&account->queue);
    LIST_INSERT_HEAD(&load->accounts, account, in_all);
    return account;
}

void thumbnail_request_unqueue(struct thumbnail_request *request)
{
    if (request->is_queued)
        TAILQ_REMOVE(&request->account->queue, request, in_queue);
    request->is_queued = false;
}

void thumbnail_request_queue(struct thumbnail_request *request)
{
    if (!request->is_queued)
        TAILQ_INSERT_TAIL(&request->account->queue, request, in_queue);
    request->is_queued = true;
}

int thumbnail_request_ahead(const struct services *services, const struct thumbnail_request *request)
{
    const struct thumbnail_request *one;
    int count = request->account->making >= services->config.thumbnail_account_at_once;

    TAILQ_FOREACH(one, &request->account->queue, in_queue)
    {
        if (one == request)
            break;
        count++;
    }
    return count;
}

void thumbnail_request_set_child(struct thumbnail_request *request, struct zygote_job *child)
{
    request->load->children += (child != NULL) - (request->child != NULL);
    request->child = child;
}

void thumbnail_request_set_image(struct thumbnail_request *request, int image)
{
    if (request->image >= 0)
        close(request->image);
    *request->images += (image >= 0) - (request->image >= 0);
    request->image = image;
}

void thumbnail_request_set_claim(struct thumbnail_request *request, bool has_claim)
{
    request->account->making += has_claim - request->has_claim;
    request->has_claim = has_claim;
}

static void release(void *arg)
{
    struct thumbnail_request *request = arg;
    struct thumbnail_account *account = request->account;

    thumbnail_request_unqueue(request);
    thumbnail_request_set_child(request, NULL);
    thumbnail_request_set_image(request, -1);
    thumbnail_request_set_claim(request, false);
    if (--account->count > 0)
        return;
    LIST_REMOVE(account, in_all);
    free(account);
}

bool thumbnail_request_enter(struct exchange *x, struct thumbnail_request *request, struct err *err)
{
    request->account = account_of(request->load, &request->original.account);
    if (request->account == NULL)
        return err_memory(err);
    request->account->count++;
    if (!arena_defer(&x->arena, release, request)) {
        release(request);
        return err_memory(err);
    }
    if (request->account->count > ACCOUNT_WAITING_MAX) {
        err_set(err, ERR_LIMIT, "too many thumbnails of this account are asked for at once; ask again later");
        err->retry_after_s = 1;
        return false;
    }
    return true;
}
