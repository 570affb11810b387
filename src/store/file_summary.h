/* Files as administrators see them: those of an account, and all facts about one. */
#ifndef MAYFLY_STORE_FILE_SUMMARY_H
#define MAYFLY_STORE_FILE_SUMMARY_H

#include "db/db.h"

/* Columns of file_summary_list. */
enum { OVERVIEW_ID, OVERVIEW_KIND, OVERVIEW_SIZE, OVERVIEW_BACK_END, OVERVIEW_CREATED, OVERVIEW_NAME, OVERVIEW_JSON };

/* At most `most` committed files of the account before this one (NULL: from the newest), the newest first. */
bool file_summary_list(struct db *, struct arena *, const struct uuid *account, const struct uuid *before, int most,
                       struct db_result *rows, struct err *) MUST_CHECK;

/* Columns of file_summary_show. Each row is one fact about the file; the last column has all facts, in each row. */
enum { SHOWN_NAME, SHOWN_VALUE, SHOWN_JSON };
enum db_rc file_summary_show(struct db *, struct arena *, const struct uuid *id, struct db_result *rows,
                             struct err *) MUST_CHECK;

#endif
