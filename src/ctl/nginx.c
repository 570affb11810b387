/* mayflyctl nginx check: what is open in nginx's configuration. */
#include "app/services.h"
#include "base/json_text.h"
#include "ctl/ctl.h"
#include "ctl/nginx_check.h"
#include "ctl/nginx_input.h"
#include "ctl/workers_user.h"
#include "store/account.h"

#include <stdio.h>
#include <string.h>

enum {
    PAGE_SITES = 100,
    /* Each byte of a text becomes six at most. */
    JSON_BYTES = 8192,
};

/* --- The sites, when the database can be asked */

static bool group_exists(void *arg, const char *group, bool *exists, struct err *err)
{
    struct ctl *ctl = arg;
    enum db_rc rc = account_any_in_group(ctl->services.sessions.db, &ctl->arena, group, err);

    *exists = rc == DB_ROW;
    return rc != DB_FAIL;
}

static bool add_site(struct ctl *ctl, struct nginx_sites *sites, const struct site *site, struct err *err)
{
    char *rest = arena_strdup(&ctl->arena, site->origins), *origin;

    if (rest == NULL)
        return err_memory(err);
    while ((origin = strsep(&rest, " ")) != NULL) {
        struct nginx_site *one = arena_alloc(&ctl->arena, sizeof *one);

        if (one == NULL)
            return err_memory(err);
        *one = (struct nginx_site){.name = site->name, .next = sites->first};
        if (!origin_read(origin, &one->origin, err))
            return false;
        sites->first = one;
    }
    return true;
}

static bool ask_sites(struct ctl *ctl, struct nginx_sites *sites, struct err *err)
{
    struct site *page, last;
    const struct site *after = NULL;
    int count;

    do {
        if (!site_list(ctl->services.sessions.db, &ctl->arena, after, PAGE_SITES, &page, &count, err))
            return false;
        for (int i = 0; i < count; i++)
            if (!add_site(ctl, sites, &page[i], err))
                return false;
        if (count > 0)
            last = page[count - 1];
        after = &last;
    } while (count == PAGE_SITES);
    return true;
}

/* Whether the sites are known; otherwise *why has the reason. That is no error of the check. */
static bool find_sites(struct ctl *ctl, struct nginx_sites *sites, struct err *why)
{
    const struct config *config = &ctl->services.config;

    *sites = (struct nginx_sites){.group_exists = group_exists, .arg = ctl};
    if (!workers_user_find_pgpass(ctl, why) || !services_open(&ctl->services, ctl->config_path, "ctl", why))
        return false;
    ctl->services.log.level = LOG_ERROR;
    db_limit(ctl->services.sessions.db,
             (struct db_limits){.statement_ms = config->operator_timeout_ms, .lock_ms = config->database_timeout_ms});
    return ask_sites(ctl, sites, why);
}

/* --- Output */

static void print_member(const char *before, const char *name, const char *text)
{
    char quoted[JSON_BYTES];

    json_text_quote(quoted, sizeof quoted, text);
    printf("%s\"%s\":%s", before, name, quoted);
}

static void print_finding_json(const struct nginx_finding *finding)
{
    const struct nginx_kind_row *kind = &nginx_kinds[finding->kind];

    printf("{\"kind\":\"%s\",\"hint\":%s", kind->word, kind->is_hint ? "true" : "false");
    print_member(",", "file", finding->file);
    printf(",\"line\":%d", finding->line);
    print_member(",", "where", finding->where);
    print_member(",", "what", finding->what);
    print_member(",", "why", kind->why);
    print_member(",", "instead", kind->instead);
    fputs("}", stdout);
}

static void print_json(const struct nginx_findings *findings, int gated, const char *not_compared)
{
    printf("{\"gated\":%d,\"open\":%d,\"hints\":%d,\"left_out\":%d", gated, findings->count, findings->hints,
           findings->dropped);
    print_member(",", "not_compared", not_compared);
    fputs(",\"findings\":[", stdout);
    for (const struct nginx_finding *one = findings->first; one != NULL; one = one->next) {
        fputs(one != findings->first ? ",\n" : "\n", stdout);
        print_finding_json(one);
    }
    puts("]}");
}

