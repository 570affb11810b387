/* mayflyctl site try: what the rules say of a request, without one. */
#include "base/decimal.h"
#include "ctl/ctl.h"
#include "ctl/private_lines.h"
#include "store/key.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Splits "a,b" in place; as many as an account can have. */
static bool read_groups(struct ctl *ctl, const char *list, struct rules_facts *facts, struct err *err)
{
    char *rest = arena_strdup(&ctl->arena, list), *group;
    const char **groups;
    size_t most = 1;

    for (const char *c = list; *c != '\0'; c++)
        most += *c == ',';
    groups = arena_alloc(&ctl->arena, most * sizeof *groups);
    if (rest == NULL || groups == NULL)
        return err_memory(err);
    while ((group = strsep(&rest, ",")) != NULL)
        if (group[0] != '\0')
            groups[facts->group_count++] = group;
    facts->groups = groups;
    return true;
}

static bool read_user(struct ctl *ctl, struct account_summary *account, struct rules_facts *facts, struct err *err)
{
    const char *name = ctl->options[OPTION_USER], *factors = ctl->options[OPTION_FACTORS];
    int64_t number = 1;

    if (name == NULL)
        return factors == NULL || ctl_usage(err, "--factors are those of a --user");
    if (factors != NULL && !decimal_parse(factors, 1, RULES_FACTORS_MAX, &number))
        return ctl_usage(err, "--factors: 1 or 2, not '%.40s'", factors);
    if (!ctl_account(ctl, name, account, err))
        return false;
    if (account->disabled)
        return err_set(err, ERR_DENIED, "%.200s: the account is disabled, so it is never logged in", name);
    facts->account = &account->id;
    facts->factors = (int)number;
    return read_groups(ctl, account->groups, facts, err);
}

/* *key is of a program; its id is zero when none came. */
static bool read_key(struct ctl *ctl, struct session *key, struct rules_facts *facts, struct err *err)
{
    const char *path = ctl->options[OPTION_KEY_FILE], *text;
    struct token token;

    *key = (struct session){.is_key = false};
    if (path == NULL)
        return true;
    if (ctl->options[OPTION_USER] != NULL)
        return ctl_usage(err, "a request comes by --user or by --key-file, not by both");
    if (!private_lines_read(&ctl->arena, path, &text, 1, err))
        return false;
    if (!token_parse_key(text, strlen(text), &token))
        return err_set(err, ERR_INPUT, "%.200s: its first line is no key", path);
    switch (key_find(ctl->services.sessions.db, &ctl->arena, &token, key, err)) {
    case DB_FAIL:
        return false;
    case DB_NONE:
        return err_set(err, ERR_ABSENT,
                       "no account has this key: it was revoked or has ended, the account is disabled, or it is "
                       "the key of a site's own server");
    case DB_ROW:
        break;
    }
    facts->account = &key->account;
    facts->factors = 1;
    facts->by_key = true;
    return read_groups(ctl, key->groups, facts, err);
}

static bool read_facts(struct ctl *ctl, struct account_summary *account, struct session *key, struct rules_facts *facts,
                       struct err *err)
{
    const char *method = ctl->options[OPTION_METHOD], *address = ctl->options[OPTION_ADDRESS];
    unsigned char bytes[ADDRESS_BYTES];

    facts->method = method != NULL ? method : "GET";
    facts->address = address != NULL ? address : "";
    if (address != NULL && !address_read(address, bytes))
        return ctl_usage(err, "--address: '%.60s' is none", address);
    return read_user(ctl, account, facts, err) && read_key(ctl, key, facts, err);
}

/* Why a key is refused whatever the rules say; NULL: they decide. */
static const char *refuse_key(const struct session *key, const struct site *site)
{
    if (!key->is_key)
        return NULL;
    if ((key->scopes & (KEY_GATE | KEY_PASSWORD)) == 0)
        return "the key has not the scope gate";
    return key_opens_site(key, &site->id) ? NULL : "the key is not for this site";
}

static void print_judgement(const struct site *site, const struct rules_judgement *judgement)
{
    int row = judgement->row + 1;

    switch (judgement->verdict) {
    case RULES_PASS:
        printf("%s: passes by row %d\n", site->name, row);
        return;
    case RULES_LOG_IN:
        printf("%s: is asked to log in, for row %d\n", site->name, row);
        return;
    case RULES_STEP_UP:
        printf("%s: is asked for a proof, for row %d:", site->name, row);
        if (judgement->factors > 0)
            printf(" factor:%d", judgement->factors);
        if (judgement->recent_s > 0)
            printf(" recent:%" PRId64, judgement->recent_s);
        puts("");
        return;
    case RULES_FORBIDDEN:
        printf("%s: is refused%s%s\n", site->name, site->fault != NULL ? ", as everybody is: " : "",
               site->fault != NULL ? site->fault : "");
        return;
    }
}

bool site_try(struct ctl *ctl, struct err *err)
{
    struct rules_facts facts = {.account = NULL};
    struct rules_judgement judgement;
    struct account_summary account;
    const char *refusal;
    struct origin origin;
    struct session key;
    struct site site;

    if (!origin_of_url(ctl->arguments[0], &origin, &facts.target, err) || !read_facts(ctl, &account, &key, &facts, err))
        return false;
    switch (site_at(ctl->services.sessions.db, &ctl->arena, &origin, facts.target, &site, err)) {
    case DB_FAIL:
        return false;
    case DB_NONE:
        puts("no site is there, or the path can be read in two ways: is refused");
        ctl->status = CTL_FOUND;
        return true;
    case DB_ROW:
        break;
    }
    if (site.fault == NULL && (refusal = refuse_key(&key, &site)) != NULL) {
        printf("%s: is refused: %s\n", site.name, refusal);
        ctl->status = CTL_FOUND;
        return true;
    }
    judgement = rules_judge(&site.judged, &facts);
    print_judgement(&site, &judgement);
    ctl->status = judgement.verdict == RULES_PASS ? 0 : CTL_FOUND;
    return true;
}
