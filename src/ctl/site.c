/* mayflyctl site: the sites behind the gate, and who may pass there. */
#include "base/decimal.h"
#include "base/json_text.h"
#include "base/text_limit.h"
#include "ctl/ctl.h"
#include "ctl/site_rules.h"
#include "ctl/table.h"
#include "store/account.h"
#include "store/site_cache.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    PAGE_SITES = 100,
    BY_BYTES = 96, /* the schema has room for 100 characters */
    /* Each byte of a text becomes six at most. */
    JSON_BYTES = 6 * RULES_TEXT_BYTES + 3,
};

/* A change of one site, made in a transaction. */
struct change {
    struct ctl *ctl;
    struct uuid id;
    const char *name;
    struct site_draft draft;
    struct origin origins[SITE_ORIGINS_MAX];
    int64_t place;
    char by[BY_BYTES];
    int tries;
    /* The site's origins before and after the change, whose cached copies are out of date. */
    const char *hosts[2 * SITE_ORIGINS_MAX];
    size_t host_count;
};

/* --- Arguments */

static bool read_origins(struct ctl *ctl, struct change *change, struct err *err)
{
    for (int i = 1; i < CTL_ARGUMENTS_MAX && ctl->arguments[i] != NULL; i++)
        if (!origin_read(ctl->arguments[i], &change->origins[change->draft.origin_count++], err))
            return false;
    change->draft.origins = change->origins;
    return true;
}

static bool read_place(struct ctl *ctl, struct change *change, struct err *err)
{
    const char *order = ctl->options[OPTION_ORDER];

    if (order == NULL)
        return true;
    change->draft.place = &change->place;
    return decimal_parse(order, 0, SITE_PLACE_MAX, &change->place) ||
           ctl_usage(err, "--order: a number from 0 to %d, not '%.40s'", SITE_PLACE_MAX, order);
}

/* The user who runs this command, if known, for administrators who read it later. */
static void name_author(char by[BY_BYTES])
{
    const struct passwd *user = getpwuid(getuid());

    snprintf(by, BY_BYTES, "mayflyctl (%.60s)", user != NULL ? user->pw_name : "?");
}

static bool read_change(struct ctl *ctl, struct change *change, struct err *err)
{
    *change = (struct change){.ctl = ctl, .name = ctl->arguments[0]};
    name_author(change->by);
    change->draft.by = change->by;
    change->draft.title = ctl->options[OPTION_TITLE];
    return site_name_check(change->name, err) && read_origins(ctl, change, err) && read_place(ctl, change, err) &&
           site_rules_given(ctl, &change->draft.rules, err);
}

static bool find_site(struct ctl *ctl, const char *name, struct site *site, struct err *err)
{
    return site_find(ctl->services.sessions.db, &ctl->arena, name, site, err) == DB_ROW ||
           err_set(err, ERR_ABSENT, "%.60s: there is no such site; mayflyctl site list shows all", name);
}

/* --- Changes */

static enum cache_written tell_hosts(struct cache *cache, const void *what)
{
    const struct change *change = what;

    return site_cache_forget(cache, change->hosts, change->host_count);
}

/*
 * Invalidates the cached copies, so that no request is judged by the old rules after the commit. Also after a failure,
 * since COMMIT may have worked although its answer was lost.
 */
static bool apply(struct change *change, bool (*work)(struct db *, void *, struct err *), struct err *err)
{
    const struct services *services = &change->ctl->services;
    bool done = db_transaction(services->sessions.db, work, change, err);

    for (size_t i = 0; i < change->draft.origin_count; i++)
        change->hosts[change->host_count++] = change->origins[i].host;
    ctl_tell_cache(change->ctl, tell_hosts, change, services->config.site_fresh_s);
    return done;
}

/*
 * In the transaction: reads the site's origins before the change. A second attempt finds the same, or those that the
 * first has set.
 */
