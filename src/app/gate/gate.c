#include "app/gate/gate.h"

#include "store/key.h"

#include <string.h>

/* One line in this time, from each worker, tells of requests to sites that there are not: anybody can send them. */
enum { TELL_EVERY_US = 10 * 1000000 };

bool gate_prepare(struct exchange *x, struct err *err)
{
    struct err ignored = {.kind = ERR_NONE};
    struct origin *origin;
    const char *none;

    if (x->request.target[0] == '\0')
        return err_set(err, ERR_ABSENT, "there is nothing here");
    origin = arena_alloc(&x->arena, sizeof *origin);
    x->site = arena_alloc(&x->arena, sizeof *x->site);
    if (origin == NULL || x->site == NULL)
        return err_memory(err);
    if (origin_of_url(x->request.origin, origin, &none, &ignored)) {
        site_lookup_init(x->site, origin, x->request.target);
        x->visit_scope = (struct visit_scope){.secret = &x->services->secret, .host = origin->host};
    } else
        x->site = NULL;
    return true;
}

const struct site_pass *gate_site(const struct exchange *x)
{
    return x->site != NULL && x->site->found == DB_ROW ? &x->site->site : NULL;
}

const char *gate_host(const struct exchange *x)
{
    return x->visit_scope.host != NULL ? x->visit_scope.host : "";
}

/* --- What the log says */

static void tell_no_site(struct exchange *x)
{
    struct services *services = x->services;
    int64_t now_us = services->clock->monotonic_us();
    char origin[ORIGIN_TEXT_BYTES] = "";
    const char *command = NULL;

    if (services->no_site_told_us != 0 && now_us - services->no_site_told_us < TELL_EVERY_US) {
        services->no_site_untold++;
        return;
    }
    /* As it was read: the client's own spelling could say anything to whoever copies it to a shell. */
    if (x->site != NULL) {
        origin_format(x->site->origin, origin);
        command = arena_printf(&x->arena, "mayflyctl site add NAME %s --require any", origin);
    }
    LOG_EVENT(&services->log, LOG_WARN, "gate_no_site", LOG_TEXT("origin", origin), LOG_TEXT("command", command),
              LOG_NUMBER("untold", services->no_site_untold));
    services->no_site_told_us = now_us;
    services->no_site_untold = 0;
}

static void tell_fault(struct exchange *x, const char *fault)
{
    LOG_EVENT(&x->services->log, LOG_ERROR, "gate_rules", LOG_TEXT("site", gate_site(x)->name),
              LOG_TEXT("detail", fault));
}

/* --- Who asks, and for what */

/* Splits "a,b" of the session. */
static bool read_groups(struct exchange *x, struct rules_facts *facts)
{
    const char *list = x->session.groups;
    size_t most = 1;
    const char **groups;

    for (const char *c = list; *c != '\0'; c++)
        most += *c == ',';
    groups = arena_alloc(&x->arena, most * sizeof *groups);
    if (groups == NULL)
        return false;
    while (*list != '\0') {
        size_t length = strcspn(list, ",");

        if ((groups[facts->group_count] = arena_strndup(&x->arena, list, length)) == NULL)
            return false;
        facts->group_count++;
        list += length + (list[length] == ',');
    }
    facts->groups = groups;
    return true;
}

bool gate_facts(struct exchange *x, struct rules_facts *facts, struct err *err)
{
    *facts =
        (struct rules_facts){.method = x->request.asked, .target = x->request.target, .address = x->request.address};
    if (!x->has_session)
        return true;
    facts->account = &x->session.account;
    facts->by_key = x->by_key;
    /* A session is made by a password, and made anew by its change: its id tells when. Of a key nobody asks this. */
    facts->factors = 1;
    facts->proof_age_s = (x->services->clock->now_ms() - uuid_ms(&x->session.id)) / 1000;
    return read_groups(x, facts) || err_memory(err);
}

/* Of nginx's file, so as it stands there: a user is who has the name now. */
static bool read_narrowing(struct exchange *x, struct rules *rules, struct err *err)
{
    const char *text = x->request.require;
    struct rules_value *user = NULL;
    struct rules_place place;

    if (!rules_read(&x->arena, text, strlen(text), rules, &place, err))
        return false;
    while ((user = rules_next_user(rules, user)) != NULL)
        if (x->has_session && strcmp(user->text, x->session.username) == 0) {
            user->account = x->session.account;
            user->known = true;
        }
    return true;
}

/* What both say; of two that ask for a proof, the proof that is enough for both. */
static struct rules_judgement lesser(struct rules_judgement a, struct rules_judgement b)
{
    if (a.verdict != b.verdict)
        return a.verdict < b.verdict ? a : b;
    if (b.factors > a.factors)
        a.factors = b.factors;
    if (a.recent_s == 0 || (b.recent_s > 0 && b.recent_s < a.recent_s))
        a.recent_s = b.recent_s;
    a.by_key = a.by_key && b.by_key;
    return a;
}

bool gate_judge(struct exchange *x, struct rules_judgement *judgement, struct err *err)
{
    const struct site_pass *site = gate_site(x);
    struct err fault = {.kind = ERR_NONE};
    struct rules narrowing;
    struct rules_facts facts;

    *judgement = (struct rules_judgement){.verdict = RULES_FORBIDDEN};
    if (x->site != NULL && x->site->found == DB_FAIL) {
        *err = *x->site->failure;
        return false;
    }
    if (site == NULL) {
        tell_no_site(x);
        return true;
    }
    if (site->fault != NULL) {
        tell_fault(x, site->fault);
        return true;
    }
    if (x->has_session && x->by_key && !key_opens_site(&x->session, &site->id))
        return true;
    if (!gate_facts(x, &facts, err))
        return false;
    *judgement = rules_judge(&site->rules, &facts);
    if (x->request.require[0] == '\0')
        return true;
    if (read_narrowing(x, &narrowing, &fault)) {
        *judgement = lesser(*judgement, rules_judge(&narrowing, &facts));
        return true;
    }
    *judgement = (struct rules_judgement){.verdict = RULES_FORBIDDEN};
    if (fault.kind == ERR_DOWN) {
        *err = fault;
        return false;
    }
    tell_fault(x, arena_printf(&x->arena, "$mayfly_require: %s", fault.detail));
    return true;
}
