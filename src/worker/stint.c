#include "worker/stint.h"

#include "worker/turn.h"

#include <stdlib.h>
#include <string.h>

/* The stint of a request, or of work that belongs to no request. */
struct stint {
    struct turns *turns;
    struct turn *turn;        /* NULL: of no request */
    const struct err *opened; /* of a request that begins, else NULL; gone once the stint has waited */
    stint_step *step;
    void (*work)(void *arg); /* of no request */
    void *arg;
    const struct trace *trace;    /* the log's, while this waits */
    struct db_limits limits;      /* and the database's */
    bool over;                    /* the request is */
    LIST_ENTRY(stint) in_waiting; /* while it waits */
};

static void run(void *arg)
{
    struct stint *stint = arg;

    if (stint->turn == NULL)
        stint->work(stint->arg);
    else
        stint->over = stint->step(stint->turns, stint->turn, stint->opened);
}

static bool of_account(const struct stint *stint, const struct uuid *account)
{
    const struct exchange *x = stint->turn != NULL ? &stint->turn->exchange : NULL;

    return x != NULL && x->has_session && memcmp(&x->session.account, account, sizeof *account) == 0;
}

/* The waiting requests of one account, or of all, must leave room for those of others. */
static bool may_wait(const struct turns *turns, const struct exchange *x)
{
    const struct uuid *account = x->has_session              ? &x->session.account
                                 : x->lookup.found == DB_ROW ? &x->lookup.session.account
                                                             : NULL;
    const struct stint *stint;
    size_t count = 0;

    LIST_FOREACH(stint, &turns->waiting, in_waiting)
    count += account != NULL && of_account(stint, account);
    return count < TURNS_WAITING_PER_ACCOUNT && turns->waiting_count < TURNS_WAITING_MAX &&
           turns->streams < turns_streams_max(turns);
}

static struct coroutine *stint_new(struct turns *turns, bool may_wait, const struct stint *from)
{
    struct stint *stint = malloc(sizeof *stint);
    struct coroutine *coroutine =
        stint != NULL ? coroutine_new(turns->services->coroutines, may_wait, run, stint) : NULL;

    if (coroutine == NULL) {
        free(stint);
        return NULL;
    }
    *stint = *from;
    stint->limits = db_limited(turns->services->sessions.db);
    return coroutine;
}

static void link_waiting(struct turns *turns, struct stint *stint)
{
    LIST_INSERT_HEAD(&turns->waiting, stint, in_waiting);
    turns->waiting_count++;
    turns->streams += stint->turn != NULL;
}

static void unlink_waiting(struct turns *turns, struct stint *stint)
{
    LIST_REMOVE(stint, in_waiting);
    turns->waiting_count--;
    turns->streams -= stint->turn != NULL;
}

/* Lets it run until it ends or waits. *over: its request has ended. True: it waits. */
static bool resume(struct turns *turns, struct coroutine *coroutine, bool *over)
{
    struct stint *stint = coroutine_arg(coroutine);
    struct log *log = &turns->services->log;
    struct db *db = turns->services->sessions.db;
    bool ended;

    log->trace = stint->trace;
    db_limit(db, stint->limits);
    ended = coroutine_resume(coroutine);
    stint->trace = log->trace;
    stint->limits = db_limited(db);
    log->trace = NULL;
    if (!ended) {
        link_waiting(turns, stint);
        return true;
    }
    *over = stint->over;
    free(stint);
    return false;
}

size_t stints_go_on(struct turns *turns)
{
    size_t count = coroutines_gather(turns->services->coroutines);

    for (size_t i = 0; i < count; i++) {
        struct coroutine *coroutine = coroutines_next(turns->services->coroutines);
        struct stint *stint = coroutine_arg(coroutine);
        struct turn *turn = stint->turn;
        bool over;

        unlink_waiting(turns, stint);
        if (!resume(turns, coroutine, &over) && turn != NULL && over)
            turn_release(turns, turn);
    }
    return count;
}

void stints_cancel(struct turns *turns)
{
    coroutines_cancel(turns->services->coroutines);
    while (stints_go_on(turns) > 0)
        ;
}

bool turns_do_beside(struct turns *turns, void (*work)(void *), void *arg)
{
    const struct stint stint = {.turns = turns, .work = work, .arg = arg};
    struct coroutine *coroutine = stint_new(turns, true, &stint);
    bool over;

    if (coroutine != NULL)
        (void)!resume(turns, coroutine, &over);
    return coroutine != NULL;
}

enum stint_end stint_run(struct turns *turns, struct turn *turn, const struct err *opened, stint_step *step)
{
    const struct stint stint = {.turns = turns, .turn = turn, .opened = opened, .step = step};
    struct exchange *x = &turn->exchange;
    bool may = may_wait(turns, x), over;
    struct coroutine *coroutine = may || !x->has_waited ? stint_new(turns, may, &stint) : NULL;

    if (coroutine == NULL)
        return STINT_NOT_BEGUN;
    if (!resume(turns, coroutine, &over))
        return over ? STINT_OVER : STINT_WAITS;
    x->has_waited = true;
    fcgi_keep(turn->request, turn);
    return STINT_WAITS;
}
