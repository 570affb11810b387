/* The handlers, by family. Each fills x->response, or err and returns false. */
#ifndef MAYFLY_APP_API_H
#define MAYFLY_APP_API_H

#include "app/exchange.h"

/* api_account.c */
bool api_register(struct exchange *, struct err *);
bool api_password(struct exchange *, struct err *);
bool api_profile_get(struct exchange *, struct err *);
bool api_profile_patch(struct exchange *, struct err *);
bool api_profile_delete(struct exchange *, struct err *);

/* gate/api_gate.c */
bool api_gate(struct exchange *, struct err *);
bool api_gate_refused(struct exchange *, struct err *);
bool api_gate_enter(struct exchange *, struct err *);

/* gate/api_door.c */
bool api_gate_login(struct exchange *, struct err *);
bool api_gate_logout_page(struct exchange *, struct err *);
bool api_gate_logout(struct exchange *, struct err *);
bool gate_door_refused(struct exchange *, struct err *refused, struct err *);

/* gate/api_identity.c */
bool api_identity(struct exchange *, struct err *);

/* gate/api_enter.c */
bool api_enter(struct exchange *, struct err *);

/* api_login.c */
bool api_login(struct exchange *, struct err *);
bool api_logout(struct exchange *, struct err *);

/* api_sessions.c */
bool api_sessions_list(struct exchange *, struct err *);
bool api_sessions_end(struct exchange *, struct err *);
bool api_sessions_end_others(struct exchange *, struct err *);

/* api_keys.c */
bool api_keys_list(struct exchange *, struct err *);
bool api_keys_make(struct exchange *, struct err *);
bool api_keys_revoke(struct exchange *, struct err *);

/* api_data.c */
bool api_session_data_get(struct exchange *, struct err *);
bool api_session_data_put(struct exchange *, struct err *);
bool api_session_data_patch(struct exchange *, struct err *);
bool api_session_data_delete(struct exchange *, struct err *);
bool api_profile_data_get(struct exchange *, struct err *);
bool api_profile_data_put(struct exchange *, struct err *);
bool api_profile_data_patch(struct exchange *, struct err *);
bool api_profile_data_delete(struct exchange *, struct err *);

/* api_app.c */
bool api_app_session_get(struct exchange *, struct err *);
bool api_app_session_put(struct exchange *, struct err *);
bool api_app_session_patch(struct exchange *, struct err *);
bool api_app_session_delete(struct exchange *, struct err *);
bool api_app_session_touch(struct exchange *, struct err *);
bool api_app_account_get(struct exchange *, struct err *);
bool api_app_account_put(struct exchange *, struct err *);
bool api_app_account_patch(struct exchange *, struct err *);
bool api_app_account_delete(struct exchange *, struct err *);

/* api_upload.c */
bool api_upload(struct exchange *, struct err *);
bool api_upload_admit(struct exchange *, struct err *);

/* api_tus.c */
bool api_tus_options(struct exchange *, struct err *);
bool api_tus_create(struct exchange *, struct err *);
bool api_tus_head(struct exchange *, struct err *);
bool api_tus_patch(struct exchange *, struct err *);
bool api_tus_delete(struct exchange *, struct err *);
bool tus_add_headers(struct exchange *, struct err *refused, struct err *);

/* api_direct.c */
bool api_direct_create(struct exchange *, struct err *);
bool api_direct_parts(struct exchange *, struct err *);
bool api_direct_note(struct exchange *, struct err *);
bool api_direct_complete(struct exchange *, struct err *);

/* api_files.c */
bool api_files_list(struct exchange *, struct err *);
bool api_files_get(struct exchange *, struct err *);
bool api_files_rename(struct exchange *, struct err *);
bool api_files_delete(struct exchange *, struct err *);

/* For other handlers that answer with the bytes of a file: sends it with all headers, ranges and conditions. */
bool file_send(struct exchange *, const struct file *, struct err *) MUST_CHECK;

/* Which bytes file_send would send, and how many. */
enum file_sends { FILE_SENDS_NOTHING, FILE_SENDS_BEGINNING, FILE_SENDS_LATER };
enum file_sends file_sends(const struct exchange *, const struct file *, int64_t *bytes);

/* api_links.c */
bool api_links_make(struct exchange *, struct err *);
bool api_links_list(struct exchange *, struct err *);
bool api_links_revoke(struct exchange *, struct err *);

/* api_shared.c */
bool api_shared(struct exchange *, struct err *);
bool api_shared_use(struct exchange *, struct err *);
bool shared_add_headers(struct exchange *, struct err *refused, struct err *);

/* api_thumbnail.c */
bool api_thumbnail(struct exchange *, struct err *);

/* api_csv.c */
bool api_files_csv(struct exchange *, struct err *);

/* api_metrics.c */
bool api_metrics(struct exchange *, struct err *);

/* api_health.c */
bool api_health_live(struct exchange *, struct err *);
bool api_health_ready(struct exchange *, struct err *);
bool api_worker(struct exchange *, struct err *);

#endif
