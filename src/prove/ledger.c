#include "prove/ledger.h"

#include <stdio.h>
#include <string.h>

const char *death_word(enum death death)
{
    switch (death) {
    case DEATH_LOGOUT:
        return "logged out";
    case DEATH_BY_ANOTHER:
        return "ended by another session";
    case DEATH_OTHERS:
        return "ended with all others";
    case DEATH_PASSWORD:
        return "ended by a new password";
    case DEATH_CLOSED:
        break;
    }
    return "ended with the account";
}

void ledger_session_remove(struct ledger_user *user, size_t at)
{
    user->session_count--;
    memmove(&user->sessions[at], &user->sessions[at + 1], (user->session_count - at) * sizeof user->sessions[0]);
}

void ledger_session_end(struct ledger_user *user, size_t at, enum death death, const char *request, int64_t since_us)
{
    struct ledger_dead *dead = &user->dead[user->dead_count];

    if (user->dead_count < LEDGER_DEAD) {
        *dead = (struct ledger_dead){.death = death, .since_us = since_us};
        memcpy(dead->token, user->sessions[at].token, sizeof dead->token);
        snprintf(dead->request, sizeof dead->request, "%s", request);
        user->dead_count++;
    }
    ledger_session_remove(user, at);
}

struct ledger_session *ledger_session_of(struct ledger_user *user, const char *token)
{
    for (size_t i = 0; i < user->session_count; i++)
        if (strcmp(user->sessions[i].token, token) == 0)
            return &user->sessions[i];
    return NULL;
}

struct ledger_dead *ledger_dead_of(struct ledger_user *user, const char *token)
{
    for (size_t i = 0; i < user->dead_count; i++)
        if (strcmp(user->dead[i].token, token) == 0)
            return &user->dead[i];
    return NULL;
}

bool ledger_dead_fits(const struct ledger_user *user, size_t more)
{
    return user->dead_count + more <= LEDGER_DEAD;
}

void ledger_password(const char *secret, int64_t number, char *text, size_t size)
{
    snprintf(text, size, "%s-%lld", secret, (long long)number);
}
