/*
 * mayfly-prove, its clients: each plays one scene after the other, on one of its accounts. A scene is a few requests
 * that are under way at once; prove/call.h says how each is sent and repeated, prove/scene.h which scenes there are.
 */
#ifndef MAYFLY_PROVE_CLIENT_H
#define MAYFLY_PROVE_CLIENT_H

#include "prove/call.h"
#include "prove/ledger.h"

enum prove_phase {
    PHASE_PREPARE, /* accounts are made and logged in */
    PHASE_LOAD,
    PHASE_CHECK, /* everything that was acknowledged is read again */
    PHASE_CLEAN, /* the accounts are closed */
    PHASE_STOP,  /* nothing more is asked */
};

enum {
    PROVE_LANES = 5,  /* requests of a client that are under way at once */
    PROVE_CALLS = 48, /* of a scene, those that wait and those that are answered included */
    PROVE_RUN_BYTES = 9,
    PROVE_SECRET_BYTES = 33,
    VISIT_URL_BYTES = 6 * 1024, /* of a way to the log-in, with what is sealed in it */
    VISIT_COOKIE_BYTES = 512,
};

struct scene;

/* What a scene remembers; zero when it begins. */
struct scene_state {
    int stage;
    struct document_change change;
    int64_t left; /* repetitions */
    bool profile; /* the change is of profile data */
    size_t at;    /* the session whose data it changes */
    enum death death;
    bool refused;                       /* a write or a repetition of it was refused */
    bool nobody_won;                    /* all writers with one version were refused */
    int64_t ended_us;                   /* when a session's end was acknowledged; 0: not yet */
    char keeper[LEDGER_TOKEN_BYTES];    /* the session that stays, or "" */
    char token[LEDGER_TOKEN_BYTES];     /* the session that ends, or that was made */
    char id[LEDGER_ID_BYTES];           /* of that session, or of the file that was uploaded */
    unsigned char digest[SHA256_BYTES]; /* of the first answer */
    /* Of a visit. */
    char url[VISIT_URL_BYTES], way[VISIT_URL_BYTES]; /* of the site, and the next one on the way there */
    char lines[2][VISIT_COOKIE_BYTES];               /* of a head: the cookie, the session */
    bool goes_on;                                    /* the last answer led on */
};

struct prove_client {
    size_t number;
    struct ledger_user *user;
    const struct scene *scene; /* NULL: none */
    struct scene_state state;
    struct call calls[PROVE_CALLS];
    size_t call_count;
    struct call *lanes[PROVE_LANES]; /* those under way, NULL: free */
    int64_t not_before_us;
    int64_t finished_us;               /* when the last request that was answered was first sent */
    char bytes[LEDGER_FILE_MAX_BYTES]; /* of the file that is uploaded */
    size_t length;
};

struct play;
struct virtual_users;

struct prove {
    struct tally tally;
    const struct play *play;
    struct virtual_users *virtual_users; /* of a scenario; NULL: clients play scenes on mayfly */
    struct prove_http *http;
    struct ledger_user *users;
    size_t user_count;
    struct prove_client *clients;
    size_t client_count;
    enum prove_phase phase;
    int64_t now_us; /* of this turn */
    bool upload;
    bool keys;                       /* the site has keys for programs */
    const char *site_url;            /* of a site behind its gate; NULL: none is tried */
    char run[PROVE_RUN_BYTES];       /* in the names of its accounts, and in its keys */
    char secret[PROVE_SECRET_BYTES]; /* of its passwords */
    uint64_t random;                 /* state of the generator that --seed starts */
    int64_t documents;               /* made so far */
    int64_t passwords_us;            /* how many passwords may be sent; see prove/call.c */
    int64_t refilled_us;
    int64_t wrong_passwords; /* sent so far, on purpose */
    int64_t rename_us;       /* how long a change of the name takes, about */
    struct route_site site;
    struct arena scratch; /* of one answer */
};

extern const struct play clients_play;

/* Random numbers that no secret depends on. The same seed repeats the run, as far as answers come in the same order. */
uint64_t prove_random(struct prove *);
size_t prove_random_below(struct prove *, size_t bound);
int64_t prove_random_around(struct prove *, int64_t average_us); /* from a half to three halves */

/* A random moment within the time that a change of the name takes at present. */
int64_t prove_during_rename(struct prove *);

#endif
