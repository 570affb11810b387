#include "app/file/tus_receive.h"

#include "app/file/file_lookup.h"
#include "app/file/tus_upload.h"

#include <string.h>

static bool take(struct exchange *x, const void *bytes, size_t length, struct err *err)
{
    struct tus_body *body = x->stream;

    if (body->checksum.algorithm == TUS_SHA256)
        sha256_add(&body->sha256, bytes, length);
    if (body->checksum.algorithm == TUS_SHA1 && !sha1_add(&body->sha1, bytes, length))
        return err_memory(err);
    return upload_add(body->upload, bytes, length, err);
}

static bool checksum_right(struct tus_body *body)
{
    unsigned char digest[TUS_DIGEST_MAX];

    if (body->checked)
        return true;
    switch (body->checksum.algorithm) {
    case TUS_NO_CHECKSUM:
        return true;
    case TUS_SHA1:
        if (!sha1_end(&body->sha1, digest))
            return false;
        break;
    case TUS_SHA256:
        sha256_end(&body->sha256, digest);
        break;
    }
    body->checked = memcmp(digest, body->checksum.digest, body->checksum.length) == 0;
    return body->checked;
}

/* Whether only a lost answer names this upload: no client can continue it then. */
static bool is_unknown(const struct exchange *x, const struct tus_body *body)
{
    return body->created && x->request.idempotency_key[0] == '\0';
}

static bool end(struct exchange *x, bool whole, struct err *err)
{
    struct tus_body *body = x->stream;
    struct upload *upload = body->upload;

    if (!checksum_right(body) || (!whole && body->checksum.algorithm != TUS_NO_CHECKSUM))
        return err_set(err, ERR_CHECKSUM, "the bytes have another checksum; none of them were kept");
    if (!whole && is_unknown(x, body))
        return err_set(err, ERR_INPUT, "the body was cut off");
    x->response.status = body->created ? 201 : 204;
    return tus_is_complete(&upload->file) ? file_finish(x, upload, tus_answer_offset, err)
                                          : upload_keep(upload, err) && tus_answer_offset(x, &upload->file, err);
}

/*
 * Keeps what is in the row; the client is told no offset for the rest. Bytes with a checksum may be wrong, and a block
 * of them that the storage has not answered may still be written. It must not arrive after the right one, so the lease
 * then stays until it expires.
 */
static void leave(struct exchange *x)
{
    struct tus_body *body = x->stream;
    struct err ignored = {.kind = ERR_NONE}; /* the sweeper removes what remains */

    if (x->failure.kind != ERR_DOWN || !body->upload->hold)
        upload_leave(body->upload);
    if (is_unknown(x, body))
        (void)!file_give_up(&x->services->files, &x->arena, &body->upload->file.id, &x->session.account, &ignored);
}

static size_t holds(const struct exchange *x)
{
    const struct tus_body *body = x->stream;

    return body->upload->room;
}

static void rest(struct exchange *x)
{
    const struct tus_body *body = x->stream;

    upload_rest(body->upload);
}

static const struct body_sink sink = {.take = take, .end = end, .drop = leave, .holds = holds, .rest = rest};

bool tus_receive(struct exchange *x, const struct uuid *id, struct tus_body *body, struct err *err)
{
    if (!tus_checksum_read(x->request.upload_checksum, &body->checksum, err) ||
        !file_lookup_lease(x, id, &body->upload, err))
        return false;
    sha256_init(&body->sha256);
    if (body->checksum.algorithm == TUS_SHA1 && !sha1_init(&body->sha1, &x->arena))
        return err_memory(err);
    body->upload->hold = body->checksum.algorithm != TUS_NO_CHECKSUM;
    x->stream = body;
    x->sink = &sink;
    return true;
}
