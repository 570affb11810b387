#include "app/api.h"
#include "app/file/file_answer.h"
#include "app/file/file_typing.h"
#include "app/once.h"
#include "app/page/query.h"
#include "base/decimal.h"
#include "http/disposition.h"
#include "http/multipart.h"
#include "store/account.h"
#include "store/upload_whole.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Earlier attempts that make room one after the other: as many as nginx makes (fastcgi_next_upstream_tries). */
enum {
    ATTEMPTS_MAX = 4,
    /*
     * Files of a small form that have no row before the end. Each is a statement of the last transaction, in which nobody else has a turn;
     * the rows of more are made before, and others have theirs between (t/4231).
     */
    WHOLE_FILES_MAX = 16,
};

/* What stands for the bodies of the most files of the longest names, and for what was said of them; a length has 3 digits. */
enum {
    FILES_MAX_BYTES = MULTIPART_PARTS_MAX * (SHA256_BYTES + DISPOSITION_NAME_BYTES),
    MEANING_MAX_BYTES = MULTIPART_PARTS_MAX * (MULTIPART_NAME_MAX + DISPOSITION_NAME_BYTES + MEDIA_TYPE_BYTES + 3 * 4),
};

/*
 * POST /upload: a form's files or a raw body, streamed. Each file is a pending row of its own from its first byte on, unless the whole
 * request is small; all are committed together with the outcome, so a request that is tried again gives the first one's files.
 *
 * An earlier attempt may have taken the very room that this one is refused; only then is it looked for. One that was done
 * is answered by once, and the body only passes through the hash that compares the two; of one that was cut off the pending
 * rows are dropped, which are known by their holder: the beginning of the outcome's key.
 */

/* One file of the request. */
struct received {
    struct upload *upload; /* NULL: the request was done before, nothing is stored */
    const char *name;
    const char *field;  /* of the form; "" of a raw body */
    const char *type;   /* as declared */
    struct sha256 hash; /* without an upload, which has its own */
    struct file_typing *typing;
    bool photo; /* the form's field "photo": the profile's picture */
    struct received *next;
};

/* A part whose file name is empty: a file input in which nothing was chosen, unless bytes come. */
struct nameless {
    bool waits;
    const char *field, *type;
    int64_t most;
};

struct receiving {
    struct multipart parser;
    bool raw;
    bool is_small;              /* all of it can be held until it is committed (store/upload_whole.h) */
    bool done;                  /* by an earlier attempt */
    bool has_chunk, has_chunks; /* fields of these names */
    struct once_keys keys;
    struct uuid holder;
    struct received *first, **last;
    struct received *open; /* whose bytes come just now; NULL: a field that is no file */
    struct nameless nameless;
};

static bool look_for_outcome(struct exchange *x, struct err *err)
{
    struct receiving *receiving = x->stream;
    struct outcome outcome;
    enum db_rc rc = DB_NONE;

    receiving->done = false;
    for (size_t i = 0; rc != DB_FAIL && !receiving->done && i < receiving->keys.count; i++) {
        rc = outcome_find(x->services->sessions.db, &x->arena, &receiving->keys.keys[i], &outcome, err);
        receiving->done = rc == DB_ROW && outcome.sealed != NULL;
    }
    return rc != DB_FAIL;
}

/* By which an attempt of a worker is known whose secret has this key as its first. */
static struct uuid holder_of(const struct once_keys *keys, size_t secret_key)
{
    struct uuid holder;

    memcpy(holder.bytes, keys->keys[secret_key].key, sizeof holder.bytes);
    return holder;
}

static bool give_back(struct exchange *x, int64_t *dropped, struct err *err)
{
    const struct receiving *receiving = x->stream;
    struct uuid *ours;
    size_t count = 0;

    for (const struct received *received = receiving->first; received != NULL; received = received->next)
        count++;
    ours = arena_alloc(&x->arena, (count + 1) * sizeof *ours);
    if (ours == NULL)
        return err_memory(err);
    count = 0;
    for (const struct received *received = receiving->first; received != NULL; received = received->next)
        ours[count++] = received->upload->file.id;
    *dropped = 0;
    for (size_t i = 0; i < receiving->keys.count; i++) {
        const struct uuid holder = holder_of(&receiving->keys, i);
        int64_t more;

        if (!file_give_back(&x->services->files, &x->arena, &x->session.account, &holder, ours, count, &more, err))
            return false;
        *dropped += more;
    }
    return true;
}

