/* Whether a browser has sent a request for a page of ours, or for somebody else's. */
#ifndef MAYFLY_APP_ORIGIN_PROOF_H
#define MAYFLY_APP_ORIGIN_PROOF_H

#include "app/exchange.h"

enum origin_proof { PROOF_FOREIGN, PROOF_NONE, PROOF_SAME };

/*
 * By Fetch Metadata and Origin, which the browser itself sends and no page can forge. Ours is the origin that the
 * request asks; at a site that is the site's.
 */
enum origin_proof origin_proof(const struct exchange *);

#endif
