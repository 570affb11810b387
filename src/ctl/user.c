/* mayflyctl user: accounts. */
#include "app/account/credentials.h"
#include "base/bytes.h"
#include "base/text_limit.h"
#include "ctl/ctl.h"
#include "ctl/password.h"
#include "ctl/table.h"

#include <stdio.h>
#include <string.h>

enum { GROUPS_MAX = 64, PAGE_ACCOUNTS = 500 };

/* Whether list, separated by commas, names this group. */
static bool has_group(const char *list, size_t list_length, const char *group, size_t length)
{
    const char *end = list + list_length;

    while (list < end) {
        size_t step = strcspn(list, ",");

        if (step == length && memcmp(list, group, length) == 0)
            return true;
        list += step + 1;
    }
    return false;
}

static bool check_group(const char *list, const char *group, size_t length, struct err *err)
{
    const struct text_limit *limit = text_limit(TEXT_GROUP);

    if (!text_is_group(group, length))
        return err_set(err, ERR_VALUE, "group '%.*s': %zu to %zu of the characters A-Z a-z 0-9 . _ : -",
                       (int)(length < limit->most ? length : limit->most), group, limit->least, limit->most);
    if (has_group(list, (size_t)(group - list), group, length))
        return err_set(err, ERR_VALUE, "group '%.*s' is named twice", (int)length, group);
    return true;
}

/* The names of "a,b", checked; "" is no group. */
static bool read_groups(struct arena *arena, const char *list, struct db_texts *groups, struct err *err)
{
    const char **names = arena_alloc(arena, GROUPS_MAX * sizeof *names), *group = list;
    size_t count = 0;

    if (names == NULL)
        return err_memory(err);
    while (list[0] != '\0') {
        size_t length = strcspn(group, ",");

        if (!check_group(list, group, length, err))
            return false;
        if (count == GROUPS_MAX)
            return err_set(err, ERR_VALUE, "an account has at most %d groups", GROUPS_MAX);
        names[count] = arena_strndup(arena, group, length);
        if (names[count++] == NULL)
            return err_memory(err);
        if (group[length] == '\0')
            break;
        group += length + 1;
    }
    *groups = (struct db_texts){names, count};
    return true;
}

/* Reads or makes a password and hashes it; guesses as for password_check. */
static bool new_password(struct ctl *ctl, const char *const *guesses, struct ctl_password *password,
                         char hash[PASSWORD_HASH_BYTES], struct err *err)
{
    const struct password_cost cost = credentials_cost(&ctl->services.config);

    if (ctl->options[OPTION_GENERATE] != NULL)
        ctl_password_generate(password);
    else if (!ctl_password_ask(password, err) || !password_check(password->text, password->length, guesses, err))
        return false;
    return password_hash(&cost, password->text, password->length, hash, err);
}

/* Called last, so that a password is printed only after the account has it. */
static void tell_password(const struct ctl *ctl, const struct ctl_password *password)
{
    if (ctl->options[OPTION_GENERATE] != NULL)
        puts(password->text);
}

struct new_account {
    struct account_fields fields;
    struct db_texts groups;
    char hash[PASSWORD_HASH_BYTES];
};

/* A name with '@' is an address, since usernames have none. */
static bool read_account(struct ctl *ctl, struct new_account *new, struct err *err)
{
    bool is_address = strchr(ctl->arguments[0], '@') != NULL;
    const char *email = ctl->options[OPTION_EMAIL], *name = ctl->options[OPTION_NAME];
    const char *groups = ctl->options[OPTION_GROUPS];

    if (is_address && email != NULL)
        return ctl_usage(err, "NAME is an e-mail address, so --email can't give another");
    new->fields = (struct account_fields){
        .username = is_address ? NULL : ctl->arguments[0],
        .email = is_address ? ctl->arguments[0] : email,
        .name = name,
    };
    return account_check(&new->fields, err) &&
           read_groups(&ctl->arena, groups != NULL ? groups : "", &new->groups, err);
}

