#include "app/file/file_finish.h"

#include "app/file/file_typing.h"
#include "store/file_parts.h"

#include <string.h>

/* A sealed upload whose type is being found. */
struct finishing {
    struct upload *upload;
    struct file_typing *typing;
    file_finish_answer *answer;
};

struct commit {
    struct upload *upload;
    const char *type;
    struct exchange *x;
};

static bool commit(struct db *db, void *arg, struct err *err)
{
    const struct commit *commit = arg;
    struct upload *upload = commit->upload;
    struct arena *arena = &commit->x->arena;

    (void)db;
    return upload_commit(upload, arena, commit->type, err) &&
           (upload->file.concat[0] == '\0' ||
            file_parts_drop(&commit->x->services->files, arena, &upload->file.id, err)) &&
           session_confirm(&commit->x->services->sessions, &commit->x->session, err);
}

/*
 * Keeps the bytes after an error, such as a storage that can't be reached; the next HEAD tries again. When the request
 * will be run again the upload stays open.
 */
static bool keep_what_came(struct upload *upload, const struct err *reason)
{
    struct err ignored = {.kind = ERR_NONE}; /* the first error is reported */

    if (reason->busy)
        return false;
    if (upload->file.sealed)
        upload_leave(upload);
    else
        (void)!upload_keep(upload, &ignored);
    return false;
}

static bool tell(struct exchange *x, const struct upload *upload, file_finish_answer *answer, struct err *err)
{
    return answer == NULL || answer(x, &upload->file, err);
}

static bool finish(struct exchange *x, const struct finishing *finishing, struct err *err)
{
    struct commit work = {.upload = finishing->upload, .type = finishing->typing->type, .x = x};

    if (!db_transaction(x->services->files.db, commit, &work, err))
        return false;
    file_point(&x->services->files, "upload-committed");
    return tell(x, finishing->upload, finishing->answer, err);
}

static bool step(struct exchange *x, bool *done, struct err *err)
{
    const struct finishing *finishing = x->stream;

    if (!file_typing_attend(finishing->typing, err))
        return keep_what_came(finishing->upload, err);
    *done = finishing->typing->type != NULL;
    return !*done || finish(x, finishing, err) || keep_what_came(finishing->upload, err);
}

/* The next request for the upload finds it sealed, and commits it. */
static void quit(struct exchange *x)
{
    const struct finishing *finishing = x->stream;

    upload_leave(finishing->upload);
}

static const struct job job = {.step = step, .quit = quit};

bool file_finish_sealed(struct exchange *x, struct upload *upload, file_finish_answer *answer, struct err *err)
{
    struct finishing *finishing = arena_alloc(&x->arena, sizeof *finishing);

    if (finishing == NULL)
        return err_memory(err);
    *finishing = (struct finishing){.upload = upload, .answer = answer};
    if (!file_typing_begin(x, upload, &finishing->typing, err))
        return false;
    if (finishing->typing->type != NULL)
        return finish(x, finishing, err);
    x->stream = finishing;
    x->job = &job;
    return true;
}

bool file_finish(struct exchange *x, struct upload *upload, file_finish_answer *answer, struct err *err)
{
    if (strcmp(upload->file.via, "part") == 0) {
        if (!upload_seal(upload, err))
            return keep_what_came(upload, err);
        upload_leave(upload);
        return tell(x, upload, answer, err);
    }
    return (upload_seal(upload, err) && file_finish_sealed(x, upload, answer, err)) || keep_what_came(upload, err);
}
