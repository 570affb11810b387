/* Whether the database has the schema that this build needs. */
#ifndef MAYFLY_APP_SCHEMA_H
#define MAYFLY_APP_SCHEMA_H

#include "store/operate.h"

/*
 * ERR_STALE says what is missing and how to apply it. A newer schema is accepted, so that two releases can serve side
 * by side.
 */
bool schema_reaches(const struct operate_schema *, struct err *) MUST_CHECK;

#endif
