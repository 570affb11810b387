#include "app/api.h"
#include "app/file/file_lookup.h"
#include "app/file/file_name.h"
#include "app/file/file_reader.h"
#include "app/file/file_redirect.h"
#include "app/file/file_tag.h"
#include "app/once.h"
#include "app/page/page.h"
#include "app/page/query.h"
#include "base/decimal.h"
#include "http/date.h"
#include "http/disposition.h"
#include "http/problem.h"
#include "http/range.h"
#include "media/media_type.h"

#include <stdio.h>
#include <string.h>

enum { PAGE_DEFAULT = 50 };

static bool absent(struct err *err)
{
    return err_set(err, ERR_ABSENT, "there is no such file of yours");
}

/* --- GET /files --- */

bool api_files_list(struct exchange *x, struct err *err)
{
    const char *contains, *before, *limit, *list;
    int64_t most = PAGE_DEFAULT;
    struct uuid before_id;

    if (request_wants_page(&x->request))
        return page_files(x, err);
    if (!query_text(x, "q", &contains, err) || !query_text(x, "before", &before, err) ||
        !query_text(x, "limit", &limit, err))
        return false;
    if (before != NULL && !uuid_parse(before, &before_id))
        return err_field(err, ERR_VALUE, "before", "before: is the id of a file");
    if (limit != NULL && !decimal_parse(limit, 1, FILE_PAGE_MAX, &most))
        return err_field(err, ERR_VALUE, "limit", "limit: from 1 to %d", FILE_PAGE_MAX);
    if (!file_list(&x->services->files, &x->arena, &x->session.account, contains != NULL ? contains : "",
                   before != NULL ? &before_id : NULL, (int)most, &list, err))
        return false;
    return buf_printf(&x->response.body, "{\"files\":%s}", list) || err_set(err, ERR_BUG, "answer is too long");
}

/* --- GET /files/ID --- */

struct sending {
    struct file_reader *reader;
    const char *at;
    size_t held; /* bytes that were read and not sent yet */
};

static bool read_on(struct exchange *x, struct sending *sending, struct err *err)
{
    const void *read;

    if (!file_reader_next(x, sending->reader, &read, &sending->held, err))
        return false;
    sending->at = read;
    return true;
}

static bool next(struct exchange *x, const void **bytes, size_t *length, struct err *err)
{
    struct sending *sending = x->stream;

    if (sending->held == 0 && !read_on(x, sending, err))
        return false;
    *length = sending->held < ANSWER_PIECE_MAX_BYTES ? sending->held : ANSWER_PIECE_MAX_BYTES;
    *bytes = sending->at;
    sending->at += *length;
    sending->held -= *length;
    return true;
}

static void rest(struct exchange *x)
{
    struct sending *sending = x->stream;

    file_reader_rest(sending->reader, sending->held);
    sending->held = 0;
}

static void expect(struct exchange *x)
{
    const struct sending *sending = x->stream;

    file_reader_expect(sending->reader);
}

static void settle(struct exchange *x)
{
    const struct sending *sending = x->stream;

    file_reader_settle(sending->reader);
}

static const struct answer_source source = {.next = next, .rest = rest, .expect = expect, .settle = settle};

static bool send_whole(struct exchange *x, const void *bytes, size_t length, struct err *err)
{
    return buf_add(&x->response.body, bytes, length) || err_memory(err);
}

static bool send_bytes(struct exchange *x, const struct file *file, const struct range *range, struct err *err)
{
    struct sending *sending = arena_zalloc(&x->arena, sizeof *sending);

    if (range->length == 0)
        return true;
    if (file->content != NULL)
        return send_whole(x, file->content + range->offset, (size_t)range->length, err);
    if (sending == NULL)
        return err_memory(err);
    if (!file_reader_new(x, file, &sending->reader, err))
        return false;
    file_reader_seek(sending->reader, range->offset, range->length);
    /*
     * Read before the head is sent, so that a storage that can't be reached is answered with 503 and not with an answer
     * that is cut off.
     */
    if (x->request.method == METHOD_GET && !read_on(x, sending, err))
        return false;
    /* Sent in one record with the head: it needs no room among the streams. */
    if (range->length <= FILE_SMALL_BYTES && sending->held == (size_t)range->length)
        return send_whole(x, sending->at, sending->held, err);
    x->stream = sending;
    x->source = &source;
    x->answer_left = range->length;
    return true;
}

static bool describe(struct exchange *x, const struct file *file, bool redirects, const char *tag, struct err *err)
{
    /*
     * nginx keeps these two headers of an answer with X-Accel-Redirect, also when the storage fails and it asks again.
     */
    bool kept = x->request.storage_failed[0] != '\0';
    char disposition[DISPOSITION_BYTES], date[DATE_BYTES];
    /* nginx would keep this header for its error page when the storage fails. */
    const char *name = redirects ? "X-Mayfly-Object-Disposition" : "Content-Disposition";

    disposition_format(media_type_inline(file->type) ? DISPOSITION_INLINE : DISPOSITION_ATTACHMENT, file->name,
                       disposition);
    date_format(file->created_at_ms, date);
    x->response.type = file->type;
    x->response.cache_control = kept ? "" : "private, no-cache";
    return response_header(&x->response, "ETag", tag, err) &&
           response_header(&x->response, "Last-Modified", date, err) &&
           (kept || response_header(&x->response, "Accept-Ranges", "bytes", err)) &&
           response_header(&x->response, name, disposition, err) &&
           response_header(&x->response, "Content-Security-Policy", "sandbox; default-src 'none'", err) &&
           response_header(&x->response, "Cross-Origin-Resource-Policy", "same-origin", err);
}