static bool note_hosts(struct change *change, struct err *err)
{
    struct arena *arena = &change->ctl->arena;
    struct origin origin;
    struct site site;
    char *rest, *text;

    switch (site_find(change->ctl->services.sessions.db, arena, change->name, &site, err)) {
    case DB_FAIL:
        return false;
    case DB_NONE:
        return true;
    case DB_ROW:
        break;
    }
    if (change->host_count > 0)
        return true;
    if ((rest = arena_strdup(arena, site.origins)) == NULL)
        return err_memory(err);
    while ((text = strsep(&rest, " ")) != NULL && change->host_count < SITE_ORIGINS_MAX) {
        if (!origin_read(text, &origin, err))
            return false;
        if ((change->hosts[change->host_count++] = arena_strdup(arena, origin.host)) == NULL)
            return err_memory(err);
    }
    return true;
}

static bool add(struct db *db, void *arg, struct err *err)
{
    struct change *change = arg;
    struct ctl *ctl = change->ctl;

    return site_begin(db, &ctl->arena, err) &&
           site_add(db, &ctl->arena, &change->id, change->name, &change->draft, ctl->services.config.sites_max, err);
}

bool site_make(struct ctl *ctl, struct err *err)
{
    struct change change;

    if (!read_change(ctl, &change, err))
        return false;
    if (change.draft.rules.text == NULL)
        return ctl_usage(err, "say who may pass: --require RULE, or --rules FILE");
    change.id = uuid_new(ctl->services.clock);
    if (!apply(&change, add, err))
        return false;
    fprintf(stderr, "%s: the site is added\n", change.name);
    return true;
}

static bool edit(struct db *db, void *arg, struct err *err)
{
    struct change *change = arg;
    struct arena *arena = &change->ctl->arena;

    return site_begin(db, arena, err) && note_hosts(change, err) &&
           (site_edit(db, arena, &change->id, &change->draft, err) == DB_ROW ||
            err_set(err, ERR_ABSENT, "%s: the site was removed just now", change->name));
}

bool site_change(struct ctl *ctl, struct err *err)
{
    struct change change;
    struct site site;

    if (!read_change(ctl, &change, err))
        return false;
    if (change.draft.origin_count == 0 && change.draft.rules.text == NULL && change.draft.title == NULL &&
        change.draft.place == NULL)
        return ctl_usage(err, "say what to change");
    if (!find_site(ctl, change.name, &site, err))
        return false;
    change.id = site.id;
    if (!apply(&change, edit, err))
        return false;
    fprintf(stderr, "%s: the site is changed\n", change.name);
    return true;
}

/* In a second try it may be gone because the first one was committed. */
static bool take_away(struct db *db, void *arg, struct err *err)
{
    struct change *change = arg;
    struct arena *arena = &change->ctl->arena;
    enum db_rc rc;

    if (!site_begin(db, arena, err) || !note_hosts(change, err))
        return false;
    rc = site_remove(db, arena, &change->id, err);
    return rc == DB_ROW ||
           (rc == DB_NONE && (change->tries++ > 0 || err_set(err, ERR_ABSENT, "%s: it is gone already", change->name)));
}

bool site_drop(struct ctl *ctl, struct err *err)
{
    struct change change = {.ctl = ctl, .name = ctl->arguments[0]};
    struct site site;

    if (!find_site(ctl, change.name, &site, err))
        return false;
    change.id = site.id;
    if (!apply(&change, take_away, err))
        return false;
    fprintf(stderr, "%s: the site is removed\n", change.name);
    return true;
}

/* --- Lists */

static void warn(struct ctl *ctl, const struct site *site)
{
    if (site->fault == NULL)
        return;
    fprintf(stderr,
            "mayflyctl: warning: %s: nobody passes, %s; write its rules again: mayflyctl site edit %s --rules FILE\n",
            site->name, site->fault, site->name);
    ctl->status = CTL_FOUND;
}

static void print_member(const char *name, const char *text)
{
    char quoted[JSON_BYTES];

    json_text_quote(quoted, sizeof quoted, text);
    printf(",\"%s\":%s", name, quoted);
}

static void print_json(const struct site *site)
{
    const char *origin = site->origins;

    printf("{\"name\":\"%s\",\"order\":%" PRId64 ",\"state\":\"%s\",\"origins\":[", site->name, site->place,
           site->fault == NULL ? "good" : "damaged");
    while (*origin != '\0') {
        size_t length = strcspn(origin, " ");

        printf("%s\"%.*s\"", origin > site->origins ? "," : "", (int)length, origin);
        origin += length + (origin[length] == ' ');
    }
    fputs("]", stdout);
    print_member("title", site->title);
    print_member("rules", site->rules);
    print_member("created_at", site->created);
    print_member("created_by", site->created_by);
    print_member("updated_at", site->updated);
    print_member("updated_by", site->updated_by);
    fputs("}", stdout);
}

