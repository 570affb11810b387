/* mayflyctl gate prove: what counts as a refusal of the gate, and what it tells of an answer. */
#include "base/clock.h"
#include "ctl/gate_proof.h"

#include "unit.h"

struct answer_row {
    long status;
    const char *head;
    bool is_refusal;
    const char *told;
};

static void only_the_gates_own_words_are_a_refusal(void **state)
{
    struct unit *unit = *state;
    const struct gate_proof proof = {.arena = &unit->arena};
    static const struct answer_row rows[] = {
        {401, "Content-Type: application/problem+json\nLink: <https://auth.example.org/login>; rel=\"login\"\n", true,
         "401"},
        {401, "link:<https://auth.example.org/login>; rel=\"login\"\n", true, "401"},
        {401, "WWW-Authenticate: Basic\n", false, "401, which is not the gate's"},
        {401, "Link: </style.css>; rel=\"preload\"\n", false, "401, which is not the gate's"},
        {401, "X-Link: <https://auth.example.org/login>; rel=\"login\"\n", false, "401, which is not the gate's"},
        {303, "Location: https://auth.example.org/enter?to=AAAA\n", true, "303 to https://auth.example.org/enter"},
        {302, "Location: https://auth.example.org/enter?to=AAAA\n", false, "302 to https://auth.example.org/enter"},
        {303, "Location: /next?secret=1\n", false, "303 to /next"},
        {303, "", false, "303"},
        {403, "X-Request-Id: 0123456789abcdef\n", true, "403"},
        {403, "Server: nginx\n", false, "403, which is not the gate's"},
        {200, "Link: <https://auth.example.org/login>; rel=\"login\"\nX-Request-Id: 1\n", false, "200"},
        {204, "", false, "204"},
        {404, "X-Request-Id: 1\n", false, "404"},
        {500, "", false, "500"},
        {503, "Retry-After: 1\nX-Request-Id: 1\n", false, "503"},
        {0, "", false, "no answer: the connection was closed"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct prove_answer answer = {
            .status = rows[i].status, .head = rows[i].head, .body = "", .trouble = "the connection was closed"};

        assert_int_equal(gate_refused(&proof, &answer), rows[i].is_refusal);
        assert_string_equal(gate_told(&proof, &answer), rows[i].told);
    }
}

static void a_field_is_found_by_its_whole_name(void **state)
{
    struct unit *unit = *state;
    const struct gate_proof proof = {.arena = &unit->arena};
    const struct prove_answer answer = {.head = "X-Location: /a\nLOCATION:\t /b c\nLocation: /d\nEmpty:\nLast: x"};

    assert_string_equal(gate_field(&proof, &answer, "Location"), "/b c");
    assert_string_equal(gate_field(&proof, &answer, "Empty"), "");
    assert_string_equal(gate_field(&proof, &answer, "last"), "x");
    assert_null(gate_field(&proof, &answer, "Locatio"));
    assert_null(gate_field(&proof, &answer, "Set-Cookie"));
}

static void rows_are_counted_and_keep_their_order(void **state)
{
    struct unit *unit = *state;
    struct gate_proof proof = {.arena = &unit->arena};

    assert_true(gate_row(&proof, GATE_HELD, "a", "1", &unit->err));
    assert_true(gate_row(&proof, GATE_BROKEN, "b", "2", &unit->err));
    assert_true(gate_row(&proof, GATE_HELD, "c", "3", &unit->err));
    assert_int_equal(proof.rows.counts[GATE_HELD], 2);
    assert_int_equal(proof.rows.counts[GATE_BROKEN], 1);
    assert_int_equal(proof.rows.counts[GATE_NOT_ASKED], 0);
    assert_string_equal(proof.rows.first->next->what, "b");
    assert_string_equal(proof.rows.last->evidence, "3");
}

static void what_has_ended_at_once_is_not_waited_for(void **state)
{
    struct unit *unit = *state;
    /* Of a scheme that libcurl is not given, so the request ends in the first step of it. */
    const struct prove_site site = {.url = "http://localhost", .worker_header = "X-Worker", .answer_bytes_max = 1024};
    const struct gate_request request = {.origin = "gopher://localhost"};
    struct gate_proof proof = {.arena = &unit->arena, .site = {.target = "/"}};
    struct prove_answer answer;
    int64_t began_us = clock_system.monotonic_us();

    assert_granted(prove_http_new(&proof.http, &site, 1, &unit->err), &unit->err);
    assert_granted(gate_ask(&proof, &request, &answer, &unit->err), &unit->err);
    assert_int_equal(answer.status, 0);
    assert_true(clock_system.monotonic_us() - began_us < GATE_TIMEOUT_S * 1000 * 1000 / 2);
    prove_http_free(proof.http);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(only_the_gates_own_words_are_a_refusal),
        PROMISE(a_field_is_found_by_its_whole_name),
        PROMISE(rows_are_counted_and_keep_their_order),
        PROMISE(what_has_ended_at_once_is_not_waited_for),
    };

    return KEEP_PROMISES(promises);
}
