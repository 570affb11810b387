/* mayflyctl key: keys with which programs act for an account. */
#include "store/key.h"
#include "base/bytes.h"
#include "base/decimal.h"
#include "ctl/ctl.h"
#include "ctl/table.h"

#include <stdio.h>
#include <string.h>

enum { DAY_S = 86400 };

/* --- Arguments */

/* Splits "a,b" into names in the arena: at most `most` of them, and one more when there are more. */
static bool split(struct ctl *ctl, const char *list, const char **names, size_t most, size_t *count, struct err *err)
{
    *count = 0;
    while (*count <= most) {
        size_t length = strcspn(list, ",");

        names[*count] = arena_strndup(&ctl->arena, list, length);
        if (names[(*count)++] == NULL)
            return err_memory(err);
        if (list[length] == '\0')
            break;
        list += length + 1;
    }
    return true;
}

static bool read_scopes(struct ctl *ctl, struct key_draft *draft, struct err *err)
{
    const char *names[KEY_SCOPES + 1];
    size_t count;

    if (ctl->options[OPTION_SCOPES] == NULL)
        return ctl_usage(err, "say what it opens: --scopes gate,data,files,password");
    if (!split(ctl, ctl->options[OPTION_SCOPES], names, KEY_SCOPES, &count, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        unsigned scope = key_scope_of(names[i], strlen(names[i]));

        if (scope == 0)
            return ctl_usage(err, "--scopes: '%.40s' is none of gate, data, files and password", names[i]);
        draft->scopes |= scope;
    }
    return true;
}

static bool read_days(struct ctl *ctl, struct key_draft *draft, struct err *err)
{
    const struct config *config = &ctl->services.config;
    const char *text = ctl->options[OPTION_DAYS];
    int64_t days;

    draft->seconds = config->key_s < config->key_max_s ? config->key_s : config->key_max_s;
    if (text == NULL)
        return true;
    if (!decimal_parse(text, 1, config->key_max_s / DAY_S, &days))
        return ctl_usage(err, "--days: a number from 1 to %lld (key_max_s), not '%.40s'",
                         (long long)config->key_max_s / DAY_S, text);
    draft->seconds = days * DAY_S;
    return true;
}

static bool read_draft(struct ctl *ctl, struct key_draft *draft, struct err *err)
{
    const char *sites = ctl->options[OPTION_SITES], *names[KEY_SITES_MAX + 1];
    size_t count;

    *draft = (struct key_draft){.name = ctl->arguments[1], .all_sites = sites == NULL};
    if (!read_scopes(ctl, draft, err) || !key_check(draft, err) || !read_days(ctl, draft, err))
        return false;
    return sites == NULL || (split(ctl, sites, names, KEY_SITES_MAX, &count, err) &&
                             key_find_sites(ctl->services.sessions.db, &ctl->arena, names, count, draft, err));
}

/* --- Changes */

struct making {
    const struct token *token;
    const struct key_draft *draft;
};

static bool add(struct db *db, void *arg, struct err *err)
{
    struct ctl_change *change = arg;
    const struct making *making = change->value;
    const char *expires_at;

    (void)db;
    return ctl_lock_account(change, err) && key_add(&change->ctl->services.sessions, &change->ctl->arena,
                                                    &change->account, making->token, making->draft, &expires_at, err);
}

/* The key alone goes to standard output, after the account has it. */
bool key_make(struct ctl *ctl, struct err *err)
{
    struct account_summary account;
    struct key_draft draft;
    struct token token;
    struct making making = {.token = &token, .draft = &draft};
    char text[TOKEN_TEXT_BYTES];
    bool done;

    if (!read_draft(ctl, &draft, err) || !ctl_account(ctl, ctl->arguments[0], &account, err))
        return false;
    if (account.disabled)
        return err_set(err, ERR_DENIED, "%.200s: the account is disabled", ctl->arguments[0]);
    token_new_key(ctl->services.clock, &token, text);
    done = ctl_apply(&(struct ctl_change){.ctl = ctl, .account = account.id, .value = &making}, add, err);
    if (done) {
        fprintf(stderr, "%s: the key is made; it is shown this once\n", ctl->arguments[0]);
        puts(text);
    }
    bytes_wipe(text, sizeof text);
    return done;
}

static bool revoke(struct db *db, void *arg, struct err *err)
{
    struct ctl_change *change = arg;
    struct ctl *ctl = change->ctl;
    const struct uuid *id = change->value;
    enum db_rc rc = key_owner(db, &ctl->arena, id, &change->account, err);

    if (rc == DB_ROW)
        rc = key_revoke(&ctl->services.sessions, &ctl->arena, id, &change->account, err);
    /* In a second try it may be gone because the first one was committed. */
    if (rc == DB_NONE && change->forgets.count == 0)
        return err_set(err, ERR_ABSENT, "there is no such key; mayflyctl key list NAME shows those of an account");
    return rc != DB_FAIL && session_ids_add(&change->forgets, &ctl->arena, id, err);
}

bool key_drop(struct ctl *ctl, struct err *err)
{
    struct uuid id;

    if (!uuid_parse(ctl->arguments[0], &id))
        return ctl_usage(err, "%.60s: not a key's id; mayflyctl key list NAME shows them", ctl->arguments[0]);
    if (!ctl_apply(&(struct ctl_change){.ctl = ctl, .value = &id}, revoke, err))
        return false;
    fprintf(stderr, "%s: the key is revoked\n", ctl->arguments[0]);
    return true;
}

/* --- Lists */

static const struct table_column key_columns[] = {{"ID", true},   {"SCOPES", true},  {"SITES", true},
                                                  {"SEEN", true}, {"EXPIRES", true}, {"NAME", false}};

enum { KEY_COLUMNS = sizeof key_columns / sizeof key_columns[0] };

static bool print_text(struct ctl *ctl, const struct db_result *rows, struct err *err)
{
    struct table table;

    table_init(&table, &ctl->arena, key_columns, KEY_COLUMNS);
    for (int row = 0; row < rows->rows; row++) {
        const char *sites = db_value(rows, row, KEY_ROW_SITES), *seen = db_value(rows, row, KEY_ROW_SEEN);
        const char *const cells[] = {db_value(rows, row, KEY_ROW_ID),      db_value(rows, row, KEY_ROW_SCOPES),
                                     sites[0] != '\0' ? sites : "-",       seen[0] != '\0' ? seen : "-",
                                     db_value(rows, row, KEY_ROW_EXPIRES), db_value(rows, row, KEY_ROW_NAME)};

        if (!table_add(&table, cells, err))
            return false;
    }
    table_print(&table);
    return true;
}

bool key_print_all(struct ctl *ctl, struct err *err)
{
    struct account_summary account;
    struct db_result rows;

    if (!ctl_account(ctl, ctl->arguments[0], &account, err) ||
        !key_overview(ctl->services.sessions.db, &ctl->arena, &account.id, &rows, err))
        return false;
    if (ctl->options[OPTION_JSON] == NULL)
        return print_text(ctl, &rows, err);
    fputs("[", stdout);
    for (int row = 0; row < rows.rows; row++)
        printf("%s%s", row > 0 ? ",\n" : "", db_value(&rows, row, KEY_ROW_JSON));
    puts("]");
    return true;
}
