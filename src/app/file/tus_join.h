/*
 * Joins the parts of a tus upload to one file (tus 1.0.0, Concatenation): a job reads the parts one after the other and
 * adds their bytes to the file's own upload, with any back ends and sizes. A repeated request continues where it
 * stopped.
 */
#ifndef MAYFLY_APP_FILE_TUS_JOIN_H
#define MAYFLY_APP_FILE_TUS_JOIN_H

#include "app/exchange.h"
#include "store/upload.h"

/* Sets the job of the request, whose answer is complete. At its end the file is committed and its parts are dropped. */
bool tus_join(struct exchange *, struct upload *, struct err *) MUST_CHECK;

#endif
