#include "app/origin_proof.h"

#include <string.h>
#include <strings.h>

static const char *own_origin(const struct exchange *x)
{
    const char *configured = x->services->config.public_origin;

    return configured[0] != '\0' && x->request.target[0] == '\0' ? configured : x->request.origin;
}

enum origin_proof origin_proof(const struct exchange *x)
{
    const struct request *request = &x->request;

    if (request->fetch_site[0] != '\0' && strcmp(request->fetch_site, "same-origin") != 0 &&
        strcmp(request->fetch_site, "none") != 0)
        return PROOF_FOREIGN;
    if (request->origin_header[0] == '\0')
        return strcmp(request->fetch_site, "same-origin") == 0 ? PROOF_SAME : PROOF_NONE;
    return strcasecmp(request->origin_header, own_origin(x)) == 0 ? PROOF_SAME : PROOF_FOREIGN;
}
