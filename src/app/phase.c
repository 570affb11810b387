#include "app/phase.h"

#include "base/coroutine.h"

/* For work that blocks the worker: another transaction's lock may cost it no more than this. */
enum { LOCK_WAIT_MS = 250 };

void phase_limit(const struct services *services, enum phase phase)
{
    const struct config *config = &services->config;

    db_limit(services->sessions.db,
             (struct db_limits){
                 .statement_ms = phase == PHASE_HANDLER ? config->database_budget_ms : config->database_timeout_ms,
                 .lock_ms = phase == PHASE_STREAM && !coroutine_may_wait(services->coroutines)
                                ? LOCK_WAIT_MS
                                : config->database_lock_ms,
             });
}

void phase_begin(struct exchange *x, enum phase phase)
{
    x->services->log.trace = &x->trace;
    phase_limit(x->services, phase);
}

void phase_end(struct exchange *x)
{
    x->services->log.trace = NULL;
    db_limit(x->services->sessions.db,
             (struct db_limits){x->services->config.database_timeout_ms, x->services->config.database_timeout_ms});
}
