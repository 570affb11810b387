#include "store/site.h"

#include "base/text_limit.h"
#include "base/utf8.h"
#include "store/account_summary.h"

#include <stdio.h>
#include <string.h>

bool site_name_check(const char *name, struct err *err)
{
    static const char characters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    size_t length = strlen(name);

    if (length == 0 || length > SITE_NAME_MAX || strspn(name, characters) < length || name[0] == '-')
        return err_field(err, ERR_VALUE, "name",
                         "'%.60s': a site's name is 1 to %d of a-z 0-9 -, and does not begin with -", name,
                         SITE_NAME_MAX);
    return true;
}

/* --- Rules */

static bool find_user(struct db *db, struct arena *arena, struct rules_value *user, struct err *err)
{
    struct account_summary account;

    switch (account_summary_find(db, arena, user->text, &account, err)) {
    case DB_FAIL:
        return false;
    case DB_NONE:
        return err_field(err, ERR_VALUE, "rules", "there is no account '%.100s'", user->text);
    case DB_ROW:
        break;
    }
    user->account = account.id;
    user->known = true;
    return true;
}

bool site_rules_read(struct db *db, struct arena *arena, const char *text, size_t length, struct site_rules *read,
                     struct rules_place *place, struct err *err)
{
    struct rules_value *user = NULL;
    struct rules rules;

    if (!rules_read(arena, text, length, &rules, place, err))
        return false;
    while ((user = rules_next_user(&rules, user)) != NULL) {
        *place = rules_place_of(text, user->at);
        if (!find_user(db, arena, user, err))
            return false;
    }
    read->text = text;
    return rules_form_write(arena, &rules, text, length, &read->form, err);
}

/* --- Changes */

bool site_begin(struct db *db, struct arena *arena, struct err *err)
{
    struct db_result row;

    return db_query(db, arena, sql_site_operator(), &row, err) == DB_ROW ||
           err_set(err, ERR_BUG, "site_operator: no row");
}

static bool add_origin(struct db *db, struct arena *arena, const struct uuid *id, const struct origin *origin,
                       size_t place, struct err *err)
{
    char text[ORIGIN_TEXT_BYTES];
    struct db_result row;

    origin_format(origin, text);
    switch (db_query(db, arena, sql_site_origin_owner(origin->host, origin->port, origin->is_https, origin->prefix),
                     &row, err)) {
    case DB_FAIL:
        return false;
    case DB_ROW:
        return err_field(err, ERR_CONFLICT, "origin", "%s is where the site %s is", text, db_value(&row, 0, 0));
    case DB_NONE:
        break;
    }
    return db_query(db, arena,
                    sql_site_origin_add(id, (int64_t)place, origin->host, origin->port, origin->is_https,
                                        origin->prefix, text),
                    &row, err) != DB_FAIL;
}

static bool set_origins(struct db *db, struct arena *arena, const struct uuid *id, const struct site_draft *draft,
                        struct err *err)
{
    struct db_result row;

    if (draft->origin_count == 0)
        return true;
    if (db_query(db, arena, sql_site_origins_clear(id), &row, err) == DB_FAIL)
        return false;
    for (size_t i = 0; i < draft->origin_count; i++)
        if (!add_origin(db, arena, id, &draft->origins[i], i, err))
            return false;
    return true;
}

/* Terminals and pages show titles. */
static bool check_title(const char *title, struct err *err)
{
    return title == NULL || (text_check(TEXT_NAME, "title", title, err) &&
                             (!utf8_has_control(title, strlen(title)) ||
                              err_field(err, ERR_VALUE, "title", "title: no control characters")));
}

static struct db_bytes form_of(const struct site_rules *rules)
{
    return rules->text != NULL ? DB_BYTES(rules->form.bytes, rules->form.length) : DB_NO_BYTES;
}

bool site_add(struct db *db, struct arena *arena, const struct uuid *id, const char *name,
              const struct site_draft *draft, int64_t most, struct err *err)
{
    const char *title = draft->title != NULL ? draft->title : "";
    int64_t place = draft->place != NULL ? *draft->place : 0;
    struct db_result row;

    if (!check_title(draft->title, err))
        return false;
    switch (db_query(db, arena,
                     sql_site_add(id, name, draft->rules.text, form_of(&draft->rules), title, place, draft->by, most),
                     &row, err)) {
    case DB_FAIL:
        if (err->kind != ERR_CONFLICT)
            return false;
        err_clear(err);
        return err_field(err, ERR_CONFLICT, "name", "there is a site %s already", name);
    case DB_NONE:
        return err_set(err, ERR_LIMIT, "there are %lld sites already, as many as sites_max allows", (long long)most);
    case DB_ROW:
        break;
    }
    return set_origins(db, arena, id, draft, err);
}

