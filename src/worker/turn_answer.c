#include "worker/turn_answer.h"

/* A client that reads as fast as it is sent to gets this many pieces in one turn: one block of the database. */
enum { PIECES_PER_TURN = BLOCK_POOL_BYTES / ANSWER_PIECE_MAX_BYTES };

_Static_assert((int)RESPONSE_ANSWER_MAX <= (int)FCGI_PIECE_MAX_BYTES, "an answer that is sent whole is one piece");

/* Keeps the rest of the block while other turns do not need its memory. */
static void wait_for_room(struct turns *turns, struct turn *turn)
{
    serve_settle(&turn->exchange);
    turn_read_ahead(turns, turn);
    while (turns->readers_count > TURNS_READ_AHEAD_MAX) {
        struct turn *longest = TAILQ_FIRST(&turns->readers);

        turn_read_no_more(turns, longest);
        serve_rest(&longest->exchange);
    }
    turn_wait(turns, turn, FCGI_WAIT_ROOM);
}

bool turn_send_pieces(struct turns *turns, struct turn *turn)
{
    struct exchange *x = &turn->exchange;

    for (int pieces = 0;; pieces++) {
        const void *bytes;
        size_t length;
        bool last;
        enum fcgi_sent sent = fcgi_send(turn->request);

        if (sent == FCGI_SENT_PART && turns->streams < turns_streams_max(turns)) {
            serve_settle(x);
            turn_wait(turns, turn, x->source != NULL ? FCGI_WAIT_ROOM : FCGI_WAIT_TAKEN);
            return false;
        }
        if (sent != FCGI_SENT_ALL) {
            turn_client_gone(turns);
            fcgi_abandon(turn->request, "the peer takes no answer");
            return true;
        }
        if (x->answer_left <= 0) {
            fcgi_sent_all(turn->request);
            return true;
        }
        if (pieces == PIECES_PER_TURN || (turns_are_crowded(turns) && !fcgi_has_room(turn->request))) {
            wait_for_room(turns, turn);
            return false;
        }
        if (!serve_next(x, &bytes, &length, &last)) {
            fcgi_abandon(turn->request, "the answer is cut off");
            return true;
        }
        if (!turns_are_crowded(turns))
            serve_expect(x);
        fcgi_piece(turn->request, bytes, length, last);
    }
}

static void pass_point(struct turns *turns, const char *name)
{
    if (turns->services->point != NULL)
        turns->services->point(name);
}

bool turn_answer(struct turns *turns, struct turn *turn, enum serving serving, const struct buf *bytes)
{
    switch (serving) {
    case SERVING_PIECES:
        fcgi_piece(turn->request, bytes->bytes, bytes->length, false);
        return turn_send_pieces(turns, turn);
    case SERVING_ANSWER:
        pass_point(turns, "before-answer");
        turn->exchange.answer_left = 0; /* all there is; a HEAD has no more */
        fcgi_piece(turn->request, bytes->bytes, bytes->length, true);
        return turn_send_pieces(turns, turn);
    case SERVING_NOTHING:
    case SERVING_BODY:
    case SERVING_JOB:
        fcgi_abandon(turn->request, "there is no answer");
        break;
    }
    return true;
}
