/* mayflyctl invitation: invitations to register that nobody has used. mayflyctl invite makes them. */
#include "store/invitation.h"
#include "ctl/ctl.h"
#include "ctl/table.h"

#include <stdio.h>

bool invitation_print_all(struct ctl *ctl, struct err *err)
{
    static const struct table_column columns[] = {{"ID", true}, {"MADE", true}, {"BY", false}, {"EXPIRES", true}};
    struct db_result rows;

    if (!invitation_list(ctl->services.sessions.db, &ctl->arena, &rows, err))
        return false;
    return ctl_print_rows(ctl, columns, INVITATION_JSON, &rows, err);
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
    enum db_rc rc = invitation_revoke(db, &removal->ctl->arena, &removal->id, err);

    return rc == DB_ROW ||
           (rc == DB_NONE && (removal->tries++ > 0 || err_set(err, ERR_ABSENT,
                                                              "there is no such invitation: it was used, has ended, or "
                                                              "was revoked already")));
}

bool invitation_drop(struct ctl *ctl, struct err *err)
{
    struct removal removal = {.ctl = ctl};

    if (!uuid_parse(ctl->arguments[0], &removal.id))
        return ctl_usage(err, "'%.60s' is no invitation's id; mayflyctl invitation list shows them", ctl->arguments[0]);
    if (!db_transaction(ctl->services.sessions.db, take_away, &removal, err))
        return false;
    fprintf(stderr, "%s: the invitation is revoked\n", ctl->arguments[0]);
    return true;
}
