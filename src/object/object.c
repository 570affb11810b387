#include "object/object.h"

#include "db/db.h"
#include "object/object_postgres.h"
#include "object/object_s3.h"
#include "object/s3.h"

#include <string.h>

/* All back ends. */
static const struct object_ops *const back_ends[] = {
    &object_postgres,
    &object_s3,
    NULL,
};

const struct object_ops *const *object_ops_all(void)
{
    return back_ends;
}

const struct object_ops *object_ops_named(const char *name)
{
    for (size_t i = 0; back_ends[i] != NULL; i++)
        if (strcmp(back_ends[i]->name, name) == 0)
            return back_ends[i];
    return NULL;
}

const struct object_ops *object_ops_of_config(const struct config *config)
{
    return object_ops_named(config->objects);
}

bool object_write(struct object_store *store, const struct object_ops *ops,
                  bool (*work)(struct db *, void *, struct err *), void *arg, struct err *err)
{
    return ops->in_database ? db_transaction(store->db, work, arg, err) : work(store->db, arg, err);
}

bool object_reachable(const struct object_store *store, const struct object_ops *ops)
{
    return ops != &object_s3 || store->s3 != NULL;
}

const char *object_tag(struct arena *arena, const char *text)
{
    return s3_tag(arena, text);
}

bool object_key_check(const char *key, struct err *err)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
    size_t length = strlen(key);

    if (strncmp(key, OBJECT_PREFIX, strlen(OBJECT_PREFIX)) != 0 || length > OBJECT_KEY_MAX ||
        strspn(key, allowed) != length)
        return err_set(err, ERR_BUG, "an object can't have the key '%.128s'", key);
    return true;
}
