/* What must be true of a connection whatever is sent on it, in whatever pieces: what is parsed is what was framed. */
#ifndef MAYFLY_T_FCGI_PROMISE_H
#define MAYFLY_T_FCGI_PROMISE_H

#include "fcgi-loop.h"
#include "fcgi-stream.h"

/* "NAME=value" of each pair, as C sees them. */
static inline uint64_t promise_params(const struct framed *framed)
{
    const unsigned char *at = framed->params, *end = at + framed->params_length;
    uint64_t hash = LOOP_HASH_START;

    while (at < end) {
        size_t lengths[2];
        char *text;

        for (int i = 0; i < 2; i++) {
            lengths[i] = at[0];
            if ((at[0] & 0x80) != 0) {
                lengths[i] = (size_t)(at[0] & 0x7F) << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
                at += 3;
            }
            at++;
        }
        text = malloc(lengths[0] + lengths[1] + 2);
        if (text == NULL)
            abort();
        memcpy(text, at, lengths[0]);
        text[lengths[0]] = '=';
        memcpy(text + lengths[0] + 1, at + lengths[0], lengths[1]);
        text[lengths[0] + 1 + lengths[1]] = '\0';
        hash = loop_hash(hash, text, strlen(text) + 1);
        free(text);
        at += lengths[0] + lengths[1];
    }
    return hash;
}

/* NULL, or the promise that is broken after the first length bytes of a stream were fed. */
static inline const char *promise_broken(const struct loop *loop, const unsigned char *bytes, size_t length)
{
    const char *broken = NULL;
    size_t at = 0, ends_allowed = 0;

    for (size_t i = 0; i < loop->count && broken == NULL; i++) {
        struct framed framed = framed_read(bytes, length, at);
        const struct loop_seen *seen = &loop->seen[i];

        if (!framed.whole_head || promise_params(&framed) != seen->params)
            broken = "a request was seen that nobody framed";
        else if (seen->read && (!framed.whole || seen->body_length != framed.body_length ||
                                seen->body != loop_hash(LOOP_HASH_START, framed.body, framed.body_length)))
            broken = "a body is not what was framed";
        else if (!framed.whole && i + 1 < loop->count)
            broken = "a request was seen within another's body";
        ends_allowed += framed.whole || !framed.keep;
        at = framed.end;
        framed_free(&framed);
    }
    if (broken == NULL && loop->ends > ends_allowed)
        broken = "an answer ended before its request on a connection that is kept";
    return broken;
}

/* NULL, or what is wrong with the answers: each request's own, in their order, all of them. */
static inline const char *promise_answers(const struct loop *loop, size_t wanted)
{
    size_t number = 0;
    char text[LOOP_ANSWER_BYTES];

    for (size_t at = 0; at + FCGI_RECORD_HEADER_BYTES <= loop->out_length;) {
        const unsigned char *header = loop->out + at;
        size_t content = fcgi_record_content(header);

        snprintf(text, sizeof text, "answer %zu", number);
        if (header[1] == FCGI_RECORD_ANSWER && content > 0 &&
            (content != strlen(text) || memcmp(header + FCGI_RECORD_HEADER_BYTES, text, content) != 0))
            return "an answer is not its request's own";
        number += header[1] == FCGI_RECORD_END;
        at += FCGI_RECORD_HEADER_BYTES + content + fcgi_record_padding(header);
    }
    return number == wanted ? NULL : "not every request was answered, or more than all";
}

#endif
