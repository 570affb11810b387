/*
 * mayfly-prove, the virtual users of a scenario. Each has one request under way at most. It makes one visit after the
 * other, evenly over the load, and in between looks at those that it made before: every effect that was acknowledged
 * must be shown, and nothing that was undone. All visits are remembered, and all are looked at after each event and in
 * the end.
 */
#ifndef MAYFLY_PROVE_VIRTUAL_USER_H
#define MAYFLY_PROVE_VIRTUAL_USER_H

#include "prove/client.h"
#include "prove/copies.h"
#include "prove/play.h"
#include "prove/scenario_answer.h"
#include "prove/scenario_request.h"
#include "prove/visit.h"

enum {
    VISITS_MAX = 24, /* visits of each user that are checked after each event */
    PROBES = 6, /* how often a request that was answered wrongly is sent in all, so that other processes may answer */
    PATIENCE_DEFAULT_S = 10,
};

/* What a user does in its visit. */
enum task {
    TASK_GO_ON, /* sends the scenario's requests in their order */
    TASK_LOOK,  /* sends those that show something */
};

/* A request under way, and its repetitions. */
struct exchange {
    const struct scenario_entry *entry; /* NULL: none */
    bool under_way;
    bool must_be;     /* it must be answered as the scenario says; false: it must not be */
    bool is_repeated; /* it was answered, and is sent once more on purpose */
    int tries;
    int64_t first_us;
    struct event *troubled;        /* the event in which it first failed */
    const char *url;               /* in the user's arena */
    char words[VISIT_WORDS_BYTES]; /* the request, in words, as it was answered last */
    char worker[PROVE_WORKER_BYTES];
    size_t copy;   /* to which it was sent, with --command */
    size_t unsent; /* copies in a row to which there was no connection */
    /* A wrong answer. The answers of other processes decide whether the effect is lost. */
    int probes, good; /* answers so far, and those of them that were right; 0: there is no wrong one */
    size_t stake;     /* the effect */
    char wrong[SCENARIO_WHY_BYTES], first_words[VISIT_WORDS_BYTES]; /* the first one */
};

struct virtual_user {
    size_t number;
    struct visit visits[VISITS_MAX];
    size_t visit_count;
    struct visit *visit; /* NULL: none at the moment */
    enum task task;
    const struct scenario_entry *at; /* of TASK_LOOK: the next entry */
    struct exchange exchange;
    enum prove_phase phase;
    size_t looked; /* visits that were looked at since `looks` began */
    bool looks;    /* at all of its visits */
    int64_t not_before_us, finished_us;
    struct arena arena; /* of one request and its answer */
};

/* All of them, and what they share. */
struct virtual_users {
    const struct scenario *scenario;
    const char *folder; /* of the scenario, where its files are */
    const char *url;
    const char *const *given;   /* NAME, VALUE, NAME, VALUE …: variables of the command line */
    size_t given_count;         /* of pairs */
    int64_t timeout_s;          /* of one answer: an application that hangs is asked again */
    int64_t patience_us;        /* a request that waits longer finds the application unavailable */
    int64_t load_us;            /* how long the load lasts */
    int64_t began_us;           /* the load; 0: not yet */
    struct copies *copies;      /* NULL: the site is at url */
    const struct event *routed; /* in which the last answer was noted */
    struct virtual_user *users;
    struct arena arena; /* of the scenario */
};

extern const struct play virtual_users_play;

static inline struct virtual_user *user_at(const struct prove *prove, size_t number)
{
    return &prove->virtual_users->users[number];
}

/* Takes the answer of a slot, which is the user's number. */
bool virtual_user_answer(struct prove *, size_t slot, const struct prove_answer *, int64_t now_us, struct err *);

/* Judges an answer that is none of an outage; frees its jar. */
void virtual_user_judge(struct prove *, struct virtual_user *, const struct prove_answer *, int64_t now_us);

/* Notes how long the request under way has waited. */
void virtual_user_waited(struct prove *, struct virtual_user *, int64_t now_us, bool is_answered);

/* Whether its effect is the same when it is done twice. */
bool virtual_user_may_repeat(const struct exchange *);

#endif