/* *found: an earlier attempt was done, or it was not and its room is free again. */
static bool find_earlier(struct exchange *x, bool *found, struct err *err)
{
    const struct receiving *receiving = x->stream;
    int64_t dropped = 0;

    if (!look_for_outcome(x, err) || (!receiving->done && !give_back(x, &dropped, err)))
        return false;
    /* Again, since one that was committed between the two is not pending any more. */
    if (!receiving->done && dropped == 0 && !look_for_outcome(x, err))
        return false;
    *found = receiving->done || dropped > 0;
    return true;
}

/* Makes the row, unless receiving->done is set. */
static bool create(struct exchange *x, const struct file_plan *plan, struct file *file, struct err *err)
{
    const struct receiving *receiving = x->stream;

    for (int earlier = 0; !receiving->done; earlier++) {
        struct err refused = {.kind = ERR_NONE};
        bool found = false;

        if (file_create(&x->services->files, &x->arena, &x->session.account, plan, file, &refused))
            return true;
        if (refused.kind == ERR_LARGE && earlier < ATTEMPTS_MAX && !find_earlier(x, &found, err))
            return false;
        if (!found) {
            *err = refused;
            return false;
        }
    }
    return true;
}

/* Makes the upload; its row too, unless all of the request is held until the end. A profile's picture locks its account before the file. */
static bool begin_upload(struct exchange *x, const struct file_plan *plan, struct received *received, struct err *err)
{
    struct file_store *files = &x->services->files;
    const struct receiving *receiving = x->stream;
    struct received *last = NULL;
    struct file file;
    int before = 0;

    for (struct received *one = receiving->first; one != NULL; one = one->next, before++)
        last = one;
    if (receiving->is_small && !received->photo && before < WHOLE_FILES_MAX)
        return upload_whole_new(files, &x->arena, &x->session.account, plan, last != NULL ? last->upload : NULL,
                                &received->upload, err);
    /* A form may have many, each takes some transactions, and the block of one is in memory at a time. */
    if (last != NULL)
        (void)!db_give_way(x->services->sessions.db);
    return (last == NULL || last->upload == NULL || upload_settle(last->upload, err)) && create(x, plan, &file, err) &&
           (receiving->done || upload_open_made(files, &x->arena, &file, &receiving->holder, &received->upload, err));
}

static bool begin_file(struct exchange *x, const char *field, const char *name, size_t name_length, const char *type,
                       int64_t size, int64_t most, struct err *err)
{
    struct receiving *receiving = x->stream;
    char *safe = arena_alloc(&x->arena, DISPOSITION_NAME_BYTES), *key = arena_alloc(&x->arena, DISPOSITION_KEY_BYTES);
    char *claimed = arena_alloc(&x->arena, MEDIA_TYPE_BYTES);
    struct received *received = arena_zalloc(&x->arena, sizeof *received);
    struct file_plan *plan = arena_alloc(&x->arena, sizeof *plan);

    if (safe == NULL || key == NULL || claimed == NULL || received == NULL || plan == NULL)
        return err_memory(err);
    if (size > x->services->config.file_max_bytes)
        return err_set(err, ERR_LARGE, "a file may have at most %lld bytes",
                       (long long)x->services->config.file_max_bytes);
    disposition_name(name, name_length, safe);
    disposition_key(safe, strlen(safe), key);
    media_type_normalise(type, claimed);
    *plan = (struct file_plan){.via = "upload",
                               .name = safe,
                               .object_name = key,
                               .claimed_type = claimed,
                               .metadata = "",
                               .size = size,
                               .reserve = most > 0 ? most : 0,
                               .holder = &receiving->holder};
    received->photo = strcmp(field, "photo") == 0;
    if (!begin_upload(x, plan, received, err))
        return false;
    received->name = safe;
    sha256_init(&received->hash);
    received->field = arena_strdup(&x->arena, field);
    received->type = claimed;
    if (received->field == NULL)
        return err_memory(err);
    *receiving->last = received;
    receiving->last = &received->next;
    receiving->open = received;
    return true;
}

static bool end_file(struct exchange *x, struct err *err)
{
    struct receiving *receiving = x->stream;
    struct received *received = receiving->open;

    if (received == NULL || received->upload == NULL) {
        receiving->open = NULL;
        return true;
    }
    if (!upload_seal(received->upload, err) || !file_typing_begin(x, received->upload, &received->typing, err) ||
        !upload_trim(received->upload, err))
        return false;
    upload_shed(received->upload);
    receiving->open = NULL;
    return true;
}

/*
 * What follows the last part: CR LF, two hyphens, the boundary, two hyphens, and a CR LF that everybody sends. Who does not
 * has two bytes more, which are counted when they come.
 */