enum db_rc site_edit(struct db *db, struct arena *arena, const struct uuid *id, const struct site_draft *draft,
                     struct err *err)
{
    struct db_result row;
    enum db_rc rc;

    if (!check_title(draft->title, err))
        return DB_FAIL;
    rc = db_query(db, arena,
                  sql_site_edit(id, draft->by, draft->title, draft->place, draft->rules.text, form_of(&draft->rules)),
                  &row, err);
    return rc != DB_ROW || set_origins(db, arena, id, draft, err) ? rc : DB_FAIL;
}

enum db_rc site_remove(struct db *db, struct arena *arena, const struct uuid *id, struct err *err)
{
    struct db_result row;

    return db_query(db, arena, sql_site_remove(id), &row, err);
}

/* --- Reading */

/* Damaged rules are no error here: the site exists, and nobody passes. */
static bool read_rules(struct arena *arena, const struct db_result *rows, int row, struct site *site, struct err *err)
{
    struct err fault = {.kind = ERR_NONE};
    struct rules_form form;

    form.bytes = db_parse_bytes(arena, db_value(rows, row, SITE_ROW_RULES_FORM), &form.length);
    if (form.bytes == NULL)
        return err_memory(err);
    if (rules_form_read(arena, &form, site->rules, &site->judged, &fault))
        return true;
    site->fault = arena_strdup(arena, fault.detail);
    return site->fault != NULL || err_memory(err);
}

static bool read_site(struct arena *arena, const struct db_result *rows, int row, struct site *site, struct err *err)
{
    *site = (struct site){
        .name = db_value(rows, row, SITE_ROW_NAME),
        .title = db_value(rows, row, SITE_ROW_TITLE),
        .rules = db_value(rows, row, SITE_ROW_RULES),
        .created = db_value(rows, row, SITE_ROW_CREATED),
        .created_by = db_value(rows, row, SITE_ROW_CREATED_BY),
        .updated = db_value(rows, row, SITE_ROW_UPDATED),
        .updated_by = db_value(rows, row, SITE_ROW_UPDATED_BY),
        .origins = db_value(rows, row, SITE_ROW_ORIGINS),
        .place = db_number(rows, row, SITE_ROW_PLACE),
    };
    if (!uuid_parse(db_value(rows, row, SITE_ROW_ID), &site->id))
        return err_set(err, ERR_BUG, "site id can't be read");
    return read_rules(arena, rows, row, site, err);
}

enum db_rc site_find(struct db *db, struct arena *arena, const char *name, struct site *site, struct err *err)
{
    struct db_result row;
    enum db_rc rc = db_query(db, arena, sql_site_by_name(name), &row, err);

    return rc != DB_ROW || read_site(arena, &row, 0, site, err) ? rc : DB_FAIL;
}

enum db_rc site_at(struct db *db, struct arena *arena, const struct origin *origin, const char *target,
                   struct site *site, struct err *err)
{
    const char **prefixes;
    struct db_result rows;
    enum db_rc rc = db_query(db, arena, sql_sites_at(origin->host, origin->port, origin->is_https), &rows, err);
    int chosen;

    if (rc != DB_ROW)
        return rc;
    prefixes = arena_alloc(arena, (size_t)rows.rows * sizeof *prefixes);
    if (prefixes == NULL) {
        err_memory(err);
        return DB_FAIL;
    }
    for (int row = 0; row < rows.rows; row++)
        prefixes[row] = db_value(&rows, row, SITE_ROW_COUNT);
    chosen = origin_choose(prefixes, rows.rows, target);
    if (chosen < 0)
        return DB_NONE;
    return read_site(arena, &rows, chosen, site, err) ? DB_ROW : DB_FAIL;
}

bool site_list(struct db *db, struct arena *arena, const struct site *after, int most, struct site **sites, int *count,
               struct err *err)
{
    int64_t place = after != NULL ? after->place : -1;
    const char *name = after != NULL ? after->name : "";
    struct db_result rows;

    *count = 0;
    if (db_query(db, arena, sql_site_list(place, name, most), &rows, err) == DB_FAIL)
        return false;
    *sites = arena_alloc(arena, (size_t)(rows.rows + 1) * sizeof **sites);
    if (*sites == NULL)
        return err_memory(err);
    for (; *count < rows.rows; ++*count)
        if (!read_site(arena, &rows, *count, &(*sites)[*count], err))
            return false;
    return true;
}
