/* Whether the database has what this build needs. */
#ifndef MAYFLY_APP_SCHEMA_H
#define MAYFLY_APP_SCHEMA_H

#include "store/operate.h"

/*
 * ERR_STALE says what is missing and how to apply it. A newer schema serves this build too, so that two releases can
 * serve.
 */
bool schema_reaches(const struct operate_schema *, struct err *) MUST_CHECK;

#endif