static void print_finding(const struct nginx_finding *finding)
{
    const struct nginx_kind_row *kind = &nginx_kinds[finding->kind];
    char place[NGINX_PATH_BYTES + 16] = "";

    if (finding->file[0] != '\0')
        snprintf(place, sizeof place, "%s:%d: ", finding->file, finding->line);
    printf("%s%s%s: %s%s%s\n    why: %s\n    instead: %s\n", place, kind->is_hint ? "hint, " : "", kind->word,
           finding->where, finding->where[0] != '\0' ? ": " : "", finding->what, kind->why, kind->instead);
}

/* Control characters in the configuration are not sent to the terminal, which would obey them. */
static void clean(char *text)
{
    for (; text != NULL && *text != '\0'; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7F)
            *text = '?';
}

static int count_gated(const struct nginx_model *model)
{
    int gated = 0;

    for (const struct nginx_server *server = model->first; server != NULL; server = server->next)
        for (const struct nginx_location *one = server->first; one != NULL; one = one->next)
            gated += !server->is_dead && (one->gate == NGINX_GATED || one->gate == NGINX_PUBLIC);
    return gated;
}

static bool print(struct ctl *ctl, const struct nginx_findings *findings, int gated, const char *not_compared)
{
    for (struct nginx_finding *one = findings->first; one != NULL; one = (struct nginx_finding *)(uintptr_t)one->next) {
        clean((char *)(uintptr_t)one->file);
        clean((char *)(uintptr_t)one->where);
        clean((char *)(uintptr_t)one->what);
    }
    if (ctl->options[OPTION_JSON] != NULL)
        print_json(findings, gated, not_compared);
    else
        for (const struct nginx_finding *one = findings->first; one != NULL; one = one->next)
            print_finding(one);
    if (not_compared[0] != '\0')
        fprintf(stderr, "mayflyctl nginx check: not compared: %s\n", not_compared);
    if (findings->dropped > 0)
        fprintf(stderr, "mayflyctl nginx check: %d more are left out\n", findings->dropped);
    fprintf(stderr, "mayflyctl nginx check: %d locations behind the gate, %d findings, %d hints\n", gated,
            findings->count + findings->dropped, findings->hints);
    ctl->status = findings->count + findings->dropped > 0 ? CTL_FOUND : 0;
    return true;
}

bool nginx_check(struct ctl *ctl, struct err *err)
{
    struct nginx_findings findings;
    struct nginx_config config;
    struct nginx_model model;
    struct nginx_sites sites;
    struct nginx_input input;
    struct err why = {.kind = ERR_NONE};
    char not_compared[ERR_DETAIL_BYTES + 128] = "";
    bool known;

    ctl->arena.limit_bytes = NGINX_ARENA_BYTES;
    findings = (struct nginx_findings){.arena = &ctl->arena};
    /*
     * Reads as root, because nginx -T needs it and files of nginx may be closed to others. The check itself runs as the
     * workers' user.
     */
    if (!nginx_input_read(&ctl->arena, ctl->arguments[0], &input, err) || !workers_user_become(ctl, err) ||
        !nginx_config_read(&ctl->arena, input.text, input.length, input.name, &config, err) ||
        !nginx_model_make(&ctl->arena, &config, &model, err))
        return false;
    known = find_sites(ctl, &sites, &why);
    if (!known)
        snprintf(not_compared, sizeof not_compared, "server names with the sites, groups, TLS: %s", why.detail);
    return nginx_check_locations(&model, &findings, err) && nginx_check_apps(&model, &findings, err) &&
           nginx_check_around(&model, &findings, err) &&
           nginx_check_sites(&model, known ? &sites : NULL, &findings, err) &&
           nginx_check_snippets(&config, &findings, err) && print(ctl, &findings, count_gated(&model), not_compared);
}