static const struct table_column site_columns[] = {
    {"NAME", true}, {"ORDER", true}, {"STATE", true}, {"ORIGINS", false}};

enum { SITE_COLUMNS = sizeof site_columns / sizeof site_columns[0] };

static bool add_row(struct table *table, const struct site *site, struct err *err)
{
    char place[DECIMAL_BYTES];
    const char *const cells[] = {site->name, place, site->fault == NULL ? "good" : "damaged", site->origins};

    decimal_format(site->place, place);
    return table_add(table, cells, err);
}

struct listing {
    struct table table;
    bool json, is_first;
    struct site last; /* the last site that was printed, as site_list needs it */
    char last_name[SITE_NAME_MAX + 1];
};

/* Reads one page at a time, so that many sites need no more memory than one page. */
static bool print_page(struct ctl *ctl, struct listing *listing, int *count, struct err *err)
{
    struct site *sites;

    if (!site_list(ctl->services.sessions.db, &ctl->arena, listing->is_first ? NULL : &listing->last, PAGE_SITES,
                   &sites, count, err))
        return false;
    for (int i = 0; i < *count; i++) {
        if (!listing->json && !add_row(&listing->table, &sites[i], err))
            return false;
        if (listing->json && (i > 0 || !listing->is_first))
            fputs(",\n", stdout);
        if (listing->json)
            print_json(&sites[i]);
        warn(ctl, &sites[i]);
    }
    if (!listing->json)
        table_print(&listing->table);
    if (*count > 0) {
        snprintf(listing->last_name, sizeof listing->last_name, "%s", sites[*count - 1].name);
        listing->last = (struct site){.name = listing->last_name, .place = sites[*count - 1].place};
    }
    arena_reset(&ctl->arena);
    return true;
}

bool site_print_all(struct ctl *ctl, struct err *err)
{
    struct listing listing = {.json = ctl->options[OPTION_JSON] != NULL, .is_first = true};
    int count = PAGE_SITES;

    table_init(&listing.table, &ctl->arena, site_columns, SITE_COLUMNS);
    if (listing.json)
        fputs("[", stdout);
    for (; count == PAGE_SITES; listing.is_first = false)
        if (!print_page(ctl, &listing, &count, err))
            return false;
    if (listing.json)
        puts("]");
    return true;
}

/* A user named in a rule may have no account any more. The form has ids and the text has names, in the same order. */
static bool warn_of_users(struct ctl *ctl, const struct site *site, struct err *err)
{
    struct rules_value *name = NULL, *kept = NULL;
    struct rules_place place;
    struct rules named;

    if (site->fault != NULL || !rules_read(&ctl->arena, site->rules, strlen(site->rules), &named, &place, err))
        return site->fault != NULL;
    while ((name = rules_next_user(&named, name)) != NULL && (kept = rules_next_user(&site->judged, kept)) != NULL) {
        struct account account;

        enum db_rc rc = account_by_id(ctl->services.sessions.db, &ctl->arena, &kept->account, &account, err);

        if (rc == DB_FAIL)
            return false;
        if (rc == DB_NONE || account.disabled)
            fprintf(stderr, "mayflyctl: warning: %s: user:%s lets nobody pass, the account was closed or is disabled\n",
                    site->name, name->text);
    }
    return true;
}

bool site_print(struct ctl *ctl, struct err *err)
{
    struct site site;

    if (!find_site(ctl, ctl->arguments[0], &site, err))
        return false;
    if (ctl->options[OPTION_JSON] != NULL) {
        print_json(&site);
        puts("");
    } else {
        printf("name     %s\ntitle    %s\norder    %" PRId64 "\nstate    %s\norigins  %s\n", site.name, site.title,
               site.place, site.fault == NULL ? "good" : "damaged", site.origins);
        printf("created  %s by %s\nchanged  %s by %s\n\n%s%s", site.created, site.created_by, site.updated,
               site.updated_by, site.rules, site.rules[strlen(site.rules) - 1] == '\n' ? "" : "\n");
    }
    warn(ctl, &site);
    return warn_of_users(ctl, &site, err);
}
