#include "app/file/file_lookup.h"

static bool no_upload(struct err *err)
{
    return err_set(err, ERR_ABSENT, "there is no such upload of yours; it may have expired");
}

bool file_lookup_upload(struct exchange *x, const struct uuid *id, struct file *file, struct err *err)
{
    return file_find(&x->services->files, &x->arena, id, &x->session.account, file, err) == DB_ROW || no_upload(err);
}

bool file_lookup_lease(struct exchange *x, const struct uuid *id, struct upload **upload, struct err *err)
{
    return upload_open(&x->services->files, &x->arena, id, &x->session.account, upload, err) == DB_ROW ||
           no_upload(err);
}

bool file_lookup_id(const struct exchange *x, struct uuid *id, struct err *err)
{
    return uuid_parse(x->match.parameter, id) || err_set(err, ERR_ABSENT, "there is no such file of yours");
}

static bool find(struct exchange *x, struct file *file,
                 enum db_rc (*finder)(struct file_store *, struct arena *, const struct uuid *, const struct uuid *,
                                      struct file *, struct err *),
                 struct err *err)
{
    struct uuid id;

    return file_lookup_id(x, &id, err) &&
           ((finder(&x->services->files, &x->arena, &id, &x->session.account, file, err) == DB_ROW &&
             file->state == FILE_COMMITTED) ||
            err_set(err, ERR_ABSENT, "there is no such file of yours"));
}

bool file_lookup(struct exchange *x, struct file *file, struct err *err)
{
    return find(x, file, file_find, err);
}

bool file_lookup_small(struct exchange *x, struct file *file, struct err *err)
{
    return find(x, file, file_find_small, err);
}
