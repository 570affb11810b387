#include "bin/prove_choice.h"

enum {
    /* mayfly-limits.conf lets an address verify 10 passwords a second and 50 at once; a bit less asks for no patience. */
    HEAVY_US = 1000 * 1000 / 8,
    HEAVY_BURST_US = 40 * HEAVY_US,
};

/* A bucket of time: each password takes HEAVY_US out of it. */
static bool heavy_allowed(struct prove *prove, int64_t now_us)
{
    prove->tokens_us += now_us - prove->refilled_us;
    prove->refilled_us = now_us;
    if (prove->tokens_us > HEAVY_BURST_US)
        prove->tokens_us = HEAVY_BURST_US;
    return prove->tokens_us >= HEAVY_US;
}

/* The client's accounts are each client_count-th one. */
static struct ledger_user *first_with(const struct prove *prove, const struct prove_client *client,
                                      enum action_kind (*wants)(const struct prove *, const struct ledger_user *,
                                                                size_t *))
{
    size_t at;

    for (size_t i = client->slot; i < prove->user_count; i += prove->client_count)
        if (wants(prove, &prove->users[i], &at) != ACTION_NONE)
            return &prove->users[i];
    return NULL;
}

static enum action_kind wanted_to_prepare(const struct prove *prove, const struct ledger_user *user, size_t *at)
{
    (void)prove;
    *at = 0;
    if (!user->registered)
        return ACTION_REGISTER;
    return user->session_count == 0 && !user->gone ? ACTION_LOGIN : ACTION_NONE;
}

static enum action_kind wanted_to_check(const struct prove *prove, const struct ledger_user *user, size_t *at)
{
    if (!user->registered || user->gone || user->late_troubles >= LATE_TROUBLES)
        return ACTION_NONE;
    if (user->session_count == 0)
        return ACTION_LOGIN;
    for (*at = 0; *at < user->dead_count; ++*at)
        if (!user->dead[*at].checked)
            return ACTION_TRY_DEAD;
    for (*at = 0; *at < user->session_count; ++*at)
        if (!user->sessions[*at].checked)
            return ACTION_READ_SESSION;
    for (*at = 0; *at < user->file_count; ++*at)
        if (!user->files[*at].checked)
            return ACTION_DOWNLOAD;
    *at = 0;
    if (!user->profile_checked)
        return ACTION_READ_PROFILE;
    if (!user->sessions_listed)
        return ACTION_LIST_SESSIONS;
    return prove->upload && !user->files_listed ? ACTION_LIST_FILES : ACTION_NONE;
}

static enum action_kind wanted_to_clean(const struct prove *prove, const struct ledger_user *user, size_t *at)
{
    (void)prove;
    *at = 0;
    if (!user->registered || user->gone || user->closed || user->late_troubles >= LATE_TROUBLES)
        return ACTION_NONE;
    return user->session_count == 0 ? ACTION_LOGIN : ACTION_CLOSE;
}

/* Of one account, by chance: mostly writes, and reads that follow them on another worker. */
static enum action_kind choose_load(struct prove *prove, struct prove_client *client, int64_t now_us)
{
    struct ledger_user *user = client->user;
    size_t chance = prove_random_below(prove, 100);

    if (user->session_count == 0)
        return heavy_allowed(prove, now_us) ? ACTION_LOGIN : ACTION_NONE;
    client->at = prove_random_below(prove, user->session_count);
    if (chance < 26)
        return ACTION_WRITE_SESSION;
    if (chance < 50)
        return ACTION_WRITE_PROFILE;
    if (chance < 66)
        return ACTION_READ_SESSION;
    if (chance < 80)
        return ACTION_READ_PROFILE;
    if (chance < 85 && user->session_count < LEDGER_SESSIONS && heavy_allowed(prove, now_us))
        return ACTION_LOGIN;
    if (chance < 88 && user->session_count > 1 && user->dead_count < LEDGER_DEAD)
        return ACTION_LOGOUT;
    if (chance < 92 && user->dead_count > 0) {
        client->at = prove_random_below(prove, user->dead_count);
        return ACTION_TRY_DEAD;
    }
    if (chance < 96 && prove->upload && user->file_count < LEDGER_FILES)
        return ACTION_UPLOAD;
    if (user->file_count > 0) {
        client->at = prove_random_below(prove, user->file_count);
        return ACTION_DOWNLOAD;
    }
    return ACTION_READ_PROFILE;
}

static bool in_load(const struct ledger_user *user)
{
    return user->registered && !user->gone;
}

static bool any_in_load(const struct prove *prove, const struct prove_client *client)
{
    for (size_t i = client->slot; i < prove->user_count; i += prove->client_count)
        if (in_load(&prove->users[i]))
            return true;
    return false;
}

static enum action_kind next_of_load(struct prove *prove, struct prove_client *client, int64_t now_us)
{
    size_t own = (prove->user_count - client->slot + prove->client_count - 1) / prove->client_count;

    if (client->next_action != ACTION_NONE)
        return client->next_action; /* of the same account and session */
    client->user = &prove->users[client->slot + prove_random_below(prove, own) * prove->client_count];
    return in_load(client->user) ? choose_load(prove, client, now_us) : ACTION_NONE;
}

static enum action_kind (*wanted_in(enum prove_phase phase))(const struct prove *, const struct ledger_user *, size_t *)
{
    switch (phase) {
    case PHASE_PREPARE:
        return wanted_to_prepare;
    case PHASE_CHECK:
        return wanted_to_check;
    case PHASE_CLEAN:
        return wanted_to_clean;
    case PHASE_LOAD:
    case PHASE_STOP:
        break;
    }
    return NULL;
}

bool choice_none_left(const struct prove *prove, const struct prove_client *client)
{
    if (client->action != ACTION_NONE)
        return false;
    if (prove->phase == PHASE_LOAD)
        return !any_in_load(prove, client);
    return prove->phase == PHASE_STOP || first_with(prove, client, wanted_in(prove->phase)) == NULL;
}

bool choice_make(struct prove *prove, struct prove_client *client, int64_t now_us)
{
    enum action_kind action = ACTION_NONE;

    if (prove->phase == PHASE_LOAD) {
        action = next_of_load(prove, client, now_us);
    } else if (prove->phase != PHASE_STOP) {
        client->user = first_with(prove, client, wanted_in(prove->phase));
        if (client->user != NULL)
            action = wanted_in(prove->phase)(prove, client->user, &client->at);
    }
    client->next_action = ACTION_NONE;
    if (action == ACTION_NONE || (action_of(action)->heavy && !heavy_allowed(prove, now_us)))
        return false;
    if (action_of(action)->heavy)
        prove->tokens_us -= HEAVY_US;
    client->action = action;
    return true;
}
