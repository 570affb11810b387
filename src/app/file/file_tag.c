#include "app/file/file_tag.h"

#include "http/precondition.h"

#include <stdio.h>

void file_tag(const struct file *file, char tag[FILE_TAG_BYTES])
{
    char hex[SHA256_HEX_BYTES];

    sha256_hex(file->sha256, hex);
    snprintf(tag, FILE_TAG_BYTES, "\"%s\"", hex);
}

bool file_tag_check(const struct exchange *x, const struct file *file, bool *same, struct err *err)
{
    char tag[FILE_TAG_BYTES];
    struct validators validators = {.tag = NULL};

    if (file->state == FILE_COMMITTED) {
        file_tag(file, tag);
        validators = (struct validators){.tag = tag, .modified_ms = file->created_at_ms};
    }
    return precondition_check(&x->request, &validators, same, err);
}

bool file_tag_check_change(struct exchange *x, const struct uuid *id, struct err *err)
{
    struct file file;
    bool same;

    if (!precondition_given(&x->request))
        return true;
    switch (file_find(&x->services->files, &x->arena, id, &x->session.account, &file, err)) {
    case DB_FAIL:
        return false;
    case DB_NONE:
        return err_set(err, ERR_ABSENT, "there is no such file of yours");
    case DB_ROW:
        break;
    }
    return file_tag_check(x, &file, &same, err);
}
