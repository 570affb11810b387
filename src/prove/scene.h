/*
 * mayfly-prove, its scenes: requests that are sent at once, and how their answers must agree. A scene starts with begin
 * and is told of each call that is answered or given up. When no call is left, settle may add further ones; when it
 * adds none the scene is over.
 */
#ifndef MAYFLY_PROVE_SCENE_H
#define MAYFLY_PROVE_SCENE_H

#include "prove/client.h"

struct scene {
    const char *name;
    void (*begin)(struct prove *, struct prove_client *);
    void (*answered)(struct prove *, struct prove_client *, struct call *, const struct prove_answer *);
    void (*settle)(struct prove *, struct prove_client *);
};

extern const struct scene scene_register;
extern const struct scene scene_login;  /* sometimes three times, as one request */
extern const struct scene scene_writes; /* patches of different members at once, readers beside them */
extern const struct scene scene_rivals; /* writers with the same If-Match */
extern const struct scene scene_repeat; /* one write under one key several times at once, and with another body */
extern const struct scene scene_rename; /* changes of the display name, readers of all sessions beside them */
extern const struct scene
    scene_farewell; /* a session's end in one of several ways, its readers and writers beside it */
extern const struct scene scene_upload;
extern const struct scene scene_key;   /* made, used, revoked, used again */
extern const struct scene scene_visit; /* of a site behind the gate, and its end by a log-out at home */
extern const struct scene scene_look;  /* downloads, lists, tokens that must be refused, an old repetition */
extern const struct scene scene_dead;  /* of a closed account */
extern const struct scene scene_check;
extern const struct scene scene_close;

/* Sets the client's user. NULL: there is nothing to do now. */
const struct scene *scene_choose(struct prove *, struct prove_client *, int64_t now_us);

/* Whether no scene is played and none is left in this phase. */
bool scene_none_left(const struct prove *, const struct prove_client *);

/* --- what scenes share */

/* NULL when the body is no object. */
json_t *scene_body(struct prove *, const struct prove_answer *);

/* A request with a session was refused. The session is lost when it should be alive. */
void scene_refused(struct prove *, struct prove_client *, const struct call *, const struct prove_answer *);

/* Sends a request with a token that must be refused, in one of several ways; the answers go to scene_probed. */
void scene_probe(struct prove *, struct prove_client *, const char *token);
/* Sends a request with a token that resembles this one and was never given out. */
void scene_forge(struct prove *, struct prove_client *, const char *token);
void scene_probed(struct prove *, struct prove_client *, const struct call *, const struct prove_answer *);

/* Compares an answered GET /profile with what it must be. */
void scene_profile(struct prove *, struct prove_client *, const struct call *, const struct prove_answer *);

/* Begins the changes of a document: profile data, or the data of session at. */
void scene_change_begin(struct prove_client *, bool profile, size_t at);
struct call *scene_read(struct prove *, struct prove_client *, const char *token);
struct call *scene_write(struct prove *, struct prove_client *, const char *token, struct document_write *);
struct document_view scene_view(struct prove *, const struct prove_client *, const struct call *,
                                const struct prove_answer *, char words[CALL_WORDS_BYTES]);
/* Judges the answer to a read; settles: nothing else is under way. */
void scene_seen(struct prove *, struct prove_client *, const struct call *, const struct prove_answer *, bool settles);
/* Judges the answer to a write or to a repetition of it. */
void scene_written(struct prove *, struct prove_client *, struct call *, const struct prove_answer *);

/* Compares a list of sessions or files with how many there must be. */
void scene_listed(struct prove *, struct prove_client *, const struct call *, const struct prove_answer *);

#endif
