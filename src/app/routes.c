#include "app/routes.h"

#include "app/api.h"
#include "app/page/page.h"

const struct route routes[] = {
    {METHOD_GET, "/", NEED_GUEST, page_index, NULL, PACE_AT_ONCE},
    {METHOD_GET, "/login", NEED_GUEST, page_login, NULL, PACE_AT_ONCE},
    {METHOD_POST, "/login", NEED_GUEST, api_login, NULL, PACE_AT_ONCE},
    {METHOD_GET, "/register", NEED_GUEST, page_register, NULL, PACE_AT_ONCE},
    {METHOD_POST, "/register", NEED_GUEST, api_register, NULL, PACE_AT_ONCE},
    {METHOD_POST, "/logout", NEED_LOGIN, api_logout, NULL, FROM_SITES},
    {METHOD_GET, "/account", NEED_PAGE, page_account, NULL, PACE_AT_ONCE},
    {METHOD_GET, "/workers", NEED_GUEST, page_workers, NULL, PACE_AT_ONCE},
    {METHOD_GET, "/worker", NEED_NOTHING, api_worker, NULL, PACE_AT_ONCE},

    /* of nginx, for the apps behind it */
    {METHOD_GET, "/gate", NEED_GUEST, api_gate, NULL, AT_SITE | KEY_OF_GATE},
    {METHOD_GET, "/gate/refused", NEED_GUEST, api_gate_refused, NULL, AT_SITE},
    {METHOD_GET, "/gate/enter", NEED_NOTHING, api_gate_enter, NULL, AT_SITE},
    {METHOD_GET, "/gate/login", NEED_GUEST, api_gate_login, gate_door_refused, AT_SITE},
    {METHOD_GET, "/gate/logout", NEED_GUEST, api_gate_logout_page, gate_door_refused, AT_SITE},
    {METHOD_POST, "/gate/logout", NEED_LOGIN, api_gate_logout, gate_door_refused, AT_SITE},
    {METHOD_GET, "/enter", NEED_GUEST, api_enter, NULL, PACE_AT_ONCE},

    {METHOD_GET, "/profile", NEED_LOGIN, api_profile_get, NULL, PACE_AT_ONCE},
    {METHOD_GET, "/profile/identity", NEED_LOGIN, api_identity, NULL, TELLS_SITES},
    {METHOD_PATCH, "/profile", NEED_LOGIN, api_profile_patch, NULL, PACE_AT_ONCE},
    {METHOD_POST, "/profile", NEED_LOGIN, api_profile_patch, NULL, PACE_AT_ONCE}, /* a form's way to PATCH */
    {METHOD_DELETE, "/profile", NEED_LOGIN, api_profile_delete, NULL, PACE_AT_ONCE},
    {METHOD_POST, "/profile/delete", NEED_LOGIN, api_profile_delete, NULL, PACE_AT_ONCE}, /* a form's way to DELETE */
    {METHOD_POST, "/password", NEED_LOGIN, api_password, NULL, PACE_AT_ONCE},

    {METHOD_GET, "/sessions", NEED_LOGIN, api_sessions_list, NULL, PACE_AT_ONCE},
    {METHOD_DELETE, "/sessions", NEED_LOGIN, api_sessions_end_others, NULL, PACE_AT_ONCE},
    {METHOD_POST, "/sessions/end-others", NEED_LOGIN, api_sessions_end_others, NULL, PACE_AT_ONCE},
    {METHOD_DELETE, "/sessions/:id", NEED_LOGIN, api_sessions_end, NULL, PACE_AT_ONCE},
    {METHOD_POST, "/sessions/:id/end", NEED_LOGIN, api_sessions_end, NULL, PACE_AT_ONCE},

    {METHOD_GET, "/keys", NEED_LOGIN, api_keys_list, NULL, PACE_AT_ONCE},
    {METHOD_POST, "/keys", NEED_LOGIN, api_keys_make, NULL, PACE_AT_ONCE},
    {METHOD_DELETE, "/keys/:id", NEED_LOGIN, api_keys_revoke, NULL, PACE_AT_ONCE},
    {METHOD_POST, "/keys/:id/revoke", NEED_LOGIN, api_keys_revoke, NULL, PACE_AT_ONCE},

    {METHOD_GET, "/session/data", NEED_LOGIN, api_session_data_get, NULL, HAS_TAG},
    {METHOD_PUT, "/session/data", NEED_LOGIN, api_session_data_put, NULL, HAS_TAG},
    {METHOD_PATCH, "/session/data", NEED_LOGIN, api_session_data_patch, NULL, HAS_TAG},
    {METHOD_DELETE, "/session/data", NEED_LOGIN, api_session_data_delete, NULL, HAS_TAG},
    {METHOD_GET, "/profile/data", NEED_LOGIN, api_profile_data_get, NULL, HAS_TAG | KEY_OF_DATA},
    {METHOD_PUT, "/profile/data", NEED_LOGIN, api_profile_data_put, NULL, HAS_TAG | KEY_OF_DATA},
    {METHOD_PATCH, "/profile/data", NEED_LOGIN, api_profile_data_patch, NULL, HAS_TAG | KEY_OF_DATA},
    {METHOD_DELETE, "/profile/data", NEED_LOGIN, api_profile_data_delete, NULL, HAS_TAG | KEY_OF_DATA},

    {METHOD_GET, "/app/sessions/:id", NEED_KEY, api_app_session_get, NULL, HAS_TAG},
    {METHOD_PUT, "/app/sessions/:id", NEED_KEY, api_app_session_put, NULL, HAS_TAG},
    {METHOD_PATCH, "/app/sessions/:id", NEED_KEY, api_app_session_patch, NULL, HAS_TAG},
    {METHOD_DELETE, "/app/sessions/:id", NEED_KEY, api_app_session_delete, NULL, HAS_TAG},
    {METHOD_POST, "/app/sessions/:id/touch", NEED_KEY, api_app_session_touch, NULL, PACE_AT_ONCE},
    {METHOD_GET, "/app/accounts/:id", NEED_KEY, api_app_account_get, NULL, HAS_TAG},
    {METHOD_PUT, "/app/accounts/:id", NEED_KEY, api_app_account_put, NULL, HAS_TAG},
    {METHOD_PATCH, "/app/accounts/:id", NEED_KEY, api_app_account_patch, NULL, HAS_TAG},
    {METHOD_DELETE, "/app/accounts/:id", NEED_KEY, api_app_account_delete, NULL, HAS_TAG},

    {METHOD_POST, "/upload", NEED_LOGIN, api_upload, NULL, PACE_MAY_WAIT | KEY_OF_FILES},
    /* nginx asks before it takes a long body */
    {METHOD_GET, "/upload/admit", NEED_LOGIN, api_upload_admit, NULL, KEY_OF_FILES},
    {METHOD_OPTIONS, "/uploads", NEED_NOTHING, api_tus_options, tus_add_headers, PACE_AT_ONCE},
    {METHOD_OPTIONS, "/uploads/", NEED_NOTHING, api_tus_options, tus_add_headers, PACE_AT_ONCE}, /* as tusd has it */
    {METHOD_OPTIONS, "/uploads/:id", NEED_NOTHING, api_tus_options, tus_add_headers, PACE_AT_ONCE},
    {METHOD_POST, "/uploads", NEED_LOGIN, api_tus_create, tus_add_headers, PACE_MAY_WAIT | KEY_OF_FILES},
    {METHOD_POST, "/uploads/", NEED_LOGIN, api_tus_create, tus_add_headers, PACE_MAY_WAIT | KEY_OF_FILES},
    {METHOD_HEAD, "/uploads/:id", NEED_LOGIN, api_tus_head, tus_add_headers, PACE_MAY_WAIT | KEY_OF_FILES},
    {METHOD_PATCH, "/uploads/:id", NEED_LOGIN, api_tus_patch, tus_add_headers, PACE_MAY_WAIT | KEY_OF_FILES},
    {METHOD_DELETE, "/uploads/:id", NEED_LOGIN, api_tus_delete, tus_add_headers, KEY_OF_FILES},

    {METHOD_POST, "/files/direct", NEED_LOGIN, api_direct_create, NULL, PACE_MAY_WAIT | KEY_OF_FILES},
    {METHOD_GET, "/files/:id/parts", NEED_LOGIN, api_direct_parts, NULL, PACE_MAY_WAIT | KEY_OF_FILES},
    {METHOD_POST, "/files/:id/parts", NEED_LOGIN, api_direct_note, NULL, KEY_OF_FILES},
    {METHOD_POST, "/files/:id/complete", NEED_LOGIN, api_direct_complete, NULL, PACE_MAY_WAIT | KEY_OF_FILES},
    {METHOD_GET, "/files", NEED_PAGE, api_files_list, NULL, KEY_OF_FILES},
    {METHOD_GET, "/files/:id", NEED_LOGIN, api_files_get, NULL, PACE_MAY_WAIT | HAS_TAG | KEY_OF_FILES},
    {METHOD_POST, "/files/:id/rename", NEED_LOGIN, api_files_rename, NULL, HAS_TAG}, /* forms' ways to PATCH */
    {METHOD_POST, "/files/:id/delete", NEED_LOGIN, api_files_delete, NULL, HAS_TAG}, /* and to DELETE */
    {METHOD_PATCH, "/files/:id", NEED_LOGIN, api_files_rename, NULL, HAS_TAG},
    {METHOD_DELETE, "/files/:id", NEED_LOGIN, api_files_delete, NULL, HAS_TAG},
    {METHOD_GET, "/files/:id/thumbnail", NEED_LOGIN, api_thumbnail, NULL, PACE_MAY_WAIT | HAS_TAG | KEY_OF_FILES},
    {METHOD_POST, "/files/:id/csv", NEED_LOGIN, api_files_csv, NULL, PACE_MAY_WAIT | KEY_OF_FILES},
    {METHOD_POST, "/files/:id/link", NEED_LOGIN, api_links_make, NULL, PACE_AT_ONCE},
    {METHOD_GET, "/files/:id/links", NEED_PAGE, api_links_list, NULL, PACE_AT_ONCE},
    {METHOD_DELETE, "/files/:id/links/:link", NEED_LOGIN, api_links_revoke, NULL, PACE_AT_ONCE},
    {METHOD_POST, "/files/:id/links/:link/revoke", NEED_LOGIN, api_links_revoke, NULL, PACE_AT_ONCE},
    {METHOD_GET, "/shared/:token", NEED_NOTHING, api_shared, shared_add_headers, PACE_MAY_WAIT | HAS_TAG},
    {METHOD_POST, "/shared/:token", NEED_NOTHING, api_shared_use, shared_add_headers, PACE_MAY_WAIT},

    {METHOD_GET, "/health/live", NEED_NOTHING, api_health_live, NULL, PACE_AT_ONCE},
    {METHOD_GET, "/health/ready", NEED_NOTHING, api_health_ready, NULL, PACE_AT_ONCE},
    {METHOD_GET, "/metrics", NEED_NOTHING, api_metrics, NULL, PACE_AT_ONCE},
};

const size_t routes_count = sizeof routes / sizeof routes[0];
