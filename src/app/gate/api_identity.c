/* GET /profile/identity: who is logged in, as the apps behind the gate are told it, for scripts of their pages. */
#include "app/api.h"
#include "app/cors.h"
#include "app/gate/identity.h"

bool api_identity(struct exchange *x, struct err *err)
{
    return cors_check_visitor(x, err) && identity_json(x, err);
}
