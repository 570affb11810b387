#include "app/page/query.h"

#include "http/form.h"

bool query_text(struct exchange *x, const char *name, const char **text, struct err *err)
{
    const char *second;
    size_t at = 0;

    if (!form_next(&x->arena, x->request.query, &at, name, text, err))
        return false;
    if (*text == NULL)
        return true;
    if (!form_next(&x->arena, x->request.query, &at, name, &second, err))
        return false;
    return second == NULL || err_field(err, ERR_INPUT, name, "%s: given twice", name);
}

const char *query_page_text(struct exchange *x, const char *name)
{
    const char *text = NULL;
    size_t at = 0;

    for (;;) {
        struct err unreadable = {.kind = ERR_NONE};

        if (form_next(&x->arena, x->request.query, &at, name, &text, &unreadable) || unreadable.kind != ERR_INPUT)
            return text;
    }
}