static int64_t closing_bytes(const struct receiving *receiving)
{
    return (int64_t)receiving->parser.delimiter_length + 4;
}

static bool refuse_chunk(const char *field, struct err *err)
{
    return err_field(
        err, ERR_VALUE, field,
        "%s: this is a part of a file, and would become a file of its own; send the file as a whole, or in "
        "parts by tus to /uploads",
        field);
}

/*
 * Fields by which uploaders number the parts that they cut files into: Dropzone, Resumable.js, Flow.js, Fine Uploader; and
 * Plupload, whose two names have another meaning elsewhere unless they come together.
 */
static bool check_field(struct receiving *receiving, const char *name, struct err *err)
{
    static const char *const fields[] = {"dzchunkindex", "resumableChunkNumber", "flowChunkNumber", "qqpartindex"};

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (strcmp(fields[i], name) == 0)
            return refuse_chunk(fields[i], err);
    receiving->has_chunk = receiving->has_chunk || strcmp(name, "chunk") == 0;
    receiving->has_chunks = receiving->has_chunks || strcmp(name, "chunks") == 0;
    return !receiving->has_chunk || !receiving->has_chunks || refuse_chunk("chunk", err);
}

static bool part_begin(void *user, const struct multipart_part *part, struct err *err)
{
    struct exchange *x = user;
    struct receiving *receiving = x->stream;
    int64_t most = x->request.content_length - part->offset - closing_bytes(receiving);

    if (part->filename == NULL && !check_field(receiving, part->name, err))
        return false;
    if (part->filename == NULL)
        return true;
    if (part->filename_length == 0) {
        receiving->nameless =
            (struct nameless){true, arena_strdup(&x->arena, part->name), arena_strdup(&x->arena, part->type), most};
        return (receiving->nameless.field != NULL && receiving->nameless.type != NULL) || err_memory(err);
    }
    return begin_file(x, part->name, part->filename, part->filename_length, part->type, -1, most, err);
}

static bool add(struct received *received, const void *bytes, size_t length, struct err *err)
{
    if (received->upload != NULL)
        return upload_add(received->upload, bytes, length, err);
    sha256_add(&received->hash, bytes, length);
    return true;
}

static bool part_data(void *user, const void *bytes, size_t length, struct err *err)
{
    struct exchange *x = user;
    struct receiving *receiving = x->stream;
    const struct nameless *nameless = &receiving->nameless;

    if (nameless->waits && !begin_file(x, nameless->field, "", 0, nameless->type, -1, nameless->most, err))
        return false;
    receiving->nameless.waits = false;
    return receiving->open == NULL || add(receiving->open, bytes, length, err);
}

static bool part_end(void *user, struct err *err)
{
    struct exchange *x = user;
    struct receiving *receiving = x->stream;

    receiving->nameless.waits = false;
    return end_file(x, err);
}

static bool take(struct exchange *x, const void *bytes, size_t length, struct err *err)
{
    struct receiving *receiving = x->stream;

    return receiving->raw ? add(receiving->open, bytes, length, err)
                          : multipart_feed(&receiving->parser, bytes, length, err);
}

static bool set_photo(struct exchange *x, const struct received *received, struct err *err)
{
    const char *type = received->typing->type;

    if (strncmp(type, "image/", strlen("image/")) != 0)
        return err_field(err, ERR_TYPE, "photo", "photo: this is %s, not an image", type);
    return account_set_photo(x->services->sessions.db, &x->arena, &x->session.account, &received->upload->file.id,
                             err) != DB_FAIL &&
           session_ids_of(&x->services->sessions, &x->arena, &x->session.account, &x->forgets, err);
}

static bool add_location(struct exchange *x, const struct file *file, struct err *err)
{
    char id[UUID_TEXT_BYTES], location[sizeof "/files/" + UUID_TEXT_BYTES];

    uuid_format(&file->id, id);
    snprintf(location, sizeof location, "/files/%s", id);
    return response_header(&x->response, "Location", location, err);
}

/* An id a line, for clients that keep what they are answered as a file's name, such as FilePond. */
static bool answer_ids(struct exchange *x, const struct received *first, struct err *err)
{
    x->response.type = "text/plain; charset=utf-8";
    for (const struct received *received = first; received != NULL; received = received->next) {
        char id[UUID_TEXT_BYTES];

        uuid_format(&received->upload->file.id, id);
        if (!buf_printf(&x->response.body, "%s%s", received != first ? "\n" : "", id))
            return err_memory(err);
    }
    return first->next != NULL || add_location(x, &first->upload->file, err);
}

