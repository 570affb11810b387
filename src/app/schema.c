#include "app/schema.h"

#include <inttypes.h>

bool schema_reaches(const struct operate_schema *schema, struct err *err)
{
    if (schema->number >= SCHEMA_NUMBER)
        return true;
    return err_set(err, ERR_STALE,
                   "the schema of %s is at %" PRId64 ", this build needs %d; run as PostgreSQL's "
                   "superuser: psql -d %s -f " SCHEMA_DIR "/apply.sql",
                   schema->database, schema->number, SCHEMA_NUMBER, schema->database);
}
