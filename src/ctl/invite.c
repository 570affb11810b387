/* mayflyctl invite: an invitation to register. */
#include "base/bytes.h"
#include "base/decimal.h"
#include "ctl/ctl.h"
#include "store/invitation.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    DAY_S = 86400,
    DAYS_MAX = 365,
    BY_BYTES = 96, /* the schema has room for 100 characters */
};

struct making {
    struct ctl *ctl;
    struct token token;
    char by[BY_BYTES];
    int64_t seconds;
};

static bool add(struct db *db, void *arg, struct err *err)
{
    struct making *making = arg;

    return invitation_add(db, &making->ctl->arena, &making->token, making->by, making->seconds,
                          making->ctl->services.config.invitations_max, err);
}

static bool read_days(struct ctl *ctl, int64_t *seconds, struct err *err)
{
    const char *text = ctl->options[OPTION_DAYS];
    int64_t days;

    *seconds = ctl->services.config.invitation_s;
    if (text == NULL)
        return true;
    if (!decimal_parse(text, 1, DAYS_MAX, &days))
        return ctl_usage(err, "--days: a number from 1 to %d, not '%.40s'", DAYS_MAX, text);
    *seconds = days * DAY_S;
    return true;
}

/* Prints the invitation alone to standard output, after it is committed: as a link, if the site's address is known. */
bool invite_make(struct ctl *ctl, struct err *err)
{
    const struct config *config = &ctl->services.config;
    const struct passwd *user = getpwuid(getuid());
    struct making making = {.ctl = ctl};
    char text[TOKEN_TEXT_BYTES];
    bool done;

    if (!read_days(ctl, &making.seconds, err))
        return false;
    snprintf(making.by, BY_BYTES, "mayflyctl (%.60s)", user != NULL ? user->pw_name : "?");
    token_new_invitation(ctl->services.clock, &making.token, text);
    done = db_transaction(ctl->services.sessions.db, add, &making, err);
    if (done && strcmp(config->registration, "invite") != 0)
        fprintf(stderr, "mayflyctl: warning: an invitation is not needed while registration = %s\n",
                config->registration);
    if (done && config->public_origin[0] != '\0')
        printf("%s/register?invite=%s\n", config->public_origin, text);
    else if (done)
        puts(text);
    bytes_wipe(text, sizeof text);
    return done;
}