static bool answer(struct exchange *x, const struct received *first, struct err *err)
{
    struct buf *body = &x->response.body;
    bool several = first->next != NULL;

    x->response.status = 201;
    if (request_wants_text(&x->request))
        return answer_ids(x, first, err);
    if (request_wants_page(&x->request))
        return response_see_other(&x->response, "/files?uploaded=1", err);
    if (!several)
        return file_answer_add(body, &first->upload->file, err) && add_location(x, &first->upload->file, err);
    if (!buf_add_string(body, "{\"files\":["))
        return err_memory(err);
    for (const struct received *received = first; received != NULL; received = received->next)
        if ((received != first && !buf_add_string(body, ",")) || !file_answer_add(body, &received->upload->file, err))
            return err_set(err, ERR_BUG, "answer is too long");
    return buf_add_string(body, "]}") || err_memory(err);
}

/* Those that have a row, or those that have none: rows of files are locked before the account's count, which new ones change. */
static bool commit_files(struct exchange *x, const struct received *first, bool whole, struct err *err)
{
    for (const struct received *received = first; received != NULL; received = received->next) {
        struct upload *upload = received->upload;

        if ((upload->plan != NULL) != whole)
            continue;
        if (!upload_commit(upload, &x->arena, received->typing->type, err) ||
            (whole && first->next != NULL && !upload_whole_flush(upload, &x->arena, err)) ||
            (received->photo && !set_photo(x, received, err)))
            return false;
    }
    return true;
}

static bool commit(struct exchange *x, void *arg, struct err *err)
{
    const struct received *first = arg;
    const struct receiving *receiving = x->stream;

    if (receiving->done)
        return err_set(err, ERR_CONFLICT, "the outcome of this request is gone; send it again");
    return commit_files(x, first, false, err) && commit_files(x, first, true, err) && answer(x, first, err);
}

/* Files that were not committed by us: the outcome was an earlier one's, or something failed. */
static void drop(struct exchange *x)
{
    const struct receiving *receiving = x->stream;
    struct err ignored = {.kind = ERR_NONE}; /* the sweeper finds them when they are overdue */

    for (const struct received *received = receiving->first; received != NULL; received = received->next) {
        if (received->upload != NULL && received->upload->plan == NULL)
            (void)!file_give_up(&x->services->files, &x->arena, &received->upload->file.id, &x->session.account,
                                &ignored);
        if (received->next != NULL)
            (void)!db_give_way(x->services->sessions.db);
    }
}

/* Stands for the body: two requests with the same key must have sent the same files, in the same fields. */
static bool set_fingerprint(struct exchange *x, struct err *err)
{
    struct receiving *receiving = x->stream;

    buf_init(&x->body, &x->arena, FILES_MAX_BYTES);
    buf_init(&x->meaning, &x->arena, MEANING_MAX_BYTES);
    for (const struct received *received = receiving->first; received != NULL; received = received->next) {
        unsigned char digest[SHA256_BYTES];
        struct sha256 hash = received->upload != NULL ? received->upload->hash : received->hash;

        sha256_end(&hash, digest);
        if (!buf_add(&x->body, digest, sizeof digest) || !buf_add_string(&x->body, received->name) ||
            !buf_printf(&x->meaning, "%zu:%s%zu:%s%zu:%s", strlen(received->field), received->field,
                        strlen(received->name), received->name, strlen(received->type), received->type))
            return err_memory(err);
    }
    x->body_read = true;
    return true;
}

/* What was held asks for room here, where an earlier attempt may have it, of the release before. */
static bool commit_once(struct exchange *x, struct err *err)
{
    const struct receiving *receiving = x->stream;
    struct err ignored = {.kind = ERR_NONE};
    int64_t bytes = 0, files = 0;
    bool found = false;

    if (once(x, commit, receiving->first, err))
        return true;
    for (const struct received *one = receiving->first; receiving->is_small && one != NULL; one = one->next)
        if (one->upload != NULL && one->upload->plan != NULL) {
            bytes += one->upload->file.received;
            files++;
        }
    upload_whole_explain(&x->services->files, &x->arena, &x->session.account, bytes, files, err);
    if (!receiving->is_small || err->kind != ERR_LARGE || !find_earlier(x, &found, &ignored) || !found)
        return false;
    err_clear(err);
    return once(x, commit, receiving->first, err);
}

static bool finish(struct exchange *x, struct err *err)
{
    if (!set_fingerprint(x, err) || !commit_once(x, err))
        return false;
    if (x->replayed)
        drop(x);
    else
        file_point(&x->services->files, "upload-committed");
    return true;
}