static bool create(struct db *db, void *arg, struct err *err)
{
    struct ctl_change *change = arg;
    const struct new_account *new = change->value;
    struct arena *arena = &change->ctl->arena;
    struct account same;
    const char *profile;

    /* An earlier try may have been committed although its answer was lost. */
    switch (account_by_id(db, arena, &change->account, &same, err)) {
    case DB_FAIL:
        return false;
    case DB_ROW:
        return true;
    case DB_NONE:
        break;
    }
    return account_create(db, arena, &change->account, &new->fields, new->hash, &profile, err) &&
           ctl_found(account_set_groups(db, arena, &change->account, new->groups, err), err);
}

bool user_add(struct ctl *ctl, struct err *err)
{
    struct new_account new;
    struct ctl_change change = {.ctl = ctl, .account = uuid_new(ctl->services.clock), .value = &new};
    const char *const guesses[] = {ctl->arguments[0], ctl->options[OPTION_EMAIL], NULL};
    struct ctl_password password;
    bool done = read_account(ctl, &new, err) && new_password(ctl, guesses, &password, new.hash, err) &&
                ctl_apply(&change, create, err);

    if (done) {
        fprintf(stderr, "%s: the account is made\n", ctl->arguments[0]);
        tell_password(ctl, &password);
    }
    bytes_wipe(&password, sizeof password);
    return done;
}

static bool replace_password(struct db *db, void *arg, struct err *err)
{
    struct ctl_change *change = arg;

    return ctl_lock_account(change, err) &&
           ctl_found(account_set_password(db, &change->ctl->arena, &change->account, change->value, NULL, err), err) &&
           ctl_end_sessions(change, err);
}

bool user_passwd(struct ctl *ctl, struct err *err)
{
    struct account_summary account;
    struct ctl_password password;
    char hash[PASSWORD_HASH_BYTES];
    bool done;

    if (!ctl_account(ctl, ctl->arguments[0], &account, err))
        return false;
    done = new_password(ctl, (const char *[]){account.username, account.email, NULL}, &password, hash, err) &&
           ctl_apply(&(struct ctl_change){.ctl = ctl, .account = account.id, .value = hash}, replace_password, err);
    if (done) {
        fprintf(stderr, "%s: the password is changed, all sessions have ended\n", ctl->arguments[0]);
        tell_password(ctl, &password);
    }
    bytes_wipe(&password, sizeof password);
    return done;
}

/* Sessions end, so that they are not valid again when the account is enabled. Keys are, since programs can't log in. */
static bool disable(struct db *db, void *arg, struct err *err)
{
    struct ctl_change *change = arg;

    return ctl_lock_account(change, err) &&
           ctl_found(account_set_disabled(db, &change->ctl->arena, &change->account, true, err), err) &&
           ctl_end_sessions(change, err) && ctl_forget_keys(change, err);
}

static bool close_account(struct db *db, void *arg, struct err *err)
{
    struct ctl_change *change = arg;

    return ctl_lock_account(change, err) &&
           account_close(db, &change->ctl->arena, &change->account, &change->forgets, err);
}

bool user_delete(struct ctl *ctl, struct err *err)
{
    struct account_summary account;

    if (!ctl_account(ctl, ctl->arguments[0], &account, err) ||
        !ctl_apply(&(struct ctl_change){.ctl = ctl, .account = account.id}, close_account, err))
        return false;
    fprintf(stderr, "%s: the account is closed, all sessions have ended; a sweep removes its files\n",
            ctl->arguments[0]);
    return true;
}

static bool enable(struct db *db, void *arg, struct err *err)
{
    struct ctl_change *change = arg;

    return ctl_found(account_set_disabled(db, &change->ctl->arena, &change->account, false, err), err);
}

bool user_disable(struct ctl *ctl, struct err *err)
{
    struct account_summary account;

    if (!ctl_account(ctl, ctl->arguments[0], &account, err) ||
        !ctl_apply(&(struct ctl_change){.ctl = ctl, .account = account.id}, disable, err))
        return false;
    fprintf(stderr, "%s: the account is disabled, all sessions have ended\n", ctl->arguments[0]);
    return true;
}