/* Answers 416 with a Content-Range, from which the client learns the length (RFC 9110, section 15.5.17). */
static bool refuse_range(struct exchange *x, const struct file *file, struct err *err)
{
    struct err refused = {.kind = ERR_NONE};
    char content_range[RANGE_TEXT_BYTES];

    err_set(&refused, ERR_RANGE, "the file has %lld bytes", (long long)file->size);
    problem_render(&refused, &x->response);
    range_format_outside(file->size, content_range);
    return response_header(&x->response, "Content-Range", content_range, err);
}

/* Finds the part of the file that is asked for. */
static enum range_answer asked_part(const struct exchange *x, const struct file *file, const char *tag,
                                    struct range *range)
{
    enum range_answer part;

    *range = (struct range){.length = file->size};
    if (x->request.method != METHOD_GET || !range_applies(x->request.if_range, tag))
        return RANGE_WHOLE;
    part = range_read(x->request.range, file->size, range);
    if (part == RANGE_WHOLE)
        *range = (struct range){.length = file->size};
    return part;
}

enum file_sends file_sends(const struct exchange *x, const struct file *file, int64_t *bytes)
{
    struct err refused = {.kind = ERR_NONE}; /* file_send reports it */
    char tag[FILE_TAG_BYTES];
    struct range range;
    bool same;

    *bytes = 0;
    file_tag(file, tag);
    if (x->request.method != METHOD_GET || !file_tag_check(x, file, &same, &refused) || same ||
        asked_part(x, file, tag, &range) == RANGE_OUTSIDE)
        return FILE_SENDS_NOTHING;
    *bytes = range.length;
    return range.offset > 0 ? FILE_SENDS_LATER : FILE_SENDS_BEGINNING;
}

bool file_send(struct exchange *x, const struct file *file, struct err *err)
{
    char tag[FILE_TAG_BYTES], content_range[RANGE_TEXT_BYTES];
    bool same, redirects;
    enum range_answer part;
    struct range range;

    file_tag(file, tag);
    /* Conditions are evaluated before the range (RFC 9110, section 13.2.2). */
    if (!file_tag_check(x, file, &same, err))
        return false;
    part = asked_part(x, file, tag, &range);
    if (!same && part == RANGE_OUTSIDE)
        return refuse_range(x, file, err);
    redirects = !same && file_redirects(x, file, &range);
    if (!describe(x, file, redirects, tag, err))
        return false;
    if (same) {
        x->response.status = 304;
        return true;
    }
    if (part == RANGE_PART) {
        x->response.status = 206;
        range_format(&range, file->size, content_range);
        if (!response_header(&x->response, "Content-Range", content_range, err))
            return false;
    }
    return redirects ? file_redirect(x, file, &range, err) : send_bytes(x, file, &range, err);
}

bool api_files_get(struct exchange *x, struct err *err)
{
    /* The content is not read for an answer that may be 304. */
    bool sends = x->request.method == METHOD_GET && x->request.if_none_match[0] == '\0';
    struct file file;

    return (sends ? file_lookup_small(x, &file, err) : file_lookup(x, &file, err)) && file_send(x, &file, err);
}

/* --- PATCH and DELETE /files/ID --- */

struct renaming {
    struct uuid id;
    char name[DISPOSITION_NAME_BYTES];
};

static bool rename_file(struct exchange *x, void *arg, struct err *err)
{
    const struct renaming *renaming = arg;

    if (!file_tag_check_change(x, &renaming->id, err))
        return false;
    if (file_rename(&x->services->files, &x->arena, &renaming->id, &x->session.account, renaming->name, err) != DB_ROW)
        return absent(err);
    if (request_wants_page(&x->request))
        return response_see_other(&x->response, "/files?renamed=1", err);
    x->response.status = 204;
    return true;
}

bool api_files_rename(struct exchange *x, struct err *err)
{
    struct renaming renaming;
    const char *name;

    if (!file_lookup_id(x, &renaming.id, err) || !exchange_field(x, "name", &name, err) ||
        !file_name_read(name, renaming.name, err))
        return false;
    return once(x, rename_file, &renaming, err);
}

static bool drop(struct exchange *x, void *arg, struct err *err)
{
    const struct uuid *id = arg;

    if (!file_tag_check_change(x, id, err))
        return false;
    if (file_drop(&x->services->files, &x->arena, id, &x->session.account, err) != DB_ROW)
        return absent(err);
    if (request_wants_page(&x->request))
        return response_see_other(&x->response, "/files?deleted=1", err);
    x->response.status = 204;
    return true;
}

bool api_files_delete(struct exchange *x, struct err *err)
{
    struct uuid id;

    return file_lookup_id(x, &id, err) && once(x, drop, &id, err);
}