/* Looks for the types, one after the other; *known: all of them are. */
static bool find_types(struct exchange *x, bool *known, struct err *err)
{
    const struct receiving *receiving = x->stream;

    *known = true;
    for (const struct received *received = receiving->first; *known && received != NULL; received = received->next) {
        if (received->typing == NULL)
            continue;
        if (!file_typing_attend(received->typing, err))
            return false;
        *known = received->typing->type != NULL;
    }
    return true;
}

static bool step(struct exchange *x, bool *done, struct err *err)
{
    if (find_types(x, done, err) && (!*done || finish(x, err)))
        return true;
    drop(x);
    return false;
}

static const struct job job = {.step = step, .quit = drop};

static bool end(struct exchange *x, bool whole, struct err *err)
{
    struct receiving *receiving = x->stream;
    bool known;

    if (!whole)
        err_set(err, ERR_INPUT, "the body was cut off");
    else if (receiving->raw)
        end_file(x, err);
    else if (multipart_finish(&receiving->parser, err) && receiving->first == NULL)
        err_set(err, ERR_VALUE, "there is no file in this form; choose one");
    if (err->kind != ERR_NONE || !find_types(x, &known, err))
        return false;
    if (known)
        return finish(x, err);
    x->job = &job;
    return true;
}

/* Of several files one block at a time is in memory. */
static size_t needs(const struct exchange *x)
{
    const struct receiving *receiving = x->stream;
    int64_t length = x->request.content_length;

    if (receiving->done)
        return 0;
    return file_block_room(&x->services->files, receiving->raw ? length : -1, length);
}

static const struct body_sink sink = {.take = take, .end = end, .drop = drop, .needs = needs};

/* A raw body's name: of Content-Disposition, or of ?name=. */
static bool begin_raw(struct exchange *x, struct err *err)
{
    char *value = arena_strdup(&x->arena, x->request.content_disposition);
    struct disposition disposition = {.filename = NULL};
    const char *name;

    if (value == NULL)
        return err_memory(err);
    if (value[0] != '\0' && !disposition_read(value, strlen(value), &disposition, err))
        return false;
    if (disposition.filename == NULL) {
        if (!query_text(x, "name", &name, err))
            return false;
        disposition.filename = name != NULL ? name : "";
        disposition.filename_length = strlen(disposition.filename);
    }
    return begin_file(x, "", disposition.filename, disposition.filename_length, x->request.content_type,
                      x->request.content_length, x->request.content_length, err);
}

static bool check_length(const struct exchange *x, int64_t length, struct err *err)
{
    if (length > x->services->config.files_max_bytes)
        return err_set(err, ERR_LARGE, "your files may have %lld bytes together",
                       (long long)x->services->config.files_max_bytes);
    return true;
}

/* Whether this session may send a body of ?length= bytes: what is hopeless is refused before a byte of it is taken. */
bool api_upload_admit(struct exchange *x, struct err *err)
{
    const char *text;
    char account[UUID_TEXT_BYTES];
    int64_t length = 0; /* nginx knows none of a body in chunks */

    if (!query_text(x, "length", &text, err))
        return false;
    if (text != NULL && text[0] != '\0' && !decimal_parse(text, 0, INT64_MAX, &length))
        return err_field(err, ERR_VALUE, "length", "length: how many bytes will come");
    if (!check_length(x, length, err))
        return false;
    x->response.status = 204;
    /* nginx counts the bodies that it holds for one account (mayfly-limits.conf). */
    uuid_format(&x->session.account, account);
    return response_header(&x->response, "X-Mayfly-Account", account, err);
}

bool api_upload(struct exchange *x, struct err *err)
{
    const struct multipart_events events = {
        .part_begin = part_begin, .part_data = part_data, .part_end = part_end, .user = x};
    struct receiving *receiving = arena_zalloc(&x->arena, sizeof *receiving);

    if (receiving == NULL)
        return err_memory(err);
    if (!check_length(x, x->request.content_length, err))
        return false;
    /* What it means for a PUT (RFC 9110, section 14.5), as some clients send their parts. */
    if (x->request.content_range[0] != '\0')
        return refuse_chunk("Content-Range", err);
    receiving->last = &receiving->first;
    receiving->raw = !request_has_type(&x->request, "multipart/form-data");
    receiving->is_small = upload_whole_fits(&x->services->files, x->request.content_length);
    if (!once_keys(x, &receiving->keys, err))
        return false;
    receiving->holder = holder_of(&receiving->keys, 0);
    x->stream = receiving;
    x->sink = &sink;
    return receiving->raw ? begin_raw(x, err)
                          : multipart_init(&receiving->parser, x->request.content_type, &events, err);
}
