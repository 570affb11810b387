#include "app/routes.h"

#include "app/api.h"
#include "app/page.h"

const struct route routes[] = {
    {METHOD_GET, "/", NEED_GUEST, page_index, NULL},
    {METHOD_GET, "/login", NEED_GUEST, page_login, NULL},
    {METHOD_POST, "/login", NEED_GUEST, api_login, NULL},
    {METHOD_GET, "/register", NEED_GUEST, page_register, NULL},
    {METHOD_POST, "/register", NEED_GUEST, api_register, NULL},
    {METHOD_POST, "/logout", NEED_LOGIN, api_logout, NULL},
    {METHOD_GET, "/account", NEED_PAGE, page_account, NULL},
    {METHOD_GET, "/workers", NEED_GUEST, page_workers, NULL},
    {METHOD_GET, "/worker", NEED_NOTHING, api_worker, NULL},

    {METHOD_GET, "/profile", NEED_LOGIN, api_profile_get, NULL},
    {METHOD_PATCH, "/profile", NEED_LOGIN, api_profile_patch, NULL},
    {METHOD_POST, "/profile", NEED_LOGIN, api_profile_patch, NULL}, /* a form's way to PATCH */
    {METHOD_DELETE, "/profile", NEED_LOGIN, api_profile_delete, NULL},
    {METHOD_POST, "/profile/delete", NEED_LOGIN, api_profile_delete, NULL}, /* a form's way to DELETE */
    {METHOD_POST, "/password", NEED_LOGIN, api_password, NULL},

    {METHOD_GET, "/sessions", NEED_LOGIN, api_sessions_list, NULL},
    {METHOD_DELETE, "/sessions", NEED_LOGIN, api_sessions_end_others, NULL},
    {METHOD_POST, "/sessions/end-others", NEED_LOGIN, api_sessions_end_others, NULL},
    {METHOD_DELETE, "/sessions/:id", NEED_LOGIN, api_sessions_end, NULL},
    {METHOD_POST, "/sessions/:id/end", NEED_LOGIN, api_sessions_end, NULL},

    {METHOD_GET, "/session/data", NEED_LOGIN, api_session_data_get, NULL},
    {METHOD_PUT, "/session/data", NEED_LOGIN, api_session_data_put, NULL},
    {METHOD_PATCH, "/session/data", NEED_LOGIN, api_session_data_patch, NULL},
    {METHOD_DELETE, "/session/data", NEED_LOGIN, api_session_data_delete, NULL},
    {METHOD_GET, "/profile/data", NEED_LOGIN, api_profile_data_get, NULL},
    {METHOD_PUT, "/profile/data", NEED_LOGIN, api_profile_data_put, NULL},
    {METHOD_PATCH, "/profile/data", NEED_LOGIN, api_profile_data_patch, NULL},
    {METHOD_DELETE, "/profile/data", NEED_LOGIN, api_profile_data_delete, NULL},

    {METHOD_POST, "/upload", NEED_LOGIN, api_upload, NULL},
    {METHOD_GET, "/upload/admit", NEED_LOGIN, api_upload_admit, NULL}, /* nginx asks, before it takes a long body */
    {METHOD_OPTIONS, "/uploads", NEED_NOTHING, api_tus_options, tus_dress},
    {METHOD_OPTIONS, "/uploads/:id", NEED_NOTHING, api_tus_options, tus_dress},
    {METHOD_POST, "/uploads", NEED_LOGIN, api_tus_create, tus_dress},
    {METHOD_HEAD, "/uploads/:id", NEED_LOGIN, api_tus_head, tus_dress},
    {METHOD_PATCH, "/uploads/:id", NEED_LOGIN, api_tus_patch, tus_dress},
    {METHOD_DELETE, "/uploads/:id", NEED_LOGIN, api_tus_delete, tus_dress},

    {METHOD_POST, "/files/direct", NEED_LOGIN, api_direct_create, NULL},
    {METHOD_GET, "/files/:id/parts", NEED_LOGIN, api_direct_parts, NULL},
    {METHOD_POST, "/files/:id/complete", NEED_LOGIN, api_direct_complete, NULL},
    {METHOD_GET, "/files", NEED_PAGE, api_files_list, NULL},
    {METHOD_GET, "/files/:id", NEED_LOGIN, api_files_get, NULL},
    {METHOD_POST, "/files/:id/rename", NEED_LOGIN, api_files_rename, NULL}, /* forms' ways to PATCH */
    {METHOD_POST, "/files/:id/delete", NEED_LOGIN, api_files_delete, NULL}, /* and to DELETE */
    {METHOD_PATCH, "/files/:id", NEED_LOGIN, api_files_rename, NULL},
    {METHOD_DELETE, "/files/:id", NEED_LOGIN, api_files_delete, NULL},
    {METHOD_GET, "/files/:id/thumbnail", NEED_LOGIN, api_thumbnail, NULL},
    {METHOD_POST, "/files/:id/csv", NEED_LOGIN, api_files_csv, NULL},
    {METHOD_POST, "/files/:id/link", NEED_LOGIN, api_links_make, NULL},
    {METHOD_GET, "/files/:id/links", NEED_PAGE, api_links_list, NULL},
    {METHOD_DELETE, "/files/:id/links/:link", NEED_LOGIN, api_links_revoke, NULL},
    {METHOD_POST, "/files/:id/links/:link/revoke", NEED_LOGIN, api_links_revoke, NULL},
    {METHOD_GET, "/shared/:token", NEED_NOTHING, api_shared, shared_dress},

    {METHOD_GET, "/health/live", NEED_NOTHING, api_health_live, NULL},
    {METHOD_GET, "/health/ready", NEED_NOTHING, api_health_ready, NULL},
    {METHOD_GET, "/metrics", NEED_NOTHING, api_metrics, NULL},
};

const size_t routes_count = sizeof routes / sizeof routes[0];
