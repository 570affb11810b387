/* Sessions as administrators see them. */
#ifndef MAYFLY_STORE_SESSION_SUMMARY_H
#define MAYFLY_STORE_SESSION_SUMMARY_H

#include "db/db.h"

/* Columns of session_summary_list. */
enum { SESSION_ID, SESSION_SEEN, SESSION_EXPIRES, SESSION_ADDRESS, SESSION_AGENT, SESSION_JSON };

/* The account's live sessions, newest use first. */
bool session_summary_list(struct db *, struct arena *, const struct uuid *account, struct db_result *rows,
                          struct err *) MUST_CHECK;

/* The account of a session. DB_NONE: there is no such session. */
enum db_rc session_summary_owner(struct db *, struct arena *, const struct uuid *id, struct uuid *account,
                                 struct err *) MUST_CHECK;

#endif
