#include "app/gate/gate_page.h"

#include "app/gate/gate.h"
#include "app/gate/ticket.h"
#include "http/problem.h"
#include "http/template.h"

/* Of what the pages need alone: their style, from the site itself. */
#define POLICY "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
static const char policy[] = POLICY "form-action 'none'",
                  policy_of_scripts[] = POLICY "form-action 'none'; script-src 'self'";

/*
 * A row of rules as whoever did not pass may read it: neither who else passes nor from where. NULL when memory is out,
 * "" when it is for nobody whom this could concern.
 */
static const char *row_in_words(struct exchange *x, const struct rules *rules, int row)
{
    struct buf text;
    bool ok = true;

    buf_init(&text, &x->arena, RULES_TEXT_BYTES);
    for (int i = 0; ok && i < rules->term_count; i++) {
        const struct rules_term *term = &rules->terms[i];
        const char *join = text.length > 0 ? ", " : "";

        if (term->row != row)
            continue;
        switch (term->kind) {
        case RULES_ANY:
            ok = BUF_ADD_STRINGS(&text, join, "anybody who is logged in");
            break;
        case RULES_USER:
            ok = BUF_ADD_STRINGS(&text, join, "certain accounts");
            break;
        case RULES_GROUP:
            ok = BUF_ADD_STRINGS(&text, join, "the group ");
            for (int at = term->first; ok && at < term->first + term->count; at++)
                ok = BUF_ADD_STRINGS(&text, at > term->first ? " or " : "", rules->values[at].text);
            break;
        case RULES_FACTOR:
            ok = BUF_ADD_STRINGS(&text, join, rules->values[term->first].number > 1 ? "with a second factor" : "");
            break;
        case RULES_RECENT:
            ok = BUF_ADD_STRINGS(&text, join, "with a password that was given just now");
            break;
        case RULES_NET:
            ok = BUF_ADD_STRINGS(&text, join, "from certain networks");
            break;
        case RULES_PATH:
        case RULES_METHOD:
            ok = BUF_ADD_STRINGS(&text, join, "for certain addresses of the site");
            break;
        case RULES_PUBLIC:
            ok = BUF_ADD_STRINGS(&text, join, "everybody");
            break;
        case RULES_KEY:
            return "";
        }
    }
    return ok ? text.bytes : NULL;
}

static json_t *rows_in_words(struct exchange *x, const struct rules *rules)
{
    json_t *list = json_array();
    bool ok = list != NULL;

    for (int row = 0; ok && row < rules->rows; row++) {
        const char *words = row_in_words(x, rules, row);

        ok = words != NULL && (words[0] == '\0' || json_array_append_new(list, json_string(words)) == 0);
    }
    if (ok)
        return list;
    json_decref(list);
    return NULL;
}

static bool set(json_t *values, const char *name, const char *text)
{
    return text == NULL || json_object_set_new(values, name, json_string(text)) == 0;
}

static bool render(struct exchange *x, const char *name, const char *allowed, const json_t *values, struct err *err)
{
    /* Without a referrer browsers send "Origin: null" with a form, as if another page had sent it. */
    bool is_form = json_object_get(values, "csrf") != NULL;

    x->response.type = "text/html; charset=utf-8";
    return response_header(&x->response, "Content-Security-Policy", allowed, err) &&
           response_header(&x->response, "Referrer-Policy", is_form ? "same-origin" : "no-referrer", err) &&
           response_header(&x->response, "X-Frame-Options", "DENY", err) &&
           template_render(&template_pages, name, values, &x->response.body, err);
}

static json_t *common_values(struct exchange *x)
{
    json_t *values = json_new_object(&x->arena);

    return values != NULL && set(values, "prefix", x->request.prefix) &&
                   set(values, "request_id", x->request.request_id)
               ? values
               : NULL;
}

/* NULL: a guest. */
static const char *gate_who(const struct exchange *x)
{
    if (!x->has_session)
        return NULL;
    return x->session.username[0] != '\0' ? x->session.username : x->session.email;
}

bool gate_page(struct exchange *x, const struct rules_judgement *judgement, struct err *err)
{
    const struct site_pass *site = gate_site(x);
    json_t *values = common_values(x), *rows = NULL;
    const char *other = NULL, *tie;

    if (site != NULL) {
        if ((tie = ticket_tie(x, err)) == NULL)
            return false;
        if ((other = way_to_login(x, tie, true)) == NULL || (rows = rows_in_words(x, &site->rules)) == NULL)
            return err_memory(err);
    }
    if (values == NULL || !set(values, "who", gate_who(x)) || !set(values, "site", site != NULL ? site->name : NULL) ||
        !set(values, "other", other) || (rows != NULL && json_object_set_new(values, "rows", rows) != 0) ||
        (x->request.require[0] != '\0' && !set(values, "narrowed", "1")) ||
        (judgement->verdict == RULES_STEP_UP && !set(values, "factor", "2")))
        return err_memory(err);
    x->response.status = 403;
    return render(x, "gate", policy, values, err);
}

bool gate_page_error(struct exchange *x, const struct err *shown, struct err *err)
{
    struct problem problem = problem_of(shown);
    json_t *values = common_values(x);

    if (values == NULL || !set(values, "problem", problem.detail))
        return err_memory(err);
    x->response.status = problem.status;
    return problem_headers(shown, &x->response, err) && render(x, "gate", policy, values, err);
}

bool gate_page_leave(struct exchange *x, const char *token, struct err *err)
{
    /* The answer to the form leads to another origin, which a browser counts as where it is sent. */
    const char *allowed = arena_printf(&x->arena, "%sform-action 'self' %s", POLICY, way_home(x));
    json_t *values = common_values(x);

    if (allowed == NULL || values == NULL || !set(values, "who", gate_who(x)) || !set(values, "csrf", token))
        return err_memory(err);
    return render(x, "door", allowed, values, err);
}

bool gate_page_arrived(struct exchange *x, struct err *err)
{
    json_t *values = common_values(x);

    if (values == NULL || !set(values, "who", gate_who(x)))
        return err_memory(err);
    return render(x, "door", policy_of_scripts, values, err);
}
