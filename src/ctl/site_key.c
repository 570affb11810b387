/* mayflyctl site key, keys, revoke: the keys of the servers of apps. */
#include "store/site_key.h"
#include "base/bytes.h"
#include "base/utf8.h"
#include "ctl/ctl.h"
#include "ctl/table.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BY_BYTES = 96 /* the schema has room for 100 characters */ };

struct making {
    struct ctl *ctl;
    const struct token *token;
    struct uuid site;
    const char *label;
    char by[BY_BYTES];
};

static bool find(struct ctl *ctl, struct uuid *id, struct err *err)
{
    struct site site;

    if (site_find(ctl->services.sessions.db, &ctl->arena, ctl->arguments[0], &site, err) != DB_ROW)
        return err_set(err, ERR_ABSENT, "%.60s: there is no such site; mayflyctl site list shows all",
                       ctl->arguments[0]);
    *id = site.id;
    return true;
}

/* Terminals show it. */
static bool check_label(const char *label, struct err *err)
{
    size_t length = strlen(label);

    return (length > 0 && utf8_check(label, length) == length && utf8_count(label, length) <= SITE_KEY_LABEL_MAX &&
            !utf8_has_control(label, length)) ||
           ctl_usage(err, "a label says where the key is used, in 1 to %d characters", SITE_KEY_LABEL_MAX);
}

static bool add(struct db *db, void *arg, struct err *err)
{
    struct making *making = arg;
    struct arena *arena = &making->ctl->arena;

    return site_begin(db, arena, err) &&
           site_key_add(db, arena, making->token, &making->site, making->label, making->by, err);
}

/* The key alone goes to standard output, after it is committed. */
bool site_key_make(struct ctl *ctl, struct err *err)
{
    const struct passwd *user = getpwuid(getuid());
    struct token token;
    struct making making = {.ctl = ctl, .token = &token, .label = ctl->arguments[1]};
    char text[TOKEN_TEXT_BYTES];
    bool done;

    if (!check_label(making.label, err) || !find(ctl, &making.site, err))
        return false;
    snprintf(making.by, sizeof making.by, "mayflyctl (%.60s)", user != NULL ? user->pw_name : "?");
    token_new_key(ctl->services.clock, &token, text);
    done = db_transaction(ctl->services.sessions.db, add, &making, err);
    if (done) {
        fprintf(stderr, "%s: the key is made; it is shown this once\n", ctl->arguments[0]);
        puts(text);
    }
    bytes_wipe(text, sizeof text);
    return done;
}

bool site_key_print_all(struct ctl *ctl, struct err *err)
{
    static const struct table_column columns[] = {
        {"ID", true}, {"LABEL", false}, {"MADE", true}, {"BY", false}, {"LAST USE", true}};
    struct db_result rows;
    struct uuid site;

    if (!find(ctl, &site, err) || !site_key_list(ctl->services.sessions.db, &ctl->arena, &site, &rows, err))
        return false;
    return ctl_print_rows(ctl, columns, SITE_KEY_JSON, &rows, err);
}

struct removal {
    struct ctl *ctl;
    struct uuid id;
    int tries;
};

/* In a second try it may be gone because the first one was committed. */
static bool take_away(struct db *db, void *arg, struct err *err)
{
    struct removal *removal = arg;
    struct arena *arena = &removal->ctl->arena;
    enum db_rc rc;

    if (!site_begin(db, arena, err))
        return false;
    rc = site_key_remove(db, arena, &removal->id, err);
    return rc == DB_ROW ||
           (rc == DB_NONE && (removal->tries++ > 0 ||
                              err_set(err, ERR_ABSENT, "there is no such key; it was revoked already, perhaps")));
}

bool site_key_drop(struct ctl *ctl, struct err *err)
{
    struct removal removal = {.ctl = ctl};

    if (!uuid_parse(ctl->arguments[0], &removal.id))
        return ctl_usage(err, "'%.60s' is no key's id; mayflyctl site keys NAME shows them", ctl->arguments[0]);
    if (!db_transaction(ctl->services.sessions.db, take_away, &removal, err))
        return false;
    fprintf(stderr, "%s: the key is revoked\n", ctl->arguments[0]);
    return true;
}