bool user_enable(struct ctl *ctl, struct err *err)
{
    struct account_summary account;

    if (!ctl_account(ctl, ctl->arguments[0], &account, err) ||
        !ctl_apply(&(struct ctl_change){.ctl = ctl, .account = account.id}, enable, err))
        return false;
    fprintf(stderr, "%s: the account is enabled\n", ctl->arguments[0]);
    return true;
}

static bool replace_groups(struct db *db, void *arg, struct err *err)
{
    struct ctl_change *change = arg;
    struct ctl *ctl = change->ctl;
    const struct db_texts *groups = change->value;

    return ctl_lock_account(change, err) &&
           ctl_found(account_set_groups(db, &ctl->arena, &change->account, *groups, err), err) &&
           session_ids_of(&ctl->services.sessions, &ctl->arena, &change->account, &change->forgets, err);
}

bool user_groups(struct ctl *ctl, struct err *err)
{
    struct account_summary account;
    struct db_texts groups;

    if (!read_groups(&ctl->arena, ctl->arguments[1], &groups, err) ||
        !ctl_account(ctl, ctl->arguments[0], &account, err) ||
        !ctl_apply(&(struct ctl_change){.ctl = ctl, .account = account.id, .value = &groups}, replace_groups, err))
        return false;
    if (ctl->arguments[1][0] != '\0')
        fprintf(stderr, "%s: the groups are %s\n", ctl->arguments[0], ctl->arguments[1]);
    else
        fprintf(stderr, "%s: no groups\n", ctl->arguments[0]);
    return true;
}

static const struct table_column account_columns[] = {
    {"CREATED", true}, {"STATE", true}, {"USERNAME", false}, {"E-MAIL", false}, {"GROUPS", false}};

enum { ACCOUNT_COLUMNS = sizeof account_columns / sizeof account_columns[0] };

static bool add_account(struct table *table, const struct db_result *rows, int row, struct err *err)
{
    const char *username = db_value(rows, row, ACCOUNT_USERNAME), *email = db_value(rows, row, ACCOUNT_EMAIL);
    const char *const cells[] = {
        db_value(rows, row, ACCOUNT_CREATED), db_flag(rows, row, ACCOUNT_DISABLED) ? "disabled" : "active",
        username[0] != '\0' ? username : "-", email[0] != '\0' ? email : "-", db_value(rows, row, ACCOUNT_GROUPS)};

    return table_add(table, cells, err);
}

/* Reads and prints page by page, so that a million accounts need no more memory than one page. */
static bool print_accounts(struct ctl *ctl, struct uuid after, bool json, struct err *err)
{
    const char *between = "";
    struct db_result rows;
    struct table table;

    table_init(&table, &ctl->arena, account_columns, ACCOUNT_COLUMNS);
    do {
        if (!account_summary_list(ctl->services.sessions.db, &ctl->arena, &after, PAGE_ACCOUNTS, &rows, err))
            return false;
        for (int row = 0; row < rows.rows; row++, between = ",\n")
            if (json)
                printf("%s%s", between, db_value(&rows, row, ACCOUNT_JSON));
            else if (!add_account(&table, &rows, row, err))
                return false;
        if (!json)
            table_print(&table);
        if (rows.rows > 0 && !uuid_parse(db_value(&rows, rows.rows - 1, ACCOUNT_ID), &after))
            return err_set(err, ERR_BUG, "account id can't be read");
        arena_reset(&ctl->arena);
    } while (rows.rows == PAGE_ACCOUNTS);
    return true;
}

bool user_list(struct ctl *ctl, struct err *err)
{
    bool json = ctl->options[OPTION_JSON] != NULL;
    const char *after = ctl->options[OPTION_AFTER];
    struct account_summary account = {.id = {.bytes = {0}}};

    if (after != NULL && !ctl_account(ctl, after, &account, err))
        return false;
    if (json)
        fputs("[", stdout);
    if (!print_accounts(ctl, account.id, json, err))
        return false;
    if (json)
        puts("]");
    return true;
}
