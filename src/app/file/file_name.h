/* The field `name` of a request that names a file. */
#ifndef MAYFLY_APP_FILE_FILE_NAME_H
#define MAYFLY_APP_FILE_FILE_NAME_H

#include "base/err.h"
#include "http/disposition.h"

/*
 * Makes the name safe to display and to save. ERR_VALUE: it is too long. The name of an upload is cut instead, because
 * it comes from the user's disk; a name that was typed can be typed again.
 */
bool file_name_read(const char *name, char safe[DISPOSITION_NAME_BYTES], struct err *) MUST_CHECK;

#endif
