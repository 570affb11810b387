/*
 * Invitations to register: tokens (base/token.h) that are valid for one registration, which deletes the row in its own
 * transaction. Only administrators make them.
 */
#ifndef MAYFLY_STORE_INVITATION_H
#define MAYFLY_STORE_INVITATION_H

#include "base/token.h"
#include "db/db.h"

/*
 * In a transaction of its own. ERR_LIMIT: there are as many as `most`. Run again after a lost COMMIT, it does nothing
 * more.
 */
bool invitation_add(struct db *, struct arena *, const struct token *, const char *by, int64_t seconds, int64_t most,
                    struct err *) MUST_CHECK;

/* Those that nobody has used and that have not ended, the newest first. */
enum { INVITATION_ID, INVITATION_CREATED, INVITATION_BY, INVITATION_EXPIRES, INVITATION_JSON };
bool invitation_list(struct db *, struct arena *, struct db_result *rows, struct err *) MUST_CHECK;

/* In a transaction of its own. DB_NONE: there is none. */
enum db_rc invitation_revoke(struct db *, struct arena *, const struct uuid *id, struct err *) MUST_CHECK;

/* DB_NONE: it was used, has expired, or is not an invitation. */
enum db_rc invitation_find(struct db *, struct arena *, const struct token *, struct err *) MUST_CHECK;
enum db_rc invitation_use(struct db *, struct arena *, const struct token *, struct err *) MUST_CHECK;

#endif
