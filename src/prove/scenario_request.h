/* A request of a scenario as it is sent, its variables filled in. */
#ifndef MAYFLY_PROVE_SCENARIO_REQUEST_H
#define MAYFLY_PROVE_SCENARIO_REQUEST_H

#include "prove/http.h"
#include "prove/variables.h"

enum { SCENARIO_FILE_BYTES_MAX = 64 * 1024 * 1024, SCENARIO_HEADERS_MAX = 64 };

/*
 * Everything is in the arena. folder is where file,NAME; is looked for; boundary parts a multipart body, and is in no
 * value. jar, peer, fresh and timeout are left to the caller. ERR_ABSENT: a variable has no value yet. ERR_INPUT: with
 * its variables' values it can't be sent.
 */
bool scenario_request_make(const struct scenario_entry *, const struct variables *, const char *url, const char *folder,
                           const char *boundary, struct arena *, struct prove_request *, struct err *) MUST_CHECK;

#endif
