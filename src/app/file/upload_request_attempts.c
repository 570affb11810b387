#include "app/file/upload_request.h"

#include <string.h>

/*
 * An earlier attempt of this request, on a worker that was killed or did not answer in time, may occupy the room that
 * this one needs. It is looked for only when this attempt has no room. When it was committed, once answers with its
 * outcome, and the rest of the body is read only for the hash that compares the two bodies. When it was not, its
 * pending files are dropped.
 */

/* Sets request->done when an earlier attempt was committed. */
static bool look_for_outcome(struct exchange *x, struct err *err)
{
    struct upload_request *request = x->stream;
    struct outcome outcome;
    enum db_rc rc = DB_NONE;

    request->done = false;
    for (size_t i = 0; rc != DB_FAIL && !request->done && i < request->keys.count; i++) {
        rc = outcome_find(x->services->sessions.db, &x->arena, &request->keys.keys[i], &outcome, err);
        request->done = rc == DB_ROW && outcome.sealed != NULL;
    }
    return rc != DB_FAIL;
}

struct uuid upload_request_holder(const struct once_keys *keys, size_t secret_key)
{
    struct uuid holder;

    memcpy(holder.bytes, keys->keys[secret_key].key, sizeof holder.bytes);
    return holder;
}

/* Drops the pending files of earlier attempts, but not the files of this one. */
static bool give_back(struct exchange *x, int64_t *dropped, struct err *err)
{
    const struct upload_request *request = x->stream;
    struct uuid *ours;
    size_t count = 0;

    for (const struct upload_request_file *received = request->first; received != NULL; received = received->next)
        count++;
    ours = arena_alloc(&x->arena, (count + 1) * sizeof *ours);
    if (ours == NULL)
        return err_memory(err);
    count = 0;
    for (const struct upload_request_file *received = request->first; received != NULL; received = received->next)
        ours[count++] = received->upload->file.id;
    *dropped = 0;
    for (size_t i = 0; i < request->keys.count; i++) {
        const struct uuid holder = upload_request_holder(&request->keys, i);
        int64_t more;

        if (!file_give_back(&x->services->files, &x->arena, &x->session.account, &holder, ours, count, &more, err))
            return false;
        *dropped += more;
    }
    return true;
}

bool upload_request_find_earlier(struct exchange *x, bool *found, struct err *err)
{
    const struct upload_request *request = x->stream;
    int64_t dropped = 0;

    if (!look_for_outcome(x, err) || (!request->done && !give_back(x, &dropped, err)))
        return false;
    /* Looks again: an attempt that was committed between the two calls has no pending files. */
    if (!request->done && dropped == 0 && !look_for_outcome(x, err))
        return false;
    *found = request->done || dropped > 0;
    return true;
}
