/*
 * The parts of a tus upload become one file (tus 1.0.0, Concatenation): a job that reads them one after the other and adds
 * their bytes to the file's own upload, for whatever back ends and sizes. Whoever asks again goes on where it stopped.
 */
#ifndef MAYFLY_APP_FILE_TUS_JOIN_H
#define MAYFLY_APP_FILE_TUS_JOIN_H

#include "app/exchange.h"
#include "store/upload.h"

/* Sets the job of the request, which has its answer already; in the end the file is committed and its parts are dropped. */
bool tus_join(struct exchange *, struct upload *, struct err *) MUST_CHECK;

#endif
