#include "app/page/keys_page.h"

#include "app/page/page_limit.h"
#include "app/page/values.h"
#include "store/key.h"

#include <string.h>

/* Whether the session has just logged in, so that a key can be made. */
static bool set_recent(struct exchange *x, json_t *values, struct err *err)
{
    switch (session_recent(&x->services->sessions, &x->arena, &x->session, KEY_RECENT_S, err)) {
    case DB_FAIL:
        return false;
    case DB_NONE:
        return true;
    case DB_ROW:
        break;
    }
    return values_set_true(values, "may_make_keys") || err_memory(err);
}

static bool add_state(json_t *key)
{
    json_t *sites = json_object_get(key, "sites");

    return !json_is_null(sites) || (json_object_del(key, "sites") == 0 && values_set_true(key, "all_sites"));
}

bool keys_page_fill(struct exchange *x, json_t *values, struct err *err)
{
    const char *list;
    json_t *keys, *key;
    size_t index, count;

    if (!key_list(&x->services->sessions, &x->arena, &x->session.account, &list, err) ||
        !json_read(&x->arena, list, strlen(list), &keys, err))
        return false;
    for (count = json_array_size(keys); json_array_size(keys) > PAGE_KEYS_MAX;)
        json_array_remove(keys, PAGE_KEYS_MAX);
    json_array_foreach(keys, index, key)
    {
        if (!add_state(key))
            return err_memory(err);
    }
    if (json_object_set(values, "keys", keys) != 0 || (count > PAGE_KEYS_MAX && !values_set_true(values, "more_keys")))
        return err_memory(err);
    return set_recent(x, values, err);
}

bool keys_page_fill_new(struct exchange *x, json_t *values, struct err *err)
{
    const struct buf *body = &x->response.body;
    json_t *answer, *key = json_object();
    const char *text, *expires_at;

    if (key == NULL || json_object_set_new(values, "new_key", key) != 0)
        return err_memory(err);
    if (!json_read_object(&x->arena, body->bytes, body->length, &answer, err) ||
        !json_text(answer, "key", &text, err) || !json_text(answer, "expires_at", &expires_at, err))
        return false;
    return (values_set_text(key, "text", text) && values_set_text(key, "expires_at", expires_at)) || err_memory(err);
}

bool keys_page_typed(const struct exchange *x, json_t *values)
{
    static const struct {
        const char *field, *input;
    } inputs[] = {{"name", "key_name"}, {"sites", "key_sites"}};

    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
        const json_t *typed = json_object_get(x->fields, inputs[i].field);

        if (json_is_string(typed) && json_string_length(typed) <= PAGE_TYPED_BYTES &&
            !values_set_text(values, inputs[i].input, json_string_value(typed)))
            return false;
    }
    return true;
}

const char *keys_page_input(const char *field)
{
    static const char *const inputs[][2] = {
        {"name", "key_name"}, {"sites", "key_sites"}, {"scopes", "key_scopes"}, {"expires_in", "key_end"}};

    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++)
        if (strcmp(inputs[i][0], field) == 0)
            return inputs[i][1];
    return "";
}
