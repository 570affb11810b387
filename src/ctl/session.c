/* mayflyctl session: lists and ends the sessions of accounts. */
#include "ctl/ctl.h"
#include "ctl/table.h"
#include "store/session_summary.h"

#include <stdio.h>

static const struct table_column session_columns[] = {
    {"ID", true}, {"SEEN", true}, {"EXPIRES", true}, {"ADDRESS", true}, {"USER AGENT", false}};

enum { SESSION_COLUMNS = sizeof session_columns / sizeof session_columns[0] };

static bool print_text(struct ctl *ctl, const struct db_result *rows, struct err *err)
{
    struct table table;

    table_init(&table, &ctl->arena, session_columns, SESSION_COLUMNS);
    for (int row = 0; row < rows->rows; row++) {
        const char *address = db_value(rows, row, SESSION_ADDRESS);
        const char *const cells[] = {db_value(rows, row, SESSION_ID), db_value(rows, row, SESSION_SEEN),
                                     db_value(rows, row, SESSION_EXPIRES), address[0] != '\0' ? address : "-",
                                     db_value(rows, row, SESSION_AGENT)};

        if (!table_add(&table, cells, err))
            return false;
    }
    table_print(&table);
    return true;
}

static void print_json(const struct db_result *rows)
{
    fputs("[", stdout);
    for (int row = 0; row < rows->rows; row++)
        printf("%s%s", row > 0 ? ",\n" : "", db_value(rows, row, SESSION_JSON));
    puts("]");
}

bool session_show(struct ctl *ctl, struct err *err)
{
    struct account_summary account;
    struct db_result rows;

    if (!ctl_account(ctl, ctl->arguments[0], &account, err) ||
        !session_summary_list(ctl->services.sessions.db, &ctl->arena, &account.id, &rows, err))
        return false;
    if (ctl->options[OPTION_JSON] == NULL)
        return print_text(ctl, &rows, err);
    print_json(&rows);
    return true;
}

static bool end_one(struct db *db, void *arg, struct err *err)
{
    struct ctl_change *change = arg;
    struct ctl *ctl = change->ctl;
    const struct uuid *id = change->value;
    enum db_rc rc = session_summary_owner(db, &ctl->arena, id, &change->account, err);

    if (rc == DB_ROW)
        rc = session_end(&ctl->services.sessions, &ctl->arena, id, &change->account, err);
    /* In a second try the session may be gone because the first try was committed. */
    if (rc == DB_NONE && change->forgets.count == 0)
        return err_set(err, ERR_ABSENT,
                       "there is no such session; mayflyctl session list NAME shows those of an account");
    return rc != DB_FAIL && session_ids_add(&change->forgets, &ctl->arena, id, err);
}

static bool stop_one(struct ctl *ctl, const char *text, struct err *err)
{
    struct uuid id;

    if (!uuid_parse(text, &id))
        return ctl_usage(err, "%.60s: not a session's id; mayflyctl session list NAME shows them", text);
    if (!ctl_apply(&(struct ctl_change){.ctl = ctl, .value = &id}, end_one, err))
        return false;
    fprintf(stderr, "%s: the session has ended\n", text);
    return true;
}

static bool end_all(struct db *db, void *arg, struct err *err)
{
    struct ctl_change *change = arg;

    (void)db;
    return ctl_lock_account(change, err) && ctl_end_sessions(change, err);
}

static bool stop_all(struct ctl *ctl, const char *login, struct err *err)
{
    struct account_summary account;

    if (!ctl_account(ctl, login, &account, err) ||
        !ctl_apply(&(struct ctl_change){.ctl = ctl, .account = account.id}, end_all, err))
        return false;
    fprintf(stderr, "%s: all sessions have ended\n", login);
    return true;
}

bool session_stop(struct ctl *ctl, struct err *err)
{
    const char *id = ctl->arguments[0], *login = ctl->options[OPTION_USER];

    if ((id == NULL) == (login == NULL))
        return ctl_usage(err, "name one session, or an account with --user");
    return id != NULL ? stop_one(ctl, id, err) : stop_all(ctl, login, err);
}
