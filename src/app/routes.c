#include "app/routes.h"

#include "app/api.h"
#include "app/page.h"

const struct route routes[] = {
    {METHOD_GET, "/", NEED_GUEST, page_index},
    {METHOD_GET, "/login", NEED_GUEST, page_login},
    {METHOD_POST, "/login", NEED_GUEST, api_login},
    {METHOD_GET, "/register", NEED_GUEST, page_register},
    {METHOD_POST, "/register", NEED_GUEST, api_register},
    {METHOD_POST, "/logout", NEED_LOGIN, api_logout},
    {METHOD_GET, "/account", NEED_PAGE, page_account},
    {METHOD_GET, "/workers", NEED_GUEST, page_workers},
    {METHOD_GET, "/worker", NEED_NOTHING, api_worker},

    {METHOD_GET, "/profile", NEED_LOGIN, api_profile_get},
    {METHOD_PATCH, "/profile", NEED_LOGIN, api_profile_patch},
    {METHOD_POST, "/profile", NEED_LOGIN, api_profile_patch}, /* a form's way to PATCH */
    {METHOD_DELETE, "/profile", NEED_LOGIN, api_profile_delete},
    {METHOD_POST, "/profile/delete", NEED_LOGIN, api_profile_delete}, /* a form's way to DELETE */
    {METHOD_POST, "/password", NEED_LOGIN, api_password},

    {METHOD_GET, "/sessions", NEED_LOGIN, api_sessions_list},
    {METHOD_DELETE, "/sessions", NEED_LOGIN, api_sessions_end_others},
    {METHOD_POST, "/sessions/end-others", NEED_LOGIN, api_sessions_end_others},
    {METHOD_DELETE, "/sessions/:id", NEED_LOGIN, api_sessions_end},
    {METHOD_POST, "/sessions/:id/end", NEED_LOGIN, api_sessions_end},

    {METHOD_GET, "/session/data", NEED_LOGIN, api_session_data_get},
    {METHOD_PUT, "/session/data", NEED_LOGIN, api_session_data_put},
    {METHOD_PATCH, "/session/data", NEED_LOGIN, api_session_data_patch},
    {METHOD_DELETE, "/session/data", NEED_LOGIN, api_session_data_delete},
    {METHOD_GET, "/profile/data", NEED_LOGIN, api_profile_data_get},
    {METHOD_PUT, "/profile/data", NEED_LOGIN, api_profile_data_put},
    {METHOD_PATCH, "/profile/data", NEED_LOGIN, api_profile_data_patch},
    {METHOD_DELETE, "/profile/data", NEED_LOGIN, api_profile_data_delete},

    {METHOD_GET, "/health/live", NEED_NOTHING, api_health_live},
    {METHOD_GET, "/health/ready", NEED_NOTHING, api_health_ready},
};

const size_t routes_count = sizeof routes / sizeof routes[0];
