/* The users of the installation's secret: workers and links, which limit its rotation. */
#ifndef MAYFLY_STORE_SECRET_USE_H
#define MAYFLY_STORE_SECRET_USE_H

#include "db/db.h"

enum secret_use { SECRET_USE_WORKERS, SECRET_USE_LINKS };

/*
 * Columns of SECRET_USE_WORKERS: a row for each connection of a worker, with its name. SECRET_USE_LINKS has one row:
 * how many links need a key, and until when.
 */
enum { SECRET_WORKER_NAME, SECRET_WORKER_HOST };
enum { SECRET_LINKS_COUNT = 0, SECRET_LINKS_UNTIL };

bool secret_use_read(struct db *, struct arena *, enum secret_use, struct db_result *rows, struct err *) MUST_CHECK;

#endif
